//! The values of `$FILE_NAME` and `$STANDARD_INFORMATION`.
//!
//! Layout: `layout.h` of ntfs-3g. `$STANDARD_INFORMATION` has 48 bytes up to NTFS 1.2 and 72 bytes, with a security id,
//! since 3.0.

use crate::base::bytes;
use crate::base::filetime::FileTime;
use crate::image::filesystem::ntfs::reference::FileReference;

/// Name space of an 8.3 name that has a long partner.
const NAME_SPACE_DOS: u8 = 2;
/// `$FILE_NAME` attribute bit of a directory.
const NAME_ATTRIBUTE_DIRECTORY: u32 = 0x1000_0000;
/// `$FILE_NAME` attribute bits that are no FILE_ATTRIBUTE_*.
const NAME_ATTRIBUTES_INTERNAL: u32 = 0x3000_0000;
/// Length of the value before the name.
pub const NAME_OFFSET: usize = 0x42;

/// A `$FILE_NAME` value: of a record or the key of an index entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileName<'a> {
    /// The directory that holds the name.
    pub parent: FileReference,
    /// Creation, modification, MFT change, access.
    pub times: [FileTime; 4],
    /// Length of the unnamed stream; may lag.
    pub size: u64,
    /// Attributes with their internal bits.
    attributes: u32,
    /// Name space: 0 POSIX, 1 Win32, 2 DOS, 3 both.
    pub name_space: u8,
    /// The name, UTF-16LE.
    pub name: &'a [u8],
}

impl<'a> FileName<'a> {
    /// Parses a value; `exact` demands that it ends with the name, as a key does.
    pub fn parse(value: &'a [u8], exact: bool) -> Option<Self> {
        let name_len = usize::from(bytes::u8(value, 0x40)?).checked_mul(2)?;
        let name = bytes::slice(value, NAME_OFFSET, name_len)?;
        if name.is_empty() || (exact && value.len() != NAME_OFFSET.checked_add(name_len)?) {
            return None;
        }
        let name_space = bytes::u8(value, 0x41)?;
        if name_space > 3 {
            return None;
        }
        Some(Self {
            parent: FileReference(bytes::u64_le(value, 0)?),
            times: times(value, 8)?,
            size: bytes::u64_le(value, 0x30)?,
            attributes: bytes::u32_le(value, 0x38)?,
            name_space,
            name,
        })
    }

    /// Whether it is the 8.3 partner of a long name.
    pub fn is_dos(&self) -> bool {
        self.name_space == NAME_SPACE_DOS
    }

    /// Whether it names a directory.
    pub fn is_directory(&self) -> bool {
        self.attributes & NAME_ATTRIBUTE_DIRECTORY != 0
    }

    /// FILE_ATTRIBUTE_* bits, with that of a directory.
    pub fn file_attributes(&self) -> u32 {
        let directory = if self.is_directory() { 0x10 } else { 0 };
        (self.attributes & !NAME_ATTRIBUTES_INTERNAL) | directory
    }
}

/// A `$STANDARD_INFORMATION` value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandardInformation {
    /// Creation, modification, MFT change, access.
    pub times: [FileTime; 4],
    /// FILE_ATTRIBUTE_* bits.
    pub attributes: u32,
    /// Key into `$Secure`; `None` up to NTFS 1.2 or if it is 0.
    pub security_id: Option<u32>,
}

impl StandardInformation {
    /// Parses a value of 48 or 72 bytes.
    pub fn parse(value: &[u8]) -> Option<Self> {
        Some(Self {
            times: times(value, 0)?,
            attributes: bytes::u32_le(value, 0x20)?,
            security_id: bytes::u32_le(value, 0x34).filter(|id| value.len() >= 72 && *id != 0),
        })
    }
}

fn times(value: &[u8], offset: usize) -> Option<[FileTime; 4]> {
    let mut list = [FileTime(0); 4];
    let mut at = offset;
    for time in &mut list {
        *time = FileTime(bytes::u64_le(value, at)?);
        at = at.checked_add(8)?;
    }
    Some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_must_end_with_its_name() {
        let mut value = vec![0_u8; 0x44];
        value[0x40] = 1;
        value[0x42] = b'a';
        assert!(FileName::parse(&value, true).is_some());
        value.extend([0, 0]);
        assert!(FileName::parse(&value, true).is_none());
        assert!(FileName::parse(&value, false).is_some());
        value[0x40] = 9;
        assert!(FileName::parse(&value, false).is_none());
    }

    #[test]
    fn the_old_form_has_no_security_id() {
        let mut value = vec![1_u8; 48];
        assert_eq!(
            StandardInformation::parse(&value).unwrap().security_id,
            None
        );
        value.resize(72, 1);
        assert_eq!(
            StandardInformation::parse(&value).unwrap().security_id,
            Some(0x0101_0101)
        );
    }
}
