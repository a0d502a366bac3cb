//! Self-relative security descriptors: the owner, the access list, and what a token is granted by it.
//!
//! Specification: [MS-DTYP] sections 2.4.2 (SID), 2.4.4 (ACE), 2.4.5 (ACL), 2.4.6 (SECURITY_DESCRIPTOR) and 2.5.3.2 (the
//! access check). Audit lists are not read.

use std::fmt;

use crate::base::bytes;
use crate::error::{Error, Result};

/// SE_DACL_PRESENT.
const DACL_PRESENT: u16 = 0x0004;
/// SE_SELF_RELATIVE.
const SELF_RELATIVE: u16 = 0x8000;
/// INHERIT_ONLY_ACE: the entry is for children and not for the object itself.
const INHERIT_ONLY: u8 = 0x08;
/// Most subauthorities of a SID (SID_MAX_SUB_AUTHORITIES).
const SUB_AUTHORITIES_MAX: u8 = 15;
/// Bytes of an ACL header.
const ACL_HEADER: usize = 8;
/// Bytes of an entry before its SID.
const ACE_HEADER: usize = 8;

/// FILE_ALL_ACCESS: full control of a file or folder.
pub const FILE_ALL_ACCESS: u32 = 0x001f_01ff;

/// A security identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sid {
    authority: u64,
    sub_authorities: Vec<u32>,
}

impl Sid {
    /// A SID of the NT authority (`S-1-5-...`).
    pub fn nt(sub_authorities: &[u32]) -> Self {
        Self {
            authority: 5,
            sub_authorities: sub_authorities.to_vec(),
        }
    }

    /// LocalSystem, S-1-5-18.
    pub fn system() -> Self {
        Self::nt(&[18])
    }

    /// The group Administrators, S-1-5-32-544.
    pub fn administrators() -> Self {
        Self::nt(&[32, 544])
    }

    /// The group Users, S-1-5-32-545.
    pub fn users() -> Self {
        Self::nt(&[32, 545])
    }

    /// The group Guests, S-1-5-32-546.
    pub fn guests() -> Self {
        Self::nt(&[32, 546])
    }

    /// Authenticated Users, S-1-5-11.
    pub fn authenticated_users() -> Self {
        Self::nt(&[11])
    }

    /// Anonymous, S-1-5-7.
    pub fn anonymous() -> Self {
        Self::nt(&[7])
    }

    /// Everyone, S-1-1-0.
    pub fn everyone() -> Self {
        Self {
            authority: 1,
            sub_authorities: vec![0],
        }
    }

    /// Whether this is the SID of a service (`S-1-5-80-...`), as TrustedInstaller is.
    pub fn is_service(&self) -> bool {
        self.authority == 5 && self.sub_authorities.first() == Some(&80)
    }

    /// Machine or domain and relative id of an account, `S-1-5-21-a-b-c-rid`; the SID of a machine or domain has no id.
    pub fn account(&self) -> Option<([u32; 3], Option<u32>)> {
        match self.sub_authorities.as_slice() {
            [21, a, b, c, tail @ ..] if self.authority == 5 => {
                Some(([*a, *b, *c], tail.first().copied()))
            }
            _ => None,
        }
    }

    /// Parses the SID at the start of `raw`, which lies at `offset`.
    pub(crate) fn parse(raw: &[u8], offset: usize) -> Result<Self> {
        let broken = |what: &str| Error::corrupt(format!("SID at 0x{offset:08x}: {what}"));
        let [revision, count] =
            bytes::array(raw, 0).ok_or_else(|| broken("ends before its header"))?;
        if revision != 1 || count > SUB_AUTHORITIES_MAX {
            return Err(broken(&format!(
                "should be of revision 1 with at most {SUB_AUTHORITIES_MAX} parts, is of revision {revision} with {count}"
            )));
        }
        let authority: [u8; 6] =
            bytes::array(raw, 2).ok_or_else(|| broken("ends before its authority"))?;
        let authority = authority
            .iter()
            .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        let sub_authorities = (0..usize::from(count))
            .map(|index| bytes::u32_le(raw, 8 + 4 * index))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| broken("ends before its last part"))?;
        Ok(Self {
            authority,
            sub_authorities,
        })
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S-1-{}", self.authority)?;
        for part in &self.sub_authorities {
            write!(f, "-{part}")?;
        }
        Ok(())
    }
}

/// What an entry of an access list does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AceKind {
    /// Grants its rights.
    Allow,
    /// Refuses its rights.
    Deny,
    /// Anything else (object, callback, compound); its effect is not judged.
    Other(u8),
}

/// An entry of an access list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ace {
    /// What it does.
    pub kind: AceKind,
    /// AceFlags: inheritance.
    pub flags: u8,
    /// The rights; 0 for [`AceKind::Other`].
    pub mask: u32,
    /// Whom it is about; `None` for [`AceKind::Other`].
    pub sid: Option<Sid>,
}

/// The access list of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dacl {
    /// There is none: everyone has every right.
    Null,
    /// The entries in their order; none at all refuses everyone.
    Entries(Vec<Ace>),
}

