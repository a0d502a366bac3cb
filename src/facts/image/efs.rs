//! Encrypted files: fs.efs_files.
//!
//! Nothing on a volume lists them, so counting means to read every MFT record: 100 MiB on a disk of 100,000 files, which is
//! far more than a check may read. `check` searches an MFT of up to `mft_search_bytes_max` only; `inspect` that of any real
//! volume. Where the MFT is not searched, the folders in which such files matter are looked at: those of the users, whose
//! files a new SID makes unreadable, and that of IIS. What is found there is a number that the real one is not below; where
//! nothing is found, nothing is known. The machine keys have a fact of their own, `crypto.machinekeys_efs`. FAT has no
//! encryption, and NTFS before version 3.0 has none either.

use crate::base::win_path::WinPath;
use crate::error::ErrorKind;
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason};
use crate::facts::image::profiles;
use crate::facts::{Context, Facts};
use crate::image::filesystem::ATTRIBUTE_ENCRYPTED;
use crate::image::filesystem::ntfs::encrypted::Encrypted;

/// The id of the fact.
const FACT: &str = "fs.efs_files";
/// Most profiles whose folders are looked at.
const PROFILES_MAX: usize = 4;
/// Folders of a profile where files of the user lie.
const OF_USERS: [&str; 4] = ["", "Desktop", "My Documents", "Documents"];
/// The folder of IIS, below the Windows folder.
const OF_IIS: &str = "system32\\inetsrv";
/// Most files that are named as evidence.
const NAMED_MAX: usize = 32;

/// Collects fs.efs_files.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let (fact, rest) = count(context);
    facts.put(FACT, fact);
    if let Some(rest) = rest {
        facts.mark_incomplete(FACT, rest);
    }
}

/// The number, and why it is a minimum where not all was seen.
fn count(context: &Context<'_>) -> (Fact, Option<Unknown>) {
    let filesystem = &context.installation.filesystem;
    let layer = filesystem.layer();
    let place = context.installation.locator.clone();
    if layer.starts_with("fat:") || layer.starts_with("ntfs:1.") {
        let evidence = Evidence::at(place).raw(format!("{layer} has no encrypted files"));
        return (Fact::found(0_i64, evidence), None);
    }
    let Some(volume) = filesystem.as_ntfs() else {
        let detail = format!("a tree of kind {layer} does not tell which files are encrypted");
        let unknown = Unknown::new(UnknownReason::NotProvided, detail, place);
        return (Fact::Unknown(unknown), None);
    };
    match volume.encrypted_files(context.limits.mft_search_bytes_max) {
        Ok(found) => counted(context, &found),
        Err(error) if error.kind() == ErrorKind::LimitExceeded => {
            in_places(context, &error.to_string())
        }
        Err(error) => {
            let unknown = Unknown::from_error(&error, mft_place(context).locator);
            (Fact::Unknown(unknown), None)
        }
    }
}

fn mft_place(context: &Context<'_>) -> Evidence {
    Evidence::at(context.installation.place(&WinPath::new("$MFT")))
}

/// What all records of the volume show.
fn counted(context: &Context<'_>, found: &Encrypted) -> (Fact, Option<Unknown>) {
    let files = i64::try_from(found.files).unwrap_or(i64::MAX);
    let mut evidence = found.named.iter().map(|file| {
        let mut evidence = Evidence::at(context.installation.place(&WinPath::new(&file.path)));
        evidence.mft_record = Some(file.mft_record);
        evidence
    });
    let unseen = found.first_damaged.map(|record| {
        let detail = format!(
            "{} records are damaged, the first is {record}",
            found.damaged
        );
        Unknown::new(UnknownReason::Corrupt, detail, mft_place(context).locator)
    });
    match (evidence.next(), unseen) {
        (Some(first), unseen) => (Fact::found_in(files, first, evidence), unseen),
        (None, Some(unseen)) => (Fact::Unknown(unseen), None),
        (None, None) => {
            let nothing = mft_place(context).raw("no record in use is of an encrypted file");
            (Fact::found(0_i64, nothing), None)
        }
    }
}

/// What the folders show in which such files matter; `why` the MFT was not searched.
fn in_places(context: &Context<'_>, why: &str) -> (Fact, Option<Unknown>) {
    let mut found = Vec::new();
    for folder in places(context) {
        // A folder that is not there or can't be listed shows nothing, and nothing is concluded from that.
        let Ok(Some(entries)) = context.installation.filesystem.read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let is_encrypted = entry
                .attributes
                .is_some_and(|bits| bits & ATTRIBUTE_ENCRYPTED != 0);
            if is_encrypted && !entry.is_dir {
                found.push(folder.child(&entry.name));
            }
        }
    }
    let least = i64::try_from(found.len()).unwrap_or(i64::MAX);
    let unseen = Unknown::new(
        UnknownReason::LimitExceeded,
        format!("{why}; `goldseal inspect` searches all of it"),
        mft_place(context).locator,
    );
    let mut evidence = found.iter().take(NAMED_MAX).map(|path| {
        let metadata = context.metadata(path).ok().flatten();
        context.file_evidence(path, metadata.as_ref())
    });
    match evidence.next() {
        Some(first) => (Fact::found_in(least, first, evidence), Some(unseen)),
        None => (Fact::Unknown(unseen), None),
    }
}

fn places(context: &Context<'_>) -> Vec<WinPath> {
    let profiles = profiles::all(context).unwrap_or_default();
    let users = profiles
        .into_iter()
        .filter(profiles::Profile::is_account)
        .filter_map(|profile| profile.folder)
        .take(PROFILES_MAX);
    users
        .flat_map(|folder| OF_USERS.map(|name| folder.join(name)))
        .chain([context.installation.windows(OF_IIS)])
        .collect()
}
