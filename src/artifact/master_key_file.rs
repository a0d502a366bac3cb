//! A DPAPI master key file: its GUID, and the sections that hold the enciphered key.
//!
//! Whether the file that a key file names is there, and is one, decides whether the private key can be opened at all.
//! Everything here stands in clear; nothing is decrypted. Layout: `MasterKeyFile` and `MasterKey` of impacket, in agreement
//! with the templates of dpapick.

use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::base::bytes;
use crate::base::guid::Guid;
use crate::base::utf16;
use crate::error::{Error, Result};

/// Longest file that is read; the files of LocalSystem have 388 to 740 bytes.
pub const FILE_BYTES_MAX: u64 = 64 << 10;

/// The versions that are known: 1 in Windows 2000, 2 later.
const VERSIONS: [u32; 2] = [1, 2];
/// Length of a section's fields before the enciphered bytes.
const SECTION_HEAD_BYTES: usize = 32;
/// Ciphers of CryptoAPI by their CALG, and the bytes of a block: RC4, DES, RC2, triple DES with two and three keys, AES.
const CIPHERS: [(u32, usize); 8] = [
    (0x6801, 1),
    (0x6601, 8),
    (0x6602, 8),
    (0x6609, 8),
    (0x6603, 8),
    (0x660e, 16),
    (0x660f, 16),
    (0x6610, 16),
];
/// Hashes of CryptoAPI by their CALG, and the bytes of a digest: MD5, SHA-1, HMAC (with SHA-1), SHA-2.
const HASHES: [(u32, usize); 6] = [
    (0x8003, 16),
    (0x8004, 20),
    (0x8009, 20),
    (0x800c, 32),
    (0x800d, 48),
    (0x800e, 64),
];
/// Bytes of a master key.
const KEY_BYTES: usize = 64;
/// Bytes of the salt of the tag that is enciphered with the key, from version 2 on.
const TAG_SALT_BYTES: usize = 16;

/// The fixed part of the file.
#[derive(Debug, FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    version: U32,             // 0
    reserved: [u8; 8],        // 4
    guid: [u8; 72],           // 12, 36 UTF-16 characters
    reserved_behind: [u8; 8], // 84
    flags: U32,               // 92
    master_key_bytes: U64,    // 96
    backup_bytes: U64,        // 104
    credential_bytes: U64,    // 112
    domain_bytes: U64,        // 120
}

const _: () = assert!(size_of::<Header>() == 128);

/// A master key file, borrowed from its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MasterKeyFile<'b> {
    /// Version of the file.
    pub version: u32,
    /// The GUID that the file gives itself.
    pub guid: Guid,
    /// Flags.
    pub flags: u32,
    /// The section with the master key, enciphered under the secret of the account.
    pub master_key: Section<'b>,
}

/// A section: an enciphered key and how its cipher key is derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section<'b> {
    /// Version of the section.
    pub version: u32,
    /// Salt of the derivation.
    pub salt: [u8; 16],
    /// Rounds of the derivation.
    pub rounds: u32,
    /// CALG of the hash.
    pub hash: u32,
    /// CALG of the cipher.
    pub cipher: u32,
    /// The enciphered bytes.
    pub data: &'b [u8],
}

