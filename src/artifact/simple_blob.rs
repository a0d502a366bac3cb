//! SIMPLEBLOB: a session key wrapped for the exchange key of a CryptoAPI container.
//!
//! Without the private key it can only be said what the blob claims and whether a given public key could have made it: the
//! wrapped block is as long as the modulus and, as a number, smaller. That is weak evidence, hence the word plausible.
//! Specification: Platform SDK, "Simple Key BLOBs" and "Building a Simple Key Blob" (least significant byte first).

use zerocopy::byteorder::little_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::artifact::machine_key::RsaPublic;
use crate::base::bytes;
use crate::error::{Error, Result};

/// CALG_RSA_KEYX: wrapped with an RSA exchange key.
pub const RSA_KEYX: u32 = 0xa400;
/// CALG_RC4, the session key of IIS 4 to 6.
pub const RC4: u32 = 0x6801;
/// CALG_AES_128 and CALG_AES_256, the session keys of IIS 7 and later.
pub const AES_128: u32 = 0x660e;
/// See [`AES_128`].
pub const AES_256: u32 = 0x6610;

/// Type SIMPLEBLOB, version 2, two reserved bytes.
const PREFIX: [u8; 4] = [1, 2, 0, 0];
/// Longest block that is believed: 16384 bits.
const BLOCK_BYTES_MAX: usize = 2048;

/// The fixed part.
#[derive(Debug, FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    prefix: [u8; 4],    // 0x00
    key_algorithm: U32, // 0x04
    wrapped_for: U32,   // 0x08
}

const _: () = assert!(size_of::<Header>() == 0x0c);

/// A wrapped session key. What it holds is never shown, not even wrapped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SimpleBlob<'b> {
    /// The algorithm of the key inside (ALG_ID).
    pub key_algorithm: u32,
    /// The algorithm of the key that it is wrapped for (ALG_ID).
    pub wrapped_for: u32,
    /// The wrapped block, least significant byte first.
    pub block: &'b [u8],
}

impl std::fmt::Debug for SimpleBlob<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SimpleBlob")
            .field(
                "key_algorithm",
                &format_args!("0x{:04x}", self.key_algorithm),
            )
            .field("wrapped_for", &format_args!("0x{:04x}", self.wrapped_for))
            .field("block_bytes", &self.block.len())
            .finish()
    }
}

/// Whether a key pair could have made a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plausibility {
    /// Nothing speaks against it.
    Plausible,
    /// It cannot have; the text says why.
    Impossible(String),
}

impl<'b> SimpleBlob<'b> {
    /// Parses a blob that fills the bytes.
    ///
    /// # Errors
    /// Bytes that are too short, of another type or version, or without a block.
    pub fn parse(blob: &'b [u8]) -> Result<Self> {
        let (header, block) = Header::read_from_prefix(blob).map_err(|_| {
            Error::corrupt(format!(
                "session key at 0x00000000: header should be 12 bytes, blob has {}",
                blob.len()
            ))
        })?;
        if header.prefix != PREFIX {
            return Err(Error::corrupt(format!(
                "session key at 0x00000000: should begin with {}, begins with {}",
                bytes::hex(&PREFIX),
                bytes::hex(&header.prefix)
            )));
        }
        if block.is_empty() || block.len() > BLOCK_BYTES_MAX {
            return Err(Error::corrupt(format!(
                "session key at 0x0000000c: block should be 1 to {BLOCK_BYTES_MAX} bytes, is {}",
                block.len()
            )));
        }
        Ok(Self {
            key_algorithm: header.key_algorithm.get(),
            wrapped_for: header.wrapped_for.get(),
            block,
        })
    }

    /// Whether the pair with this public half could have made the blob for a key of IIS 7 or later.
    pub fn plausible_for(&self, key: &RsaPublic) -> Plausibility {
        let impossible = |why: String| Plausibility::Impossible(why);
        if self.wrapped_for != RSA_KEYX {
            return impossible(format!(
                "wrapped for algorithm 0x{:04x}, should be 0x{RSA_KEYX:04x}",
                self.wrapped_for
            ));
        }
        if ![AES_128, AES_256].contains(&self.key_algorithm) {
            return impossible(format!(
                "key of algorithm 0x{:04x}, should be 0x{AES_128:04x} or 0x{AES_256:04x}",
                self.key_algorithm
            ));
        }
        self.block_fits(key)
    }

