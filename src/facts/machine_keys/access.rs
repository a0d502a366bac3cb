//! Owner, access list and EFS attribute of the MachineKeys folders and of IIS's key files.
//!
//! Rules KEY-004 and KEY-005, documented for Windows 2000 (Q246459, Q295162, Q278381, Q282775). Exactly:
//!
//! - `broken`: SYSTEM or Administrators are not granted full control of a key file of IIS, or Administrators not of a
//!   MachineKeys folder; or the folder's owner is not Administrators (from Windows XP on SYSTEM or a service may own it).
//!   A token counts with its groups: SYSTEM is in Administrators, both are in Everyone and Authenticated Users.
//! - `weak`: not broken, and a key file of IIS is owned by another than Administrators, SYSTEM or a service, since an owner
//!   may always rewrite the access list; or Everyone, Anonymous, Authenticated Users, Users or Guests may read or change the content of a
//!   key file of IIS, or delete it or take it over; or they are granted more of a folder than deleting nothing in it:
//!   DELETE, DELETE_CHILD, WRITE_DAC or WRITE_OWNER, which the default 0x0012019F for Everyone does not hold.
//!   On FAT, which keeps no access lists, everyone may do everything: `weak`.
//! - `ok`: neither. `unknown`: one of them, or a place that could hold one, could not be read and none of those that could is
//!   broken.
//!
//! EFS is told likewise: one file that it encrypts decides, and without one every file and folder has to be seen.

use crate::artifact::security_descriptor::{FILE_ALL_ACCESS, SecurityDescriptor, Sid};
use crate::base::win_path::WinPath;
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::machine_keys::folders::{FolderKind, Folders, KeyFolder};
use crate::facts::machine_keys::listing::Listing;
use crate::facts::{Context, Facts};
use crate::image::filesystem::{ATTRIBUTE_ENCRYPTED, Metadata};

/// FILE_READ_DATA, FILE_WRITE_DATA, FILE_APPEND_DATA, DELETE, WRITE_DAC, WRITE_OWNER.
const CONTENT_OF_A_FILE: u32 = 0x0000_0007 | RULE_OVER_IT;
/// FILE_DELETE_CHILD, DELETE, WRITE_DAC, WRITE_OWNER.
const RULE_OVER_A_FOLDER: u32 = 0x0000_0040 | RULE_OVER_IT;
/// DELETE, WRITE_DAC, WRITE_OWNER.
const RULE_OVER_IT: u32 = 0x000d_0000;

/// How good the access list of one object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Access {
    /// As it should be.
    Ok,
    /// Others have more than they need.
    Weak,
    /// Windows itself lacks what it needs.
    Broken,
}

impl Access {
    /// The word used in reports.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Weak => "weak",
            Self::Broken => "broken",
        }
    }
}

/// The two facts of this file.
#[derive(Debug)]
pub(crate) struct AccessFacts {
    /// `crypto.machinekeys_acl`.
    pub(crate) acl: Fact,
    /// `crypto.machinekeys_efs`.
    pub(crate) efs: Fact,
}