/// A security descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityDescriptor {
    /// The owner, if one is set.
    pub owner: Option<Sid>,
    /// The access list.
    pub dacl: Dacl,
}

impl SecurityDescriptor {
    /// Parses a self-relative descriptor.
    ///
    /// # Errors
    /// A descriptor that is not self-relative or whose parts do not lie inside of it.
    pub fn parse(raw: &[u8]) -> Result<Self> {
        let header = |offset| {
            bytes::u32_le(raw, offset).ok_or_else(|| {
                Error::corrupt(format!(
                    "security descriptor at 0x00000000: header should be 20 bytes, has {}",
                    raw.len()
                ))
            })
        };
        let (owner, dacl) = (header(4)?, header(16)?);
        let control = bytes::u16_le(raw, 2).unwrap_or(0);
        if bytes::u8(raw, 0) != Some(1) || control & SELF_RELATIVE == 0 {
            return Err(Error::corrupt(format!(
                "security descriptor at 0x00000000: should be self-relative of revision 1, control is 0x{control:04x}"
            )));
        }
        let owner = match part(raw, owner)? {
            None => None,
            Some((offset, tail)) => Some(Sid::parse(tail, offset)?),
        };
        let dacl = match part(raw, dacl)? {
            Some((offset, tail)) if control & DACL_PRESENT != 0 => {
                Dacl::Entries(entries(tail, offset)?)
            }
            _ => Dacl::Null,
        };
        Ok(Self { owner, dacl })
    }

    /// The rights that a token with these SIDs is granted, generic rights mapped to those of files; `None` if an entry of a
    /// kind that is not judged could change the answer.
    pub fn granted(&self, token: &[Sid]) -> Option<u32> {
        let Dacl::Entries(entries) = &self.dacl else {
            return Some(FILE_ALL_ACCESS);
        };
        let (mut granted, mut refused) = (0_u32, 0_u32);
        for ace in entries.iter().filter(|ace| ace.flags & INHERIT_ONLY == 0) {
            let concerned = ace.sid.as_ref().is_some_and(|sid| token.contains(sid));
            match ace.kind {
                AceKind::Other(_) => return None,
                AceKind::Allow if concerned => granted |= file_rights(ace.mask) & !refused,
                AceKind::Deny if concerned => refused |= file_rights(ace.mask) & !granted,
                AceKind::Allow | AceKind::Deny => {}
            }
        }
        Some(granted)
    }
}

/// The bytes from a relative offset on; offset 0 says that the part is not there.
pub(crate) fn part(raw: &[u8], offset: u32) -> Result<Option<(usize, &[u8])>> {
    if offset == 0 {
        return Ok(None);
    }
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    match raw.get(start..) {
        Some(tail) => Ok(Some((start, tail))),
        None => Err(Error::corrupt(format!(
            "security descriptor: part at 0x{offset:08x} should lie inside of {} bytes",
            raw.len()
        ))),
    }
}

fn entries(raw: &[u8], offset: usize) -> Result<Vec<Ace>> {
    let broken = |at: usize, what: &str| {
        Error::corrupt(format!(
            "access list at 0x{:08x}: {what}",
            offset.saturating_add(at)
        ))
    };
    let (Some(size), Some(count)) = (bytes::u16_le(raw, 2), bytes::u16_le(raw, 4)) else {
        return Err(broken(0, "ends before its header"));
    };
    let list = raw
        .get(..usize::from(size))
        .filter(|list| list.len() >= ACL_HEADER)
        .ok_or_else(|| broken(0, "does not lie inside of its descriptor"))?;
    let mut at = ACL_HEADER;
    let mut aces = Vec::new();
    for _ in 0..count {
        let ace = bytes::u16_le(list, at.saturating_add(2))
            .filter(|size| *size >= 4)
            .and_then(|size| bytes::slice(list, at, usize::from(size)))
            .ok_or_else(|| broken(at, "an entry does not lie inside of the list"))?;
        aces.push(entry(ace, offset.saturating_add(at))?);
        at = at.saturating_add(ace.len());
    }
    Ok(aces)
}

fn entry(ace: &[u8], offset: usize) -> Result<Ace> {
    let flags = bytes::u8(ace, 1).unwrap_or(0);
    let kind = match bytes::u8(ace, 0) {
        Some(0) => AceKind::Allow,
        Some(1) => AceKind::Deny,
        other => AceKind::Other(other.unwrap_or(u8::MAX)),
    };
    if let AceKind::Other(_) = kind {
        return Ok(Ace {
            kind,
            flags,
            mask: 0,
            sid: None,
        });
    }
    let (Some(mask), Some(sid)) = (bytes::u32_le(ace, 4), ace.get(ACE_HEADER..)) else {
        return Err(Error::corrupt(format!(
            "access list at 0x{offset:08x}: an entry should have a mask and a SID, has {} bytes",
            ace.len()
        )));
    };
    Ok(Ace {
        kind,
        flags,
        mask,
        sid: Some(Sid::parse(sid, offset.saturating_add(ACE_HEADER))?),
    })
}