    /// Whether the block is one for the pair with this public half, whatever the algorithms.
    pub fn block_fits(&self, key: &RsaPublic) -> Plausibility {
        let impossible = |why: String| Plausibility::Impossible(why);
        let modulus = &key.modulus_le;
        if self.block.len() != modulus.len() {
            return impossible(format!(
                "block of {} bytes, the modulus has {}",
                self.block.len(),
                modulus.len()
            ));
        }
        // Numbers of one length, least significant byte first: compared from their ends.
        if self.block.iter().rev().ge(modulus.iter().rev()) {
            return impossible("block is not smaller than the modulus".to_owned());
        }
        Plausibility::Plausible
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::base64;

    /// The sessionKey of AesProvider that asprangers.com, "MachineKeys on IIS 7.x : Inside Out" (2012-05-03), prints.
    const PUBLISHED: &str = "AQIAAA5mAAAApAAAitO83VeqvKDRboksTP0uTVHgRDjrJEwOrnMjBTQQSGgCybl2eeUkjNZOSwXKuydOOZxf\
        /4NY46+XU7Y3w3OmXGVaITw5NRmXY4OPWRR6hhBo2MMLuIoX4K1fJ4VfMX/CHORyi3xR083u70H/OprrmRIHXIof0ItuMQmQZEXIxKc=";

    fn published() -> Vec<u8> {
        base64::decode(PUBLISHED).unwrap()
    }

    fn key(bytes: usize, top: u8) -> RsaPublic {
        let mut modulus_le = vec![1; bytes];
        modulus_le[bytes - 1] = top;
        RsaPublic {
            bits: u32::try_from(bytes * 8).unwrap(),
            exponent: 65537,
            modulus_le,
        }
    }

    #[test]
    fn the_published_session_key_is_an_aes_128_key_for_a_modulus_of_1024_bits() {
        let bytes = published();
        let blob = SimpleBlob::parse(&bytes).unwrap();
        assert_eq!(
            (
                bytes.len(),
                blob.key_algorithm,
                blob.wrapped_for,
                blob.block.len()
            ),
            (140, AES_128, RSA_KEYX, 128)
        );
    }

    #[test]
    fn a_larger_modulus_of_the_same_length_is_plausible() {
        // The last byte of the published block, its most significant, is 0xa7.
        let bytes = published();
        let blob = SimpleBlob::parse(&bytes).unwrap();
        assert_eq!(blob.plausible_for(&key(128, 0xa8)), Plausibility::Plausible);
    }

    #[test]
    fn a_smaller_modulus_another_length_and_other_algorithms_are_impossible() {
        let bytes = published();
        let blob = SimpleBlob::parse(&bytes).unwrap();
        let other = |key_algorithm, wrapped_for| SimpleBlob {
            key_algorithm,
            wrapped_for,
            ..blob
        };
        for (blob, key, why) in [
            (blob, key(128, 0xa7), "not smaller"),
            (blob, key(64, 0xff), "64"),
            (blob, key(256, 0xff), "256"),
            (other(0x6801, RSA_KEYX), key(128, 0xff), "0x6801"),
            (other(AES_256, 0x2400), key(128, 0xff), "0x2400"),
        ] {
            match blob.plausible_for(&key) {
                Plausibility::Impossible(said) => assert!(said.contains(why), "{said}"),
                Plausibility::Plausible => panic!("{blob:?} is plausible"),
            }
        }
    }

    #[test]
    fn other_types_and_blobs_without_a_block_are_errors() {
        let whole = published();
        let mut other_type = whole.clone();
        other_type[0] = 6;
        for bytes in [
            &whole[..11],
            &whole[..12],
            &other_type[..],
            &vec![1; 4096][..],
        ] {
            assert!(SimpleBlob::parse(bytes).is_err(), "{}", bytes.len());
        }
    }

    #[test]
    fn the_debug_form_holds_no_byte_of_the_block() {
        let bytes = published();
        let shown = format!("{:?}", SimpleBlob::parse(&bytes).unwrap());
        assert_eq!(
            shown,
            "SimpleBlob { key_algorithm: 0x660e, wrapped_for: 0xa400, block_bytes: 128 }"
        );
    }
}
