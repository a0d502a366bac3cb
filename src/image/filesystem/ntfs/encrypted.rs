//! The files that EFS encrypts: every record of the MFT is read, since nothing else on a volume lists them.
//!
//! A file is one where FILE_ATTRIBUTE_ENCRYPTED stands in `$STANDARD_INFORMATION`, which is in the base record always. On a
//! directory it says that new files will be encrypted; it is not counted. Layout: `layout.h` of ntfs-3g.

use crate::base::utf16;
use crate::error::{Error, ErrorKind, Result};
use crate::image::filesystem::ATTRIBUTE_ENCRYPTED;
use crate::image::filesystem::ntfs::attribute::{FILE_NAME, STANDARD_INFORMATION};
use crate::image::filesystem::ntfs::mft::Mft;
use crate::image::filesystem::ntfs::names::{FileName, StandardInformation};
use crate::image::filesystem::ntfs::record::{MftRecord, SIGNATURE};
use crate::image::filesystem::ntfs::stream::len_u64;

/// The MFT record of the root directory.
const ROOT_RECORD: u64 = 5;
/// Bytes of the MFT that are read at once.
const BATCH_BYTES: u64 = 256 << 10;
/// Most files that are named.
const NAMED_MAX: usize = 32;
/// Most folders above a file that its path names.
const DEPTH_MAX: usize = 64;

/// What the records of a volume show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encrypted {
    /// Number of files that are encrypted.
    pub files: u64,
    /// The first of them in the order of their records.
    pub named: Vec<EncryptedFile>,
    /// Number of records that are damaged, so that they could be of an encrypted file.
    pub damaged: u64,
    /// The first of these records.
    pub first_damaged: Option<u64>,
}

/// An encrypted file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedFile {
    /// Number of its MFT record.
    pub mft_record: u64,
    /// Its path from the root of the volume; it begins with `?` where a folder above can't be read.
    pub path: String,
}

/// Reads every record; the MFT must not be larger than `bytes_max`.
pub(crate) fn find(mft: &Mft, bytes_max: u64) -> Result<Encrypted> {
    let record_bytes = len_u64(mft.geometry().record_bytes).max(1);
    let mft_bytes = mft.records().saturating_mul(record_bytes);
    if mft_bytes > bytes_max {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!(
                "$MFT: {mft_bytes} bytes, at most {bytes_max} are searched for encrypted files"
            ),
        ));
    }
    let batch = BATCH_BYTES.checked_div(record_bytes).unwrap_or(1).max(1);
    let mut found = Encrypted::default();
    let mut next = 0_u64;
    while next < mft.records() {
        let count = batch.min(mft.records().saturating_sub(next));
        let len = usize::try_from(count.saturating_mul(record_bytes)).unwrap_or(usize::MAX);
        let offset = next.saturating_mul(record_bytes);
        let content = mft.stream().read_vec(mft.device().as_ref(), offset, len)?;
        let records = content.chunks_exact(mft.geometry().record_bytes.max(1));
        for (number, raw) in (next..).zip(records) {
            found.look(mft, number, raw);
        }
        next = next.saturating_add(count);
    }
    Ok(found)
}

impl Encrypted {
    fn look(&mut self, mft: &Mft, number: u64, raw: &[u8]) {
        // Records that were never used are zeros.
        if !raw.starts_with(SIGNATURE) && raw.iter().all(|byte| *byte == 0) {
            return;
        }
        let decoded = MftRecord::decode(number, raw.to_vec(), Vec::new());
        match decoded.and_then(|record| Ok((is_encrypted(&record)?, record))) {
            Ok((true, record)) => {
                self.files = self.files.saturating_add(1);
                if self.named.len() < NAMED_MAX {
                    self.named.push(EncryptedFile {
                        mft_record: number,
                        path: path_of(mft, &record),
                    });
                }
            }
            Ok((false, _)) => {}
            Err(_) => {
                self.damaged = self.damaged.saturating_add(1);
                self.first_damaged.get_or_insert(number);
            }
        }
    }
}

/// Whether a record is the base record of an encrypted file.
fn is_encrypted(record: &MftRecord) -> Result<bool> {
    if !record.is_in_use() || record.base().0 != 0 || record.is_directory() {
        return Ok(false);
    }
    for attribute in record.attributes() {
        let attribute = attribute?;
        if attribute.kind == STANDARD_INFORMATION {
            let standard = attribute.resident().and_then(StandardInformation::parse);
            return standard
                .map(|standard| standard.attributes & ATTRIBUTE_ENCRYPTED != 0)
                .ok_or_else(|| Error::corrupt("$STANDARD_INFORMATION is damaged"));
        }
    }
    // The records 12 to 15 are in use and hold nothing.
    Ok(false)
}

/// The path of a file by its first long name and those of the folders above it.
fn path_of(mft: &Mft, record: &MftRecord) -> String {
    let mut names = Vec::new();
    let mut next = long_name(record);
    while let Some((name, parent)) = next.take() {
        names.push(name);
        if parent == ROOT_RECORD {
            names.reverse();
            return names.join("\\");
        }
        if names.len() <= DEPTH_MAX {
            next = mft.record(parent).ok().as_deref().and_then(long_name);
        }
    }
    names.push("?".to_owned());
    names.reverse();
    names.join("\\")
}

/// The first long name in a record, and the record of its folder.
fn long_name(record: &MftRecord) -> Option<(String, u64)> {
    for attribute in record.attributes() {
        let attribute = attribute.ok()?;
        if attribute.kind != FILE_NAME {
            continue;
        }
        let name = FileName::parse(attribute.resident()?, false)?;
        if !name.is_dos() {
            return Some((utf16::decode_le(name.name), name.parent.record()));
        }
    }
    None
}
