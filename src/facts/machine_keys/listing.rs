//! Every key file of every folder, and what the head of a few of them proves.
//!
//! A folder may hold many thousands of files, so a file is known by its directory entry and MFT record; only the heads of
//! IIS's own keys and of a bounded number of unknown containers are read.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::artifact::machine_key::{
    CapiFile, HEAD_BYTES, KeyFileName, NameRule, RsaPublic, container_hash, known_container,
};
use crate::base::win_path::{WinPath, eq_name};
use crate::error::Error;
use crate::evidence::{Locator, Unknown, UnknownReason};
use crate::facts::Context;
use crate::facts::machine_keys::folders::{FolderKind, Folders, KeyFolder};
use crate::facts::machine_keys::machine_guid::MachineGuid;
use crate::facts::machine_keys::master_keys::MasterKeys;
use crate::facts::machine_keys::{Fingerprint, MachineKey, Proof};
use crate::image::filesystem::Metadata;
use crate::proof::key_file;

/// Most files of IIS whose heads are read.
const IIS_KEYS_OPENED_MAX: usize = 4096;
/// Most files of unknown containers whose heads are read.
const UNKNOWN_KEYS_OPENED_MAX: usize = 64;

/// A key file and what this program needs to know of it beside the report.
#[derive(Debug, Clone)]
pub(crate) struct ListedKey {
    /// The file as the report lists it.
    pub(crate) key: MachineKey,
    /// The folder that holds it.
    folder: Rc<WinPath>,
    /// Its metadata.
    pub(crate) metadata: Metadata,
    /// What kind of folder holds it.
    pub(crate) kind: FolderKind,
    /// Whether it is a key of IIS 4 to 6, in a folder where IIS looks.
    pub(crate) is_iis_key: bool,
    /// What its head says, if it was read and is one of a key file.
    pub(crate) capi: Option<CapiFile>,
    /// Why the head could not be read as a key file, if it was tried.
    pub(crate) fault: Option<Unknown>,
    /// The public half of its signature pair.
    pub(crate) signature: SignatureKey,
    /// The public half of its exchange pair, where it could be read.
    pub(crate) exchange: Option<RsaPublic>,
    /// The head, for IIS's own keys: two files of one content are one key.
    pub(crate) head: Vec<u8>,
}

/// What is known of the key that a file signs with.
#[derive(Debug, Clone)]
pub(crate) enum SignatureKey {
    /// The file was not opened.
    NotOpened,
    /// The file was opened and the key could not be read.
    Unread(Unknown),
    /// The container has no signature pair, so it signed nothing.
    None,
    /// The key.
    Key(RsaPublic),
}

impl ListedKey {
    /// Its path.
    pub(crate) fn path(&self) -> WinPath {
        self.folder.child(&self.key.name)
    }
}

/// All key files of an installation.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The files, in the order of folder and name.
    pub(crate) list: Vec<ListedKey>,
    /// Folders where IIS looks, and its files there, that exist and could not be read.
    pub(crate) unread: Vec<Unknown>,
    /// Other folders and files that exist and could not be read.
    pub(crate) unread_elsewhere: Vec<Unknown>,
}

impl Listing {
    fn not_read(&mut self, bears_on_iis: bool, unknown: Unknown) {
        if bears_on_iis {
            self.unread.push(unknown);
        } else {
            self.unread_elsewhere.push(unknown);
        }
    }

    /// The first place that could hold a key of IIS, or is one, and could not be read: what is said of all of them is open.
    pub(crate) fn unseen<'u>(&'u self, folders: &'u Folders) -> Option<&'u Unknown> {
        folders.unseen.first().or(self.unread.first())
    }

    /// The files of IIS.
    pub(crate) fn iis_keys(&self) -> impl Iterator<Item = &ListedKey> {
        self.list.iter().filter(|listed| listed.is_iis_key)
    }

    /// The files as the report lists them.
    pub(crate) fn keys(self) -> Vec<MachineKey> {
        self.list.into_iter().map(|listed| listed.key).collect()
    }
}

/// Lists the files of all folders and opens the few that matter.
pub(crate) fn list(
    context: &Context<'_>,
    folders: &Folders,
    guid: &MachineGuid,
    master_keys: &mut MasterKeys,
) -> Listing {
    let mut listing = Listing::default();
    let mut records = BTreeSet::new();
    for folder in &folders.list {
        match context
            .installation
            .filesystem
            .read_dir_metadata(&folder.path)
        {
            Ok(Some(entries)) => {
                for (name, metadata) in entries {
                    add(
                        context,
                        folder,
                        &name,
                        metadata,
                        guid,
                        &mut records,
                        &mut listing,
                    );
                }
            }
            Ok(None) => {
                let vanished = Error::corrupt("the folder is there and cannot be listed");
                listing.not_read(
                    folder.kind.is_rsa(),
                    unknown(context, &folder.path, &vanished),
                );
            }
            Err(error) => {
                listing.not_read(folder.kind.is_rsa(), unknown(context, &folder.path, &error));
            }
        }
    }
    open_heads(context, &mut listing, master_keys);
    listing
}

fn unknown(context: &Context<'_>, path: &WinPath, error: &Error) -> Unknown {
    Unknown::from_error(error, context.installation.place(path))
}

