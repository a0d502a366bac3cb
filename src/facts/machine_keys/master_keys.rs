//! The DPAPI master keys that IIS's keys need: in this image, or not (link L6).
//!
//! A private key is bound to a master key by its GUID and not to MachineGuid, so without that master key no new name opens
//! the file. Those of LocalSystem lie in `system32\Microsoft\Protect\S-1-5-18` for keys of the machine and in `User` below it
//! for keys of the account ("Key Storage and Retrieval"; the places as impacket and dissect.target read them).

use std::collections::BTreeMap;

use crate::artifact::master_key_file::{FILE_BYTES_MAX, MasterKeyFile};
use crate::base::guid::Guid;
use crate::base::win_path::WinPath;
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::Context;
use crate::facts::machine_keys::folders::Folders;
use crate::facts::machine_keys::listing::Listing;

/// DPAPI master keys of LocalSystem, below the Windows folder.
const FOLDER: &str = "system32\\Microsoft\\Protect\\S-1-5-18";

/// What this image shows of one master key.
#[derive(Debug, Clone)]
pub(crate) enum MasterKeyState {
    /// The file is there, could be read and is whole.
    Present(Evidence),
    /// The folders could be read and it is in none of them.
    Missing(Evidence),
    /// The file is there and is no master key file of that GUID.
    Damaged(Evidence),
    /// It could not be seen.
    Unseen(Unknown),
}

impl MasterKeyState {
    /// The word in `key.master_keys`.
    fn word(&self) -> &'static str {
        match self {
            Self::Present(_) => "present",
            Self::Missing(_) => "missing",
            Self::Damaged(_) => "damaged",
            Self::Unseen(_) => "unreadable",
        }
    }

    /// The place that shows it.
    pub(crate) fn evidence(&self) -> &Evidence {
        match self {
            Self::Present(evidence) | Self::Missing(evidence) | Self::Damaged(evidence) => evidence,
            Self::Unseen(unknown) => &unknown.evidence,
        }
    }
}

/// The master keys that were asked for, each looked for once.
#[derive(Debug, Default)]
pub(crate) struct MasterKeys {
    states: BTreeMap<Guid, MasterKeyState>,
}

impl MasterKeys {
    /// Whether all of these can be used: no if one is missing or damaged, unknown if one could not be seen or none is named.
    pub(crate) fn all_present(&mut self, context: &Context<'_>, guids: &[Guid]) -> Option<bool> {
        let mut all = (!guids.is_empty()).then_some(true);
        for guid in guids {
            match self.state(context, *guid) {
                MasterKeyState::Present(_) => {}
                MasterKeyState::Missing(_) | MasterKeyState::Damaged(_) => return Some(false),
                MasterKeyState::Unseen(_) => all = None,
            }
        }
        all
    }

    /// What the image shows of one master key.
    pub(crate) fn state(&mut self, context: &Context<'_>, guid: Guid) -> &MasterKeyState {
        self.states
            .entry(guid)
            .or_insert_with(|| look(context, guid))
    }

    /// `key.master_keys`: for each key file of IIS the master keys that it names, and what the image shows of each.
    pub(crate) fn fact(
        &mut self,
        context: &Context<'_>,
        folders: &Folders,
        listing: &Listing,
    ) -> Fact {
        if let Some(unseen) = folders.unseen.first().or(listing.unread.first()) {
            return Fact::Unknown(unseen.clone());
        }
        let (mut files, mut evidence) = (BTreeMap::new(), BTreeMap::new());
        for listed in listing.iis_keys() {
            let Some(guids) = listed
                .capi
                .as_ref()
                .and_then(|file| file.master_keys.as_ref())
            else {
                return Fact::Unknown(listed.fault.clone().unwrap_or_else(|| {
                    Unknown::new(
                        UnknownReason::LimitExceeded,
                        "the master keys that this file names were not read",
                        context.installation.place(&listed.path()),
                    )
                }));
            };
            let mut states = BTreeMap::new();
            for guid in guids {
                let state = self.state(context, *guid);
                states.insert(guid.to_string(), Value::text(state.word()));
                evidence
                    .entry(*guid)
                    .or_insert_with(|| state.evidence().clone());
            }
            files.insert(listed.key.path.clone(), Value::Map(states));
        }
        let mut evidence = evidence.into_values();
        match evidence.next() {
            Some(first) => Fact::found_in(Value::Map(files), first, evidence),
            None => Fact::found(Value::Map(files), folders.searched(context)),
        }
    }
}

/// The two places of a master key, that of machine keys first.
fn places(context: &Context<'_>, guid: Guid) -> [WinPath; 2] {
    let folder = context.installation.windows(FOLDER);
    let name = guid.to_string();
    [folder.child(&name), folder.child("User").child(&name)]
}

/// The bytes of every master key file with that GUID: a stale one in one place does not hide a good one in the other. What is
/// there and could not be read, or is no master key file of that GUID, is an error in its place.
pub(crate) fn read(context: &Context<'_>, guid: Guid) -> Vec<Result<Vec<u8>>> {
    let places = places(context, guid);
    let read = |path| read_at(context, path, guid).transpose();
    places.iter().filter_map(read).collect()
}

fn read_at(context: &Context<'_>, path: &WinPath, guid: Guid) -> Result<Option<Vec<u8>>> {
    let Some(bytes) = context.installation.filesystem.read(path, FILE_BYTES_MAX)? else {
        return Ok(None);
    };
    check(&bytes, guid)?;
    Ok(Some(bytes))
}

fn check(bytes: &[u8], guid: Guid) -> Result<()> {
    let file = MasterKeyFile::parse(bytes)?;
    if file.guid != guid {
        return Err(Error::corrupt(format!(
            "master key file at 0x0000000c: should be that of {guid}, is that of {}",
            file.guid
        )));
    }
    Ok(())
}

fn look(context: &Context<'_>, guid: Guid) -> MasterKeyState {
    let named = format!("master key {guid}");
    let (mut damaged, mut unseen) = (None, None);
    for path in places(context, guid) {
        let place = || context.installation.place(&path);
        match context.installation.filesystem.read(&path, FILE_BYTES_MAX) {
            Err(error) => unseen = unseen.or_else(|| Some(Unknown::from_error(&error, place()))),
            Ok(None) => {}
            Ok(Some(bytes)) => {
                let metadata = context.metadata(&path).ok().flatten();
                let evidence = context.file_evidence(&path, metadata.as_ref());
                match check(&bytes, guid) {
                    Ok(()) => return MasterKeyState::Present(evidence.raw(named)),
                    Err(error) if error.kind() == ErrorKind::Unsupported => {
                        unseen = unseen.or_else(|| Some(Unknown::from_error(&error, place())));
                    }
                    Err(error) => {
                        let said = format!("{named}: {}", error.chain());
                        damaged = damaged.or_else(|| Some(evidence.raw(said)));
                    }
                }
            }
        }
    }
    if let Some(unknown) = unseen {
        return MasterKeyState::Unseen(unknown);
    }
    if let Some(evidence) = damaged {
        return MasterKeyState::Damaged(evidence);
    }
    let searched = places(context, guid)
        .iter()
        .map(|path| context.installation.place(path).to_string())
        .collect();
    let folder = context.installation.windows(FOLDER);
    MasterKeyState::Missing(
        Evidence::at(context.installation.place(&folder))
            .searched(searched)
            .raw(named),
    )
}
