//! The SIDs that a self-relative security descriptor names: owner, group, and those of every entry of both lists.
//!
//! Unlike [`SecurityDescriptor`](crate::artifact::security_descriptor::SecurityDescriptor), which judges what is granted,
//! this reads entries of every kind, audit entries too. Specification: [MS-DTYP] 2.4.4 (ACE), 2.4.5 (ACL) and 2.4.6
//! (SECURITY_DESCRIPTOR).

use crate::artifact::security_descriptor::{self, Sid};
use crate::base::bytes;
use crate::error::{Error, Result};

/// SE_SELF_RELATIVE.
const SELF_RELATIVE: u16 = 0x8000;
/// SE_DACL_PRESENT and SE_SACL_PRESENT.
const LISTS: [(u16, usize); 2] = [(0x0004, 16), (0x0010, 12)];
/// Bytes of an ACL header.
const ACL_HEADER: usize = 8;
/// Bytes of an entry before its SID, or before the flags of an object entry.
const ACE_HEADER: usize = 8;
/// Bytes of a GUID in an object entry.
const GUID_BYTES: usize = 16;

/// In which part of a descriptor a SID stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The owner.
    Owner,
    /// The primary group.
    Group,
    /// An entry of the access list or of the audit list.
    Entry,
}

/// The SIDs of a descriptor, in the order owner, group, access list, audit list.
///
/// # Errors
/// A descriptor that is not self-relative, or whose parts do not lie inside of it.
pub fn named_sids(raw: &[u8]) -> Result<Vec<(Role, Sid)>> {
    let control = bytes::u16_le(raw, 2).unwrap_or(0);
    if bytes::u8(raw, 0) != Some(1) || control & SELF_RELATIVE == 0 {
        return Err(Error::corrupt(format!(
            "security descriptor at 0x00000000: should be self-relative of revision 1, control is 0x{control:04x}"
        )));
    }
    let mut sids = Vec::new();
    for (role, field) in [(Role::Owner, 4), (Role::Group, 8)] {
        if let Some((offset, tail)) = part(raw, field)? {
            sids.push((role, Sid::parse(tail, offset)?));
        }
    }
    for (flag, field) in LISTS {
        if control & flag != 0
            && let Some((offset, tail)) = part(raw, field)?
        {
            entries(tail, offset, &mut sids)?;
        }
    }
    Ok(sids)
}

/// The bytes from the offset on that stands at `field`; offset 0 says that the part is not there.
fn part(raw: &[u8], field: usize) -> Result<Option<(usize, &[u8])>> {
    let offset = bytes::u32_le(raw, field).ok_or_else(|| {
        Error::corrupt(format!(
            "security descriptor at 0x00000000: header should be 20 bytes, has {}",
            raw.len()
        ))
    })?;
    security_descriptor::part(raw, offset)
}

fn entries(raw: &[u8], offset: usize, sids: &mut Vec<(Role, Sid)>) -> Result<()> {
    let broken = |at: usize| {
        Error::corrupt(format!(
            "list at 0x{:08x}: does not lie inside of its descriptor",
            offset.saturating_add(at)
        ))
    };
    let (Some(size), Some(count)) = (bytes::u16_le(raw, 2), bytes::u16_le(raw, 4)) else {
        return Err(broken(0));
    };
    let list = raw
        .get(..usize::from(size))
        .filter(|list| list.len() >= ACL_HEADER)
        .ok_or_else(|| broken(0))?;
    let mut at = ACL_HEADER;
    for _ in 0..count {
        let entry = bytes::u16_le(list, at.saturating_add(2))
            .filter(|size| *size >= 4)
            .and_then(|size| bytes::slice(list, at, usize::from(size)))
            .ok_or_else(|| broken(at))?;
        if let Some(start) = sid_start(entry) {
            let place = offset.saturating_add(at).saturating_add(start);
            sids.push((
                Role::Entry,
                Sid::parse(entry.get(start..).unwrap_or_default(), place)?,
            ));
        }
        at = at.saturating_add(entry.len());
    }
    Ok(())
}

/// Where the SID of an entry begins; `None` for a compound entry and for kinds that are not known. In an entry that ends
/// before its flags it would begin at the end.
fn sid_start(entry: &[u8]) -> Option<usize> {
    match bytes::u8(entry, 0)? {
        // Allow, deny, audit, alarm; the same with a condition behind the SID; label, attribute, policy.
        0..=3 | 9 | 10 | 13 | 14 | 17..=19 => Some(ACE_HEADER),
        // Of an object: flags that say which of two GUIDs there are.
        5..=8 | 11 | 12 | 15 | 16 => {
            let Some(flags) = bytes::u32_le(entry, ACE_HEADER) else {
                return Some(entry.len());
            };
            let guids = usize::from(flags & 1 != 0).saturating_add(usize::from(flags & 2 != 0));
            guids
                .checked_mul(GUID_BYTES)?
                .checked_add(ACE_HEADER.saturating_add(4))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::security_descriptor::tests::{
        ADMINISTRATORS, EVERYONE, SYSTEM, descriptor,
    };

    fn shown(raw: &[u8]) -> Vec<String> {
        let sids = named_sids(raw).unwrap();
        let shown = sids.iter().map(|(role, sid)| format!("{role:?} {sid}"));
        shown.collect()
    }

    #[test]
    fn owner_and_entries_of_each_kind_are_named() {
        let mut object = vec![2, 0, 0, 0];
        object.extend([7; 16]);
        object.extend(EVERYONE);
        let raw = descriptor(
            ADMINISTRATORS,
            Some(&[(0, 0, 1, SYSTEM), (9, 0, 1, SYSTEM), (5, 0, 1, &object)]),
        );
        assert_eq!(
            shown(&raw),
            [
                "Owner S-1-5-32-544",
                "Entry S-1-5-18",
                "Entry S-1-5-18",
                "Entry S-1-1-0"
            ]
        );
    }

    #[test]
    fn a_descriptor_cut_anywhere_is_an_error_and_no_panic() {
        let raw = descriptor(ADMINISTRATORS, Some(&[(0, 0, 1, SYSTEM)]));
        for len in 0..raw.len() {
            assert!(named_sids(&raw[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn an_entry_of_an_object_that_ends_before_its_flags_is_an_error() {
        let raw = descriptor(ADMINISTRATORS, Some(&[(5, 0, 1, &[2, 0][..])]));
        assert!(named_sids(&raw).is_err());
        let other = descriptor(ADMINISTRATORS, Some(&[(99, 0, 1, &[2, 0][..])]));
        assert_eq!(shown(&other), ["Owner S-1-5-32-544"]);
    }

    #[test]
    fn the_numbers_of_an_account_stand_behind_those_of_its_domain() {
        let account = Sid::nt(&[21, 1, 2, 3, 500]).account().unwrap();
        assert_eq!(account, ([1, 2, 3], Some(500)));
        assert_eq!(Sid::nt(&[21, 1, 2, 3]).account().unwrap().1, None);
        assert_eq!(Sid::nt(&[21, 1, 2]).account(), None);
        assert_eq!(Sid::administrators().account(), None);
    }
}