fn add(
    context: &Context<'_>,
    folder: &KeyFolder,
    name: &str,
    metadata: crate::error::Result<Metadata>,
    guid: &MachineGuid,
    records: &mut BTreeSet<u64>,
    listing: &mut Listing,
) {
    let metadata = match metadata {
        Ok(metadata) if metadata.is_dir => return,
        Ok(metadata) => metadata,
        Err(error) => {
            let is_iis_key = folder.kind.is_rsa() && KeyFileName::parse(name).is_iis_key();
            listing.not_read(
                is_iis_key,
                unknown(context, &folder.path.child(name), &error),
            );
            return;
        }
    };
    // A second name of one file (a hard link, a folder reached on two ways) is not a second key.
    if let Some(record) = metadata.mft_record
        && !records.insert(record)
    {
        return;
    }
    let parsed = KeyFileName::parse(name);
    let matches = match (parsed.suffix, guid) {
        (Some(suffix), Ok(Some(guid))) => Some(same_text(suffix, guid)),
        // There is no MachineGuid, so no file is named for it.
        (Some(_), Ok(None)) => Some(false),
        (None, _) | (_, Err(_)) => None,
    };
    let known = parsed.container_hash.as_deref().and_then(known_container);
    let known =
        known.filter(|container| (container.rule == NameRule::Capi) == folder.kind.is_capi());
    listing.list.push(ListedKey {
        is_iis_key: parsed.is_iis_key() && folder.kind.is_rsa(),
        key: MachineKey {
            name: name.to_owned(),
            path: format!("{}\\{name}", folder.path),
            size_bytes: metadata.size_bytes,
            container_name: known.map(|container| container.name.to_owned()),
            guid: parsed.guid.map(|guid| guid.to_string()),
            container_hash: parsed.container_hash,
            matches_machine_guid: matches,
            times: metadata.times,
            mft_record: metadata.mft_record,
            proof: Proof::untested(),
        },
        folder: Rc::clone(&folder.path),
        metadata,
        kind: folder.kind,
        capi: None,
        fault: None,
        signature: SignatureKey::NotOpened,
        exchange: None,
        head: Vec::new(),
    });
}

/// Compares as Windows does; a folder may hold very many names, nearly all of them ASCII.
fn same_text(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || (!a.is_ascii() && eq_name(a, b))
}

/// Reads the heads of IIS's keys, and of unknown containers where they are few.
fn open_heads(context: &Context<'_>, listing: &mut Listing, master_keys: &mut MasterKeys) {
    let opens = |listed: &ListedKey| listed.is_iis_key;
    let unknown = |listed: &ListedKey| {
        !listed.is_iis_key
            && listed.kind.is_capi()
            && listed.key.container_hash.is_some()
            && listed.key.container_name.is_none()
    };
    let few =
        listing.list.iter().filter(|listed| unknown(listed)).count() <= UNKNOWN_KEYS_OPENED_MAX;
    let mut iis_keys = 0_usize;
    for listed in &mut listing.list {
        let is_iis_key = opens(listed) && iis_keys < IIS_KEYS_OPENED_MAX;
        iis_keys = iis_keys.saturating_add(usize::from(is_iis_key));
        if is_iis_key || (few && unknown(listed)) {
            open_head(context, listed, master_keys);
        }
    }
}

fn open_head(context: &Context<'_>, listed: &mut ListedKey, master_keys: &mut MasterKeys) {
    let head = context
        .installation
        .filesystem
        .read_head(&listed.path(), HEAD_BYTES);
    let place = context.installation.place(&listed.path());
    let head = match head {
        Ok(Some(head)) => head,
        Ok(None) => return,
        Err(error) => {
            let unknown = Unknown::from_error(&error, place);
            listed.signature = SignatureKey::Unread(unknown.clone());
            listed.fault = Some(unknown);
            return;
        }
    };
    read_public_keys(listed, &head, &place);
    match CapiFile::parse(&head, listed.metadata.size_bytes) {
        Ok(file) => {
            let proof = &mut listed.key.proof;
            proof.well_formed = Some(true);
            let hash = file
                .container_name
                .as_deref()
                .and_then(|name| container_hash(name, NameRule::Capi));
            proof.name_consistent = hash.map(|hash| Some(hash) == listed.key.container_hash);
            proof.master_key_present = file
                .master_keys
                .as_deref()
                .and_then(|guids| master_keys.all_present(context, guids));
            // A name that does not lead to the hash in the file name is another container's: the file was renamed.
            if proof.name_consistent == Some(true) {
                listed.key.container_name.clone_from(&file.container_name);
            }
            // A pair whose public half cannot be read is not known to be whole.
            let is_read =
                matches!(listed.signature, SignatureKey::Key(_)) && listed.exchange.is_some();
            proof.both_pairs = if file.has_signature_pair && file.has_exchange_pair {
                is_read.then_some(true)
            } else {
                Some(false)
            };
            listed.capi = Some(file);
        }
        Err(error) => {
            listed.key.proof.well_formed = Some(false);
            listed.fault = Some(Unknown::new(UnknownReason::Corrupt, error.chain(), place));
        }
    }
    if listed.is_iis_key {
        listed.head = head;
    }
}

/// The public halves, also of a file that is cut behind them.
fn read_public_keys(listed: &mut ListedKey, head: &[u8], place: &Locator) {
    listed.signature = match key_file::signature_key(head) {
        Ok(None) => SignatureKey::None,
        Ok(Some(key)) => {
            listed.key.proof.signature_key = Some(Fingerprint::of(&key));
            SignatureKey::Key(key)
        }
        Err(error) => SignatureKey::Unread(Unknown::from_error(&error, place.clone())),
    };
    if let Ok(Some(key)) = key_file::exchange_key(head) {
        listed.key.proof.exchange_key = Some(Fingerprint::of(&key));
        listed.exchange = Some(key);
    }
}