/// Judges the MachineKeys folders and IIS's key files; the files' own state goes into their proof.
pub(crate) fn judge(
    context: &Context<'_>,
    facts: &Facts,
    folders: &Folders,
    listing: &mut Listing,
) -> AccessFacts {
    let strict_owner = is_windows_2000(facts);
    let machine_keys: Vec<&KeyFolder> = folders
        .list
        .iter()
        .filter(|folder| folder.kind == FolderKind::RsaMachineKeys)
        .collect();
    let Some(first) = machine_keys.first() else {
        let none = match folders.unseen.first() {
            Some(unseen) => Fact::Unknown(unseen.clone()),
            None => Fact::Absent(folders.searched(context)),
        };
        let acl = match &none {
            Fact::Absent(searched) if needs_folder(facts) => Fact::Unknown(Unknown {
                reason: UnknownReason::NotProvided,
                detail: "IIS is installed and no folder of machine keys is there".to_owned(),
                evidence: searched.clone(),
            }),
            other => other.clone(),
        };
        return AccessFacts { acl, efs: none };
    };
    let mut judged = Vec::new();
    let judged_state = |path: &WinPath, of: &dyn Fn(&SecurityDescriptor) -> Option<Access>| {
        if keeps_no_access_lists(context) {
            return Ok(Access::Weak);
        }
        read(context, path)
            .and_then(|descriptor| of(&descriptor).ok_or_else(|| not_judged(context, path)))
    };
    for folder in &machine_keys {
        let state = judged_state(&folder.path, &|descriptor| {
            of_folder(descriptor, strict_owner)
        });
        judged.push((
            context.file_evidence(&folder.path, Some(&folder.metadata)),
            state,
        ));
    }
    for listed in listing.list.iter_mut().filter(|listed| listed.is_iis_key) {
        let path = listed.path();
        let state = judged_state(&path, &of_file);
        listed.key.proof.acl = state.as_ref().map_or("unknown", |state| state.as_str());
        judged.push((context.file_evidence(&path, Some(&listed.metadata)), state));
    }
    let mut objects: Vec<(WinPath, &Metadata)> = machine_keys
        .iter()
        .map(|folder| ((*folder.path).clone(), &folder.metadata))
        .collect();
    objects.extend(
        listing
            .iis_keys()
            .map(|listed| (listed.path(), &listed.metadata)),
    );
    let unseen = listing.unseen(folders);
    AccessFacts {
        acl: worst(
            judged,
            unseen,
            context.file_evidence(&first.path, Some(&first.metadata)),
        ),
        efs: encrypted(context, &objects, unseen),
    }
}

/// From Windows 2000 on IIS makes its keys in this folder when it is set up: one that is not there was not copied or was
/// lost. NT 4.0 keeps keys in the registry.
fn needs_folder(facts: &Facts) -> bool {
    let is_iis_installed = matches!(
        facts.get("iis.installed").map(Fact::get),
        Some(Ok(Some((Value::Bool(true), _))))
    );
    let is_nt4 = matches!(
        facts.get("os.version").map(Fact::get),
        Some(Ok(Some((Value::Version(version), _)))) if version.parts().first() < Some(&5)
    );
    is_iis_installed && !is_nt4
}

