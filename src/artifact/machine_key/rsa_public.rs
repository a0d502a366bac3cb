//! The public half of a key pair in a CryptoAPI key file: the structure RSA1.
//!
//! It lies in clear in the file, so it proves without any secret what a key signed. Layout: the readers of mimikatz and
//! dpapick3; the modulus is little-endian and followed by eight zero bytes.

use zerocopy::byteorder::little_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::error::{Error, Result};

/// Smallest and largest modulus of Microsoft's providers, in bits.
const MODULUS_BITS: std::ops::RangeInclusive<u32> = 384..=16384;

/// The fixed part of RSA1.
#[derive(Debug, FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    magic: [u8; 4],       // 0x00, "RSA1"
    key_length: U32,      // 0x04, bits / 8 + 8
    bit_length: U32,      // 0x08
    data_length: U32,     // 0x0c, bits / 8 - 1
    public_exponent: U32, // 0x10
}

const _: () = assert!(size_of::<Header>() == 0x14);

/// A public key as it stands in a key file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaPublic {
    /// Length of the modulus in bits.
    pub bits: u32,
    /// The public exponent.
    pub exponent: u32,
    /// The modulus, `bits / 8` bytes, least significant first.
    pub modulus_le: Vec<u8>,
}

impl RsaPublic {
    /// Parses a public part.
    ///
    /// # Errors
    /// Bytes without the magic, with a length of the modulus that Windows does not make, or that end before it does.
    pub fn parse(part: &[u8]) -> Result<Self> {
        let (header, rest) = Header::read_from_prefix(part)
            .map_err(|_| Error::corrupt("public key at 0x00000000: header should be 20 bytes"))?;
        if header.magic != *b"RSA1" {
            return Err(Error::corrupt(format!(
                "public key at 0x00000000: magic should be RSA1, is {}",
                crate::base::bytes::hex(&header.magic)
            )));
        }
        let bits = header.bit_length.get();
        if !MODULUS_BITS.contains(&bits) || !bits.is_multiple_of(8) {
            return Err(Error::corrupt(format!(
                "public key at 0x00000008: bits should be 384 to 16384 and a multiple of 8, are {bits}"
            )));
        }
        let modulus = usize::try_from(bits / 8)
            .ok()
            .and_then(|length| rest.get(..length))
            .ok_or_else(|| {
                Error::corrupt(format!(
                    "public key at 0x00000014: modulus should be {} bytes, {} are left",
                    bits / 8,
                    rest.len()
                ))
            })?;
        if modulus.last().is_none_or(|top| top >> 7 == 0) {
            return Err(Error::corrupt(format!(
                "public key at 0x00000014: modulus should be of {bits} bits, is shorter"
            )));
        }
        Ok(Self {
            bits,
            exponent: header.public_exponent.get(),
            modulus_le: modulus.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RSA1 of 512 bits, written from the table of the format.
    fn part() -> Vec<u8> {
        let mut part = b"RSA1".to_vec();
        for word in [72_u32, 512, 63, 65537] {
            part.extend(word.to_le_bytes());
        }
        part.extend([0x81; 64]);
        part.extend([0; 8]);
        part
    }

    #[test]
    fn a_whole_part_gives_bits_exponent_and_modulus() {
        let key = RsaPublic::parse(&part()).unwrap();
        assert_eq!((key.bits, key.exponent), (512, 65537));
        assert_eq!(key.modulus_le, [0x81; 64]);
    }

    #[test]
    fn a_cut_part_is_corrupt() {
        for len in 0..20 + 64 {
            assert!(RsaPublic::parse(&part()[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn lengths_that_windows_does_not_make_are_corrupt() {
        for bits in [0_u32, 8, 376, 513, 16392, u32::MAX] {
            let mut part = part();
            part[8..12].copy_from_slice(&bits.to_le_bytes());
            part.resize(20 + 4096, 0x81);
            assert!(RsaPublic::parse(&part).is_err(), "{bits}");
        }
    }

    #[test]
    fn a_modulus_with_leading_zeros_is_corrupt() {
        let mut part = part();
        part[20 + 63] = 0x7f;
        assert!(RsaPublic::parse(&part).is_err());
    }
}
