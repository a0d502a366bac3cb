//! What a key file proves by itself: its structure, its container, its public keys.
//!
//! Links L2 to L4 of the chain as functions on the bytes of a file; layout as in [`CapiFile`]. The signature key is read even
//! from a file that is cut behind it: which metabase a damaged key belongs to is worth knowing.

use sha2::{Digest, Sha256};

use crate::artifact::machine_key::{CapiFile, KeyFileName, NameRule, RsaPublic, container_hash};
use crate::base::bytes;
use crate::error::{Error, Result};

/// The version that every key file carries.
const VERSION: u64 = 2;
// Offsets of lengths in the header, and its own length; the parts do not stand in the order of their lengths.
const NAME_LENGTH: usize = 0x08;
const SIG_PUBLIC_LENGTH: usize = 0x0c;
const SIG_PRIVATE_LENGTH: usize = 0x10;
const EX_PUBLIC_LENGTH: usize = 0x14;
const HASH_LENGTH: usize = 0x1c;
const SIG_EXPORT_FLAG_LENGTH: usize = 0x20;
const HEADER_BYTES: u64 = 0x28;

/// L2: whether the file is whole; the error says where it is not.
///
/// # Errors
/// Bytes that are no CryptoAPI key file, or a file whose lengths do not sum to its size.
pub fn structure(file: &[u8]) -> Result<CapiFile> {
    CapiFile::parse(file, file.len() as u64)
}

/// L3: whether the container that the file names in clear is the one that its own name stands for; `None` where one of the
/// two cannot be told.
pub fn is_named_for_its_container(file_name: &str, container: &str) -> Option<bool> {
    let hash = container_hash(container, NameRule::Capi)?;
    let named = KeyFileName::parse(file_name).container_hash?;
    Some(hash == named)
}

/// L4: the public half of the signature pair; `None` if the container has none.
///
/// # Errors
/// A file that ends before that part does, or a part that is no public key.
pub fn signature_key(file: &[u8]) -> Result<Option<RsaPublic>> {
    public_key(file, SIG_PUBLIC_LENGTH, &[NAME_LENGTH, HASH_LENGTH])
}

/// L4: the public half of the exchange pair; `None` if the container has none.
///
/// # Errors
/// A file that ends before that part does, or a part that is no public key.
pub fn exchange_key(file: &[u8]) -> Result<Option<RsaPublic>> {
    let before = [
        NAME_LENGTH,
        HASH_LENGTH,
        SIG_PUBLIC_LENGTH,
        SIG_PRIVATE_LENGTH,
        SIG_EXPORT_FLAG_LENGTH,
    ];
    public_key(file, EX_PUBLIC_LENGTH, &before)
}

/// The public key whose length stands at `length_at`, behind the parts whose lengths stand at `before`.
fn public_key(file: &[u8], length_at: usize, before: &[usize]) -> Result<Option<RsaPublic>> {
    let length = |at: usize| {
        bytes::u32_le(file, at).map(u64::from).ok_or_else(|| {
            Error::corrupt(format!(
                "key file at 0x{at:08x}: header should be 40 bytes, file has {}",
                file.len()
            ))
        })
    };
    let version = length(0)?;
    if version != VERSION {
        return Err(Error::corrupt(format!(
            "key file at 0x00000000: version should be {VERSION}, is {version}"
        )));
    }
    let key_bytes = length(length_at)?;
    if key_bytes == 0 {
        return Ok(None);
    }
    let mut start = HEADER_BYTES;
    for at in before {
        // A few numbers of 32 bits cannot overflow 64.
        start = start.saturating_add(length(*at)?);
    }
    let part = usize::try_from(start)
        .ok()
        .zip(usize::try_from(key_bytes).ok())
        .and_then(|(start, length)| bytes::slice(file, start, length))
        .ok_or_else(|| {
            Error::corrupt(format!(
                "key file at 0x{start:08x}: public key should be {key_bytes} bytes, file ends before"
            ))
        })?;
    RsaPublic::parse(part)
        .map(Some)
        .map_err(|error| error.at(format_args!("key file at 0x{start:08x}")))
}

/// SHA-256 of a modulus as it is written on paper, most significant byte first: what to compare keys by.
pub fn fingerprint(key: &RsaPublic) -> String {
    let modulus: Vec<u8> = key.modulus_le.iter().rev().copied().collect();
    bytes::hex(&Sha256::digest(modulus))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with a signature key of 512 bits and an exchange part, written from the table of the format.
    fn file() -> Vec<u8> {
        let mut file: Vec<u8> = [2_u32, 0, 4, 92, 0, 92, 0, 20, 0, 0]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        file.extend(b"abc\0");
        file.extend([0; 20]);
        for fill in [0x81, 0xc3] {
            file.extend(b"RSA1");
            for word in [72_u32, 512, 63, 65537] {
                file.extend(word.to_le_bytes());
            }
            file.extend([fill; 64]);
            file.extend([0; 8]);
        }
        file
    }

    #[test]
    fn the_signature_key_is_read_from_a_whole_file_and_from_one_cut_behind_it() {
        let whole = file();
        for len in [whole.len(), 40 + 24 + 92] {
            let key = signature_key(&whole[..len]).unwrap().unwrap();
            assert_eq!(key.modulus_le, [0x81; 64]);
        }
    }

    #[test]
    fn the_exchange_key_is_not_taken_for_the_signature_key() {
        let exchange = exchange_key(&file()).unwrap().unwrap();
        assert_eq!(exchange.modulus_le, [0xc3; 64]);
    }

    #[test]
    fn a_file_cut_inside_of_the_signature_key_is_corrupt_and_not_without_one() {
        for len in 0..40 + 24 + 84 {
            assert!(signature_key(&file()[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn a_container_without_a_signature_pair_has_no_signature_key() {
        let mut file = file();
        file[0x0c..0x10].fill(0);
        assert_eq!(signature_key(&file).unwrap(), None);
    }

    #[test]
    fn lengths_that_overflow_are_corrupt() {
        let mut file = file();
        file[0x08..0x0c].fill(0xff);
        file[0x1c..0x20].fill(0xff);
        assert!(signature_key(&file).is_err());
    }

    /// The hash of the container that publishes most (KB884872), and one that only its own name tells (jensign.com).
    #[test]
    fn a_container_is_held_against_the_name_of_its_file() {
        let named = |file: &str, container: &str| is_named_for_its_container(file, container);
        let iis = "c2319c42033a5ca7f44e731bfd3fa2b5_1b2162a0-ed5a-4d56-bd8a-8f2f65406b82";
        assert_eq!(
            named(iis, "Microsoft Internet Information Server"),
            Some(true)
        );
        assert_eq!(
            named(iis, "microsoft internet information SERVER"),
            Some(true)
        );
        assert_eq!(named(iis, "MS IIS DCOM Server"), Some(false));
        assert_eq!(
            named("52ab417621a9d74c73e3e0f1bc374e0a_x", "MyCoolContainer"),
            Some(true)
        );
        assert_eq!(named("no hash", "MyCoolContainer"), None);
    }
}