/// Maps the generic rights to those of a file ([MS-DTYP] 2.4.3, winnt.h FILE_GENERIC_*).
fn file_rights(mask: u32) -> u32 {
    let generic = [
        (0x8000_0000, 0x0012_0089),
        (0x4000_0000, 0x0012_0116),
        (0x2000_0000, 0x0012_00a0),
        (0x1000_0000, FILE_ALL_ACCESS),
    ];
    generic
        .iter()
        .filter(|(bit, _)| mask & bit != 0)
        .fold(mask & FILE_ALL_ACCESS, |rights, (_, mapped)| {
            rights | mapped
        })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Entries as (type, flags, mask, SID bytes).
    pub(crate) type RawAce<'a> = (u8, u8, u32, &'a [u8]);

    /// S-1-5-18.
    pub(crate) const SYSTEM: &[u8] = &[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
    /// S-1-5-32-544.
    pub(crate) const ADMINISTRATORS: &[u8] = &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];
    /// S-1-1-0.
    pub(crate) const EVERYONE: &[u8] = &[1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];

    /// A self-relative descriptor; `None` for the entries makes a null list.
    pub(crate) fn descriptor(owner: &[u8], aces: Option<&[RawAce<'_>]>) -> Vec<u8> {
        let mut raw = vec![1, 0];
        raw.extend((SELF_RELATIVE | DACL_PRESENT).to_le_bytes());
        let dacl = if aces.is_some() { 20 + owner.len() } else { 0 };
        for offset in [20, 0, 0, dacl] {
            raw.extend(u32::try_from(offset).unwrap().to_le_bytes());
        }
        raw.extend(owner);
        if let Some(aces) = aces {
            let size = 8 + aces.iter().map(|ace| 8 + ace.3.len()).sum::<usize>();
            raw.extend([2, 0]);
            raw.extend(u16::try_from(size).unwrap().to_le_bytes());
            raw.extend(u16::try_from(aces.len()).unwrap().to_le_bytes());
            raw.extend([0, 0]);
            for (kind, flags, mask, sid) in aces {
                raw.extend([*kind, *flags]);
                raw.extend(u16::try_from(8 + sid.len()).unwrap().to_le_bytes());
                raw.extend(mask.to_le_bytes());
                raw.extend(*sid);
            }
        }
        raw
    }

    fn granted(aces: &[RawAce<'_>], token: &[Sid]) -> Option<u32> {
        SecurityDescriptor::parse(&descriptor(ADMINISTRATORS, Some(aces)))
            .unwrap()
            .granted(token)
    }

    #[test]
    fn owner_and_entries_are_read() {
        let raw = descriptor(ADMINISTRATORS, Some(&[(0, 3, 0x001f_01ff, SYSTEM)]));
        let parsed = SecurityDescriptor::parse(&raw).unwrap();
        assert_eq!(parsed.owner.unwrap().to_string(), "S-1-5-32-544");
        let Dacl::Entries(entries) = parsed.dacl else {
            panic!("no list");
        };
        assert_eq!(entries[0].sid, Some(Sid::system()));
        assert_eq!(entries[0].mask, 0x001f_01ff);
    }

    #[test]
    fn a_descriptor_cut_anywhere_is_an_error_and_no_panic() {
        let raw = descriptor(
            ADMINISTRATORS,
            Some(&[(0, 0, FILE_ALL_ACCESS, SYSTEM), (0, 0, 1, EVERYONE)]),
        );
        for len in 0..raw.len() {
            assert!(SecurityDescriptor::parse(&raw[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn a_missing_list_grants_all_and_an_empty_one_nothing() {
        let null = SecurityDescriptor::parse(&descriptor(SYSTEM, None)).unwrap();
        assert_eq!(null.granted(&[Sid::everyone()]), Some(FILE_ALL_ACCESS));
        assert_eq!(granted(&[], &[Sid::everyone()]), Some(0));
    }

    #[test]
    fn the_first_entry_that_names_a_right_decides_it() {
        let token = [Sid::system(), Sid::everyone()];
        let deny_first = [(1, 0, 2, EVERYONE), (0, 0, FILE_ALL_ACCESS, SYSTEM)];
        assert_eq!(granted(&deny_first, &token), Some(FILE_ALL_ACCESS & !2));
        let allow_first = [(0, 0, FILE_ALL_ACCESS, SYSTEM), (1, 0, 2, EVERYONE)];
        assert_eq!(granted(&allow_first, &token), Some(FILE_ALL_ACCESS));
    }

    #[test]
    fn entries_for_children_only_do_not_count() {
        assert_eq!(
            granted(&[(0, 0x0b, FILE_ALL_ACCESS, SYSTEM)], &[Sid::system()]),
            Some(0)
        );
    }

    #[test]
    fn generic_all_is_full_control() {
        assert_eq!(
            granted(&[(0, 0, 0x1000_0000, SYSTEM)], &[Sid::system()]),
            Some(FILE_ALL_ACCESS)
        );
    }

    #[test]
    fn a_conditional_entry_leaves_the_answer_open() {
        assert_eq!(granted(&[(9, 0, 1, SYSTEM)], &[Sid::system()]), None);
    }
}