impl<'b> MasterKeyFile<'b> {
    /// Parses a whole file; bytes behind its sections are left alone.
    ///
    /// # Errors
    /// Bytes that are no master key file, or whose sections reach behind their end, or that hold no master key: one without
    /// rounds, algorithms, salt or data, or of another length than its algorithms make. [`crate::ErrorKind::Unsupported`] for
    /// algorithms that are not known.
    pub fn parse(file: &'b [u8]) -> Result<Self> {
        let (header, sections) = Header::ref_from_prefix(file).map_err(|_| {
            Error::corrupt(format!(
                "master key file at 0x00000000: header should be 128 bytes, file has {}",
                file.len()
            ))
        })?;
        let version = header.version.get();
        if !VERSIONS.contains(&version) {
            return Err(Error::corrupt(format!(
                "master key file at 0x00000000: version should be 1 or 2, is {version}"
            )));
        }
        let guid = Guid::parse(&utf16::decode_le(&header.guid)).ok_or_else(|| {
            Error::corrupt("master key file at 0x0000000c: should spell a GUID in UTF-16, does not")
        })?;
        let lengths = [
            header.master_key_bytes,
            header.backup_bytes,
            header.credential_bytes,
            header.domain_bytes,
        ];
        let wanted = lengths
            .iter()
            .fold(0_u64, |sum, length| sum.saturating_add(length.get()));
        if wanted > sections.len() as u64 {
            return Err(Error::corrupt(format!(
                "master key file at 0x00000060: sections should lie in the {} bytes of the file, need {wanted} behind the header",
                file.len()
            )));
        }
        let len = usize::try_from(header.master_key_bytes.get()).unwrap_or(usize::MAX);
        Ok(Self {
            version,
            guid,
            flags: header.flags.get(),
            master_key: section(sections.get(..len).unwrap_or_default())?,
        })
    }
}

fn section(bytes: &[u8]) -> Result<Section<'_>> {
    let read = || -> Option<Section<'_>> {
        Some(Section {
            version: bytes::u32_le(bytes, 0)?,
            salt: bytes::array(bytes, 4)?,
            rounds: bytes::u32_le(bytes, 20)?,
            hash: bytes::u32_le(bytes, 24)?,
            cipher: bytes::u32_le(bytes, 28)?,
            data: bytes.get(SECTION_HEAD_BYTES..)?,
        })
    };
    let section = read()
        .filter(|section| !section.data.is_empty())
        .ok_or_else(|| {
            Error::corrupt(format!(
                "master key file at 0x00000080: the master key should have more than {SECTION_HEAD_BYTES} bytes, has {}",
                bytes.len()
            ))
        })?;
    check(&section)?;
    Ok(section)
}

/// Whether the section can hold a master key at all: a crash leaves zeros where it was.
fn check(section: &Section<'_>) -> Result<()> {
    let hollow = [
        ("version", section.version == 0),
        ("salt", section.salt.iter().all(|byte| *byte == 0)),
        ("rounds", section.rounds == 0),
        ("hash", section.hash == 0),
        ("cipher", section.cipher == 0),
        (
            "enciphered bytes",
            section.data.iter().all(|byte| *byte == 0),
        ),
    ];
    if let Some((what, _)) = hollow.iter().find(|(_, is_zero)| *is_zero) {
        return Err(Error::corrupt(format!(
            "master key file at 0x00000080: the master key should have {what}, has zeros"
        )));
    }
    let digest = known(&HASHES, section.hash, "hash")?;
    let block = known(&CIPHERS, section.cipher, "cipher")?;
    let tag = match section.version {
        1 => 0,
        _ => digest.saturating_add(TAG_SALT_BYTES),
    };
    let wanted = KEY_BYTES.saturating_add(tag);
    let len = section.data.len();
    if len < wanted || !len.is_multiple_of(block) {
        return Err(Error::corrupt(format!(
            "master key file at 0x000000a0: enciphered bytes should be whole blocks of {block}, at least {wanted}, are {len}"
        )));
    }
    Ok(())
}

