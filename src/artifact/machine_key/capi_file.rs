//! The head of a CryptoAPI private key file (`RSA\MachineKeys\*`, `RSA\S-1-5-18\*`): lengths and what stands in clear.
//!
//! No key material is read: the lengths, the container's name and the GUIDs of the DPAPI master keys suffice to tell whether
//! the file is whole, is named for its own container, and can be opened at all. Layout: `KULL_M_KEY_CAPI_BLOB` of mimikatz,
//! in agreement with the reader of dpapick3.

use std::ops::Range;

use zerocopy::byteorder::little_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::artifact::dpapi_blob::{self, DpapiBlob};
use crate::base::guid::Guid;
use crate::error::{Error, Result};

/// How much of a file is read to see all of its lengths, its name and the master keys; a whole file is about 2 KiB.
pub const HEAD_BYTES: usize = 16 << 10;

/// The version that every CryptoAPI key file carries.
const VERSION: u32 = 2;
/// Longest container name that is believed (the limit of CryptAcquireContext is MAX_PATH).
const NAME_BYTES_MAX: usize = 4096;
/// How much of a DPAPI blob names its master key.
const BLOB_HEAD: u64 = dpapi_blob::HEAD_BYTES as u64;

/// The fixed part of a key file.
#[derive(Debug, FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    version: U32,         // 0x00
    reserved: U32,        // 0x04
    name: U32,            // 0x08, with its NUL
    sig_public: U32,      // 0x0c
    sig_private: U32,     // 0x10
    ex_public: U32,       // 0x14
    ex_private: U32,      // 0x18
    hash: U32,            // 0x1c
    sig_export_flag: U32, // 0x20
    ex_export_flag: U32,  // 0x24
}

const _: () = assert!(size_of::<Header>() == 0x28);

/// A key file as its head describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapiFile {
    /// The container's name in clear, if it lies in the bytes given and is ASCII.
    pub container_name: Option<String>,
    /// Whether there is a signature key pair.
    pub has_signature_pair: bool,
    /// Whether there is an exchange key pair.
    pub has_exchange_pair: bool,
    /// The DPAPI master keys that the private parts need, each once; `None` if one lies behind the bytes given.
    pub master_keys: Option<Vec<Guid>>,
    /// Where the parts of the signature pair lie.
    pub signature: PairPlaces,
    /// Where the parts of the exchange pair lie.
    pub exchange: PairPlaces,
}

/// Where the parts of a key pair lie in the file, in bytes from its start; a part that is not there is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PairPlaces {
    /// The public key (RSA1), in clear.
    pub public: Range<u64>,
    /// The private key, a DPAPI blob.
    pub private: Range<u64>,
    /// The export flag, a DPAPI blob.
    pub export_flag: Range<u64>,
}

impl CapiFile {
    /// Parses the head of a file that is `size_bytes` long.
    ///
    /// # Errors
    /// A file whose version, lengths or private parts are not those of a CryptoAPI key file.
    pub fn parse(head: &[u8], size_bytes: u64) -> Result<Self> {
        let (header, _) = Header::read_from_prefix(head).map_err(|_| {
            Error::corrupt(format!(
                "key file at 0x00000000: header should be 40 bytes, file has {size_bytes}"
            ))
        })?;
        if header.version.get() != VERSION {
            return Err(Error::corrupt(format!(
                "key file at 0x00000000: version should be {VERSION}, is {}",
                header.version.get()
            )));
        }
        // The order of the parts on disk is not that of their lengths in the header.
        let lengths = [
            header.name,
            header.hash,
            header.sig_public,
            header.sig_private,
            header.sig_export_flag,
            header.ex_public,
            header.ex_private,
            header.ex_export_flag,
        ];
        let mut offset = size_of::<Header>() as u64;
        let parts = lengths.map(|length| {
            let start = offset;
            offset = offset.saturating_add(u64::from(length.get()));
            start..offset
        });
        if offset != size_bytes {
            return Err(Error::corrupt(format!(
                "key file at 0x00000008: lengths should sum to {size_bytes} bytes, sum to {offset}"
            )));
        }
        let [
            name,
            _,
            sig_public,
            sig_private,
            sig_flag,
            ex_public,
            ex_private,
            ex_flag,
        ] = parts;
        Ok(Self {
            container_name: name_in(head, &name)?,
            has_signature_pair: !sig_public.is_empty() && !sig_private.is_empty(),
            has_exchange_pair: !ex_public.is_empty() && !ex_private.is_empty(),
            master_keys: master_keys(head, &[&sig_private, &ex_private])?,
            signature: PairPlaces {
                public: sig_public,
                private: sig_private,
                export_flag: sig_flag,
            },
            exchange: PairPlaces {
                public: ex_public,
                private: ex_private,
                export_flag: ex_flag,
            },
        })
    }

    /// The bytes of a part, if all of it lies in the bytes given; `None` too for a part that is not there.
    pub fn part<'b>(file: &'b [u8], place: &Range<u64>) -> Option<&'b [u8]> {
        part_of(file, place).filter(|part| !part.is_empty())
    }
}

/// A part's place in the file.
type Part = Range<u64>;

/// The bytes of a part as far as they are at hand.
fn part_of<'b>(head: &'b [u8], part: &Part) -> Option<&'b [u8]> {
    head.get(usize::try_from(part.start).ok()?..usize::try_from(part.end).ok()?)
}