fn is_windows_2000(facts: &Facts) -> bool {
    match facts.get("os.version").map(Fact::get) {
        Some(Ok(Some((Value::Version(version), _)))) => {
            version.parts().first() == Some(&5) && version.parts().get(1).copied().unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// Whether the volume is FAT: Windows then grants everyone everything.
fn keeps_no_access_lists(context: &Context<'_>) -> bool {
    context.installation.filesystem.layer().starts_with("fat:")
}

fn read(context: &Context<'_>, path: &WinPath) -> Result<SecurityDescriptor, Unknown> {
    let fail =
        |error: &crate::error::Error| Unknown::from_error(error, context.installation.place(path));
    let raw = context
        .installation
        .filesystem
        .security_descriptor(path)
        .map_err(|error| fail(&error))?
        .ok_or_else(|| fail(&crate::error::Error::corrupt("listed and not found")))?;
    SecurityDescriptor::parse(&raw).map_err(|error| fail(&error))
}

fn not_judged(context: &Context<'_>, path: &WinPath) -> Unknown {
    Unknown::new(
        UnknownReason::Unsupported,
        "the access list has an entry of a kind that is not judged, or there is no owner",
        context.installation.place(path),
    )
}

/// The worst state; one that could not be read leaves the whole open unless another is broken.
fn worst(
    judged: Vec<(Evidence, Result<Access, Unknown>)>,
    unseen: Option<&Unknown>,
    folder: Evidence,
) -> Fact {
    let mut state = Access::Ok;
    let mut places = Vec::new();
    let mut unread = unseen.cloned();
    for (place, found) in judged {
        match found {
            Ok(found) => {
                if found > state {
                    state = found;
                    places.clear();
                }
                if found == state {
                    places.push(place);
                }
            }
            Err(unknown) => unread = unread.or(Some(unknown)),
        }
    }
    match unread {
        Some(unknown) if state != Access::Broken => Fact::Unknown(unknown),
        _ => {
            let mut places = places.into_iter();
            let first = places.next().unwrap_or(folder);
            Fact::found_in(Value::text(state.as_str()), first, places)
        }
    }
}

fn encrypted(
    context: &Context<'_>,
    objects: &[(WinPath, &Metadata)],
    unseen: Option<&Unknown>,
) -> Fact {
    let mut plain = Vec::new();
    let mut unread = None;
    for (path, metadata) in objects {
        let place = context.file_evidence(path, Some(metadata));
        match metadata.has_attribute(ATTRIBUTE_ENCRYPTED) {
            Some(true) => return Fact::found(true, place),
            Some(false) => plain.push(place),
            None => {
                unread.get_or_insert(place);
            }
        }
    }
    if let Some(unseen) = unseen {
        return Fact::Unknown(unseen.clone());
    }
    if let Some(place) = unread {
        return Fact::Unknown(Unknown {
            reason: UnknownReason::Unsupported,
            detail: "this file system keeps no attributes".to_owned(),
            evidence: place,
        });
    }
    let mut plain = plain.into_iter();
    match plain.next() {
        Some(first) => Fact::found_in(false, first, plain),
        None => Fact::Absent(Evidence::at(context.installation.locator.clone())),
    }
}

fn of_folder(descriptor: &SecurityDescriptor, strict_owner: bool) -> Option<Access> {
    let granted = descriptor.granted(&administrators())?;
    let owned = descriptor.owner.as_ref().is_some_and(|owner| {
        *owner == Sid::administrators()
            || (!strict_owner && (*owner == Sid::system() || owner.is_service()))
    });
    if !owned || granted & FILE_ALL_ACCESS != FILE_ALL_ACCESS {
        return Some(Access::Broken);
    }
    Some(weak_if(others(descriptor)? & RULE_OVER_A_FOLDER != 0))
}

fn of_file(descriptor: &SecurityDescriptor) -> Option<Access> {
    for token in [system(), administrators()] {
        if descriptor.granted(&token)? & FILE_ALL_ACCESS != FILE_ALL_ACCESS {
            return Some(Access::Broken);
        }
    }
    let owner = descriptor.owner.as_ref()?;
    let owned = *owner == Sid::administrators() || *owner == Sid::system() || owner.is_service();
    Some(weak_if(
        !owned || others(descriptor)? & CONTENT_OF_A_FILE != 0,
    ))
}

fn weak_if(weak: bool) -> Access {
    if weak { Access::Weak } else { Access::Ok }
}

fn system() -> Vec<Sid> {
    vec![
        Sid::system(),
        Sid::administrators(),
        Sid::everyone(),
        Sid::authenticated_users(),
    ]
}

fn administrators() -> Vec<Sid> {
    vec![
        Sid::administrators(),
        Sid::everyone(),
        Sid::authenticated_users(),
        Sid::users(),
    ]
}

/// What tokens of no special standing are granted.
fn others(descriptor: &SecurityDescriptor) -> Option<u32> {
    let tokens = [
        vec![Sid::everyone(), Sid::authenticated_users(), Sid::users()],
        vec![Sid::everyone(), Sid::anonymous()],
        vec![Sid::everyone(), Sid::guests()],
    ];
    let mut granted = 0;
    for token in tokens {
        granted |= descriptor.granted(&token)?;
    }
    Some(granted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::security_descriptor::tests::{
        ADMINISTRATORS, EVERYONE, RawAce, SYSTEM, descriptor,
    };

    fn folder(owner: &[u8], aces: Option<&[RawAce<'_>]>, strict_owner: bool) -> Option<Access> {
        of_folder(
            &SecurityDescriptor::parse(&descriptor(owner, aces)).unwrap(),
            strict_owner,
        )
    }

    fn file(aces: Option<&[RawAce<'_>]>) -> Option<Access> {
        of_file(&SecurityDescriptor::parse(&descriptor(ADMINISTRATORS, aces)).unwrap())
    }

    /// Q278381: Administrators full control, Everyone special, both for this folder only.
    const DEFAULT: &[RawAce<'_>] = &[
        (0, 0, 0x001f_01ff, ADMINISTRATORS),
        (0, 0, 0x0012_019f, EVERYONE),
    ];

    #[test]
    fn the_documented_default_of_the_folder_is_ok() {
        assert_eq!(
            folder(ADMINISTRATORS, Some(DEFAULT), true),
            Some(Access::Ok)
        );
    }

    #[test]
    fn a_folder_that_administrators_do_not_own_is_broken_on_windows_2000_only() {
        assert_eq!(folder(SYSTEM, Some(DEFAULT), true), Some(Access::Broken));
        assert_eq!(folder(SYSTEM, Some(DEFAULT), false), Some(Access::Ok));
        assert_eq!(folder(EVERYONE, Some(DEFAULT), false), Some(Access::Broken));
    }

    #[test]
    fn a_folder_that_everyone_rules_is_weak() {
        let aces = [(0, 3, 0x001f_01ff, EVERYONE)];
        assert_eq!(
            folder(ADMINISTRATORS, Some(&aces), true),
            Some(Access::Weak)
        );
        assert_eq!(folder(ADMINISTRATORS, None, true), Some(Access::Weak));
    }

    #[test]
    fn a_key_file_of_system_and_administrators_is_ok() {
        let aces = [
            (0, 0, 0x001f_01ff, SYSTEM),
            (0, 0, 0x001f_01ff, ADMINISTRATORS),
        ];
        assert_eq!(file(Some(&aces)), Some(Access::Ok));
    }

    #[test]
    fn a_key_file_that_administrators_may_only_read_is_broken() {
        let aces = [
            (0, 0, 0x001f_01ff, SYSTEM),
            (0, 0, 0x0012_0089, ADMINISTRATORS),
        ];
        assert_eq!(file(Some(&aces)), Some(Access::Broken));
        assert_eq!(file(Some(&[])), Some(Access::Broken));
    }

    #[test]
    fn a_key_file_that_everyone_may_read_is_weak() {
        let aces = [
            (0, 0, 0x001f_01ff, SYSTEM),
            (0, 0, 0x001f_01ff, ADMINISTRATORS),
            (0, 0, 0x0012_0089, EVERYONE),
        ];
        assert_eq!(file(Some(&aces)), Some(Access::Weak));
    }

    #[test]
    fn a_key_file_that_anyone_else_owns_is_weak() {
        let aces: &[RawAce<'_>] = &[
            (0, 0, 0x001f_01ff, SYSTEM),
            (0, 0, 0x001f_01ff, ADMINISTRATORS),
        ];
        for (owner, expected) in [
            (ADMINISTRATORS, Access::Ok),
            (SYSTEM, Access::Ok),
            (EVERYONE, Access::Weak),
        ] {
            let raw = descriptor(owner, Some(aces));
            assert_eq!(
                of_file(&SecurityDescriptor::parse(&raw).unwrap()),
                Some(expected)
            );
        }
    }

    #[test]
    fn a_refusal_for_everyone_breaks_a_key_file() {
        let aces = [
            (1, 0, 0x0000_0001, EVERYONE),
            (0, 0, 0x001f_01ff, SYSTEM),
            (0, 0, 0x001f_01ff, ADMINISTRATORS),
        ];
        assert_eq!(file(Some(&aces)), Some(Access::Broken));
    }
}
