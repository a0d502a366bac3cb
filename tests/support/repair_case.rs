//! Renames, swaps and removals planned on the small NTFS volume with the damage that a list of bytes describes.
//!
//! A plan that is given has passed the strict check of the volume seen through it; everything else has to be a refusal.
#![allow(dead_code, reason = "each target uses its part")]

#[path = "ntfs_case.rs"]
mod ntfs_case;

use goldseal::base::win_path::WinPath;
use goldseal::image::filesystem::FileSystem;
use goldseal::repair::Edit;
use goldseal::repair::ntfs::plan;

/// Most directories of one copy in which edits are planned.
const FOLDERS_MAX: usize = 8;

/// Plans edits in the directories of the damaged volume; the number of plans and of refusals.
pub(crate) fn run(input: &[u8]) -> (usize, usize) {
    let (mut planned, mut refused) = (0, 0);
    let Some(volume) = ntfs_case::open(input) else {
        return (0, 0);
    };
    let mut folders = vec![WinPath::root()];
    let mut walked = 0;
    while let Some(folder) = folders.pop() {
        walked += 1;
        if walked > FOLDERS_MAX {
            break;
        }
        let entries = volume.read_dir(&folder).ok().flatten().unwrap_or_default();
        let mut files = Vec::new();
        for entry in entries {
            if entry.is_dir {
                folders.push(folder.child(&entry.name));
            } else if !entry.name.starts_with('$') {
                files.push(entry.name);
            }
        }
        let mut edits = Vec::new();
        if let Some(first) = files.first() {
            let mut to = first.clone();
            to.pop();
            to.push('~');
            edits.push(Edit::Rename {
                directory: folder.clone(),
                from: first.clone(),
                to,
            });
        }
        let twin = files.iter().skip(1).find(|name| {
            files
                .first()
                .is_some_and(|first| first.encode_utf16().count() == name.encode_utf16().count())
        });
        if let (Some(first), Some(second)) = (files.first(), twin) {
            edits.push(Edit::Swap {
                directory: folder.clone(),
                first: first.clone(),
                second: second.clone(),
            });
        }
        if let Some(last) = files.last() {
            edits.push(Edit::Delete {
                directory: folder.clone(),
                name: last.clone(),
            });
        }
        for edit in edits {
            match plan(volume.mft().device(), &[edit]) {
                Ok(_) => planned += 1,
                Err(_) => refused += 1,
            }
        }
    }
    (planned, refused)
}