fn name_in(head: &[u8], part: &Part) -> Result<Option<String>> {
    let Some(raw) = part_of(head, part).filter(|raw| raw.len() <= NAME_BYTES_MAX) else {
        return Ok(None);
    };
    let Some((0, text)) = raw.split_last() else {
        return Err(Error::corrupt(
            "key file at 0x00000028: the container name should end in NUL",
        ));
    };
    let shown = !text.is_empty() && text.iter().all(|byte| (0x20..0x7f).contains(byte));
    Ok(shown.then(|| text.iter().copied().map(char::from).collect()))
}

fn master_keys(head: &[u8], private_parts: &[&Part]) -> Result<Option<Vec<Guid>>> {
    let mut guids = Vec::new();
    for part in private_parts.iter().filter(|part| !part.is_empty()) {
        let at = |error: Error| error.at(format_args!("key file at 0x{:08x}", part.start));
        let named = match part_of(head, part) {
            Some(blob) => DpapiBlob::parse(blob).map_err(at)?.master_key,
            // The part goes on behind the bytes at hand, or its first bytes lie there too.
            None => match part_of(head, &(part.start..part.start.saturating_add(BLOB_HEAD))) {
                Some(blob) => dpapi_blob::master_key(blob).map_err(at)?,
                None => return Ok(None),
            },
        };
        if !guids.contains(&named) {
            guids.push(named);
        }
    }
    Ok(Some(guids))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The master key of [`file`].
    const MASTER_KEY: &str = "ea95eba8-1234-4321-8c7a-00c04fc297eb";

    /// A DPAPI blob of 84 bytes that names `MASTER_KEY`; written from the table of the format, not by the parser.
    fn blob() -> Vec<u8> {
        let mut blob = vec![1, 0, 0, 0];
        blob.extend([
            0xd0, 0x8c, 0x9d, 0xdf, 0x01, 0x15, 0xd1, 0x11, 0x8c, 0x7a, 0x00, 0xc0, 0x4f, 0xc2,
            0x97, 0xeb,
        ]);
        blob.extend([1, 0, 0, 0]);
        blob.extend([
            0xa8, 0xeb, 0x95, 0xea, 0x34, 0x12, 0x21, 0x43, 0x8c, 0x7a, 0x00, 0xc0, 0x4f, 0xc2,
            0x97, 0xeb,
        ]);
        blob.resize(84, 0);
        blob
    }

    /// A key file with both pairs for the container `name`.
    pub(crate) fn file(name: &str) -> Vec<u8> {
        let name_bytes = u32::try_from(name.len() + 1).unwrap();
        let lengths: [u32; 10] = [2, 0, name_bytes, 92, 84, 92, 84, 20, 84, 84];
        let mut file: Vec<u8> = lengths.iter().flat_map(|word| word.to_le_bytes()).collect();
        file.extend(name.bytes());
        file.push(0);
        file.extend([0; 20 + 92]);
        file.extend(blob());
        file.extend([0; 84 + 92]);
        file.extend(blob());
        file.extend([0; 84]);
        file
    }

    fn parse(bytes: &[u8]) -> Result<CapiFile> {
        CapiFile::parse(bytes, bytes.len() as u64)
    }

    #[test]
    fn a_whole_file_gives_its_name_pairs_and_master_key() {
        let file = parse(&file("Microsoft Internet Information Server")).unwrap();
        assert_eq!(
            file.container_name.as_deref(),
            Some("Microsoft Internet Information Server")
        );
        assert!(file.has_signature_pair && file.has_exchange_pair);
        assert_eq!(
            file.master_keys,
            Some(vec![Guid::parse(MASTER_KEY).unwrap()])
        );
    }

    #[test]
    fn the_places_of_both_pairs_hold_what_stands_there() {
        let whole = file("abc");
        let parsed = parse(&whole).unwrap();
        // 40 of header, 4 of name, 20 of hash, then 92, 84 and 84 bytes of each pair.
        assert_eq!(parsed.signature.public, 64..156);
        assert_eq!(parsed.exchange.private, 416..500);
        for pair in [&parsed.signature, &parsed.exchange] {
            assert_eq!(
                CapiFile::part(&whole, &pair.private),
                Some(blob().as_slice())
            );
        }
    }

    #[test]
    fn a_truncated_file_is_corrupt_at_every_length() {
        let whole = file("abc");
        for len in 0..whole.len() {
            assert!(parse(&whole[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn a_head_that_ends_before_the_private_keys_leaves_the_master_keys_open() {
        let whole = file("abc");
        let file = CapiFile::parse(&whole[..60], whole.len() as u64).unwrap();
        assert_eq!(file.container_name.as_deref(), Some("abc"));
        assert_eq!(file.master_keys, None);
    }

    #[test]
    fn lengths_that_overflow_32_bits_are_not_taken_for_a_fit() {
        let mut whole = file("abc");
        whole[0x1c..0x20].copy_from_slice(&u32::MAX.to_le_bytes());
        whole[0x20..0x24].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(parse(&whole).is_err());
    }

    #[test]
    fn zeros_are_no_key_file() {
        assert!(parse(&[0; 2048]).is_err());
    }

    #[test]
    fn a_private_part_that_is_no_dpapi_blob_is_corrupt() {
        let mut whole = file("abc");
        let start = 40 + 4 + 20 + 92;
        whole[start + 4] ^= 1;
        assert!(parse(&whole).unwrap_err().to_string().contains("DPAPI"));
    }
}