fn known(table: &[(u32, usize)], calg: u32, what: &str) -> Result<usize> {
    table
        .iter()
        .find(|(known, _)| *known == calg)
        .map(|(_, len)| *len)
        .ok_or_else(|| {
            Error::unsupported(format!(
                "master key file at 0x00000080: {what} 0x{calg:08x} is not known"
            ))
        })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::artifact::dpapi_blob::tests::unhex;
    use crate::error::ErrorKind;

    /// `systemMasterKeyFile` of impacket (tests/misc/test_dpapi.py).
    pub(crate) fn impacket_system_file() -> Vec<u8> {
        unhex(SYSTEM_FILE)
    }

    const SYSTEM_FILE: &str = "020000000000000000000000650061003900350065006200610038002d0062006100300030002d003400650031006100\
        2d0062003400330066002d00350031006500610033003000310037003100640031003100000000000000000006000000\
        b00000000000000090000000000000001400000000000000000000000000000002000000f42f61ea0c9647bf40381989\
        8452089ff84300000e80000010660000e2441dec11a6b6f03ffebba1e71473f78da46a52b12caff7df9925ed6ac89d84\
        050ad15cfe88ec50ece201e5a80eb198909ff8c781510f78859b96cfade433c83a7f3fc19926b0280e6a196ef1b0b5e1\
        b3c1ab426120da53f24e5989f8a7d3dde86ac444901401a6df6407f550d197ff27c91abb5c331250b5a7ce58c1f61fd0\
        d656360df58e6f5b5faac639661aa89402000000bdc1f9592357353a2a3ebcf8cedc72bbf84300000e80000010660000\
        1231d67ec689fea9f6de6bd66a21e28d5405232df71deae5bf3ab63c6cb2cac08ad17456979d72b70de13afc2b61d054\
        34161191dcdfb24aaac7ed0275f71eff9f936a559aff4be6301ba99d66bd8e07b1a325c73c7a4da97117f80551a3f0a7\
        5da9fcc37c4d2bb43b5a9ef1684446ae0300000000000000000000000000000000000000";

    /// A whole file of that name; the layout is that of the table above, the enciphered bytes mean nothing.
    pub(crate) fn file(guid: &str) -> Vec<u8> {
        let mut file = impacket_system_file();
        file[12..84].copy_from_slice(&utf16::encode_le(guid));
        file
    }

    #[test]
    fn the_system_file_of_impacket_has_its_guid_rounds_and_algorithms() {
        let bytes = impacket_system_file();
        let file = MasterKeyFile::parse(&bytes).unwrap();
        assert_eq!(
            file.guid.to_string(),
            "ea95eba8-ba00-4e1a-b43f-51ea30171d11"
        );
        assert_eq!((file.version, file.flags), (2, 6));
        let key = file.master_key;
        assert_eq!(
            (key.rounds, key.hash, key.cipher, key.data.len()),
            (17_400, 0x800e, 0x6610, 144)
        );
    }

    #[test]
    fn a_truncated_file_is_corrupt_at_every_length() {
        let bytes = impacket_system_file();
        for len in 0..bytes.len() {
            assert!(MasterKeyFile::parse(&bytes[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn lengths_that_overflow_64_bits_are_not_taken_for_a_fit() {
        let mut bytes = impacket_system_file();
        bytes[96..112].fill(0xff);
        assert!(MasterKeyFile::parse(&bytes).is_err());
    }

    #[test]
    fn zeros_are_no_master_key_file() {
        assert!(MasterKeyFile::parse(&[0; 468]).is_err());
    }

    #[test]
    fn a_file_without_a_master_key_section_is_corrupt() {
        let mut bytes = impacket_system_file();
        bytes[96..104].fill(0);
        assert!(MasterKeyFile::parse(&bytes).is_err());
    }

    /// Header and GUID intact, the section zeros in part or whole.
    #[test]
    fn a_hollow_master_key_is_corrupt() {
        for range in [128..304, 132..148, 148..152, 152..156, 156..160, 160..304] {
            let mut bytes = impacket_system_file();
            bytes[range.clone()].fill(0);
            let error = MasterKeyFile::parse(&bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{range:?}");
        }
    }

    #[test]
    fn a_master_key_of_another_length_than_its_algorithms_make_is_corrupt() {
        for bytes_of_key in [143_u8, 128, 16, 136] {
            let mut bytes = impacket_system_file();
            bytes[96] = 32 + bytes_of_key;
            let error = MasterKeyFile::parse(&bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{bytes_of_key}");
        }
    }

    #[test]
    fn an_algorithm_that_is_not_known_is_unsupported_and_not_corrupt() {
        for offset in [152, 156] {
            let mut bytes = impacket_system_file();
            bytes[offset] = 0x77;
            let error = MasterKeyFile::parse(&bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{offset}");
        }
    }
}
