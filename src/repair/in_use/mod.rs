//! Whether something else uses the image: a loop device, a mount of it or of a part of it, another program.
//!
//! A best effort: what the system does not show (another name space, another host) is not seen, so the locks that are taken
//! while writing and the comparison of every old byte stay the last word. Specifications: proc(5), flock(2), fcntl(2).

mod block;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::repair::gate::{Gate, Planned, Refusal};

/// How often a locked image is looked at before another writer is believed to stay, and the pause between two looks.
const LOCKED_LOOKS: usize = 20;
const LOOK_PAUSE: Duration = Duration::from_millis(100);
/// Most processes that are asked.
const PROCESSES_MAX: usize = 100_000;

fn used(path: &Path, what: &str) -> Refusal {
    Refusal::new(
        Gate::InUse,
        format!(
            "{}: {what}; end that use and try again",
            path.to_string_lossy()
        ),
    )
}

/// The refusal where the system does not show whether something uses the image: not seen is not unused.
fn unseen(path: &Path, place: &str, error: &std::io::Error) -> Refusal {
    Refusal::new(
        Gate::InUse,
        format!(
            "{}: whether something else uses it cannot be seen: {place}: {error}",
            path.to_string_lossy()
        ),
    )
}

/// Which other processes stand in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Users {
    /// All that have the image open.
    All,
    /// Those that have it open for writing.
    Writers,
}

/// Refuses an image that something else uses.
///
/// # Errors
/// A refusal at [`Gate::InUse`] that says by what, or at [`Gate::Unreadable`] for an image that is not there.
pub fn check(path: &Path) -> Planned<()> {
    check_for(path, Users::All)
}

/// As [`check`], for an image that this process has locked. Who asks for the lock in vain has the image open for a moment,
/// and who plans a repair of it meanwhile has it open for reading: neither may stop the one that holds the lock.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_locked(path: &Path) -> Planned<()> {
    for _ in 0..LOCKED_LOOKS {
        match check_for(path, Users::Writers) {
            Err(refusal) if refusal.gate == Gate::InUse => std::thread::sleep(LOOK_PAUSE),
            result => return result,
        }
    }
    check_for(path, Users::Writers)
}

fn check_for(path: &Path, users: Users) -> Planned<()> {
    let metadata = fs::metadata(path).map_err(|error| {
        Refusal::new(
            Gate::Unreadable,
            format!("{}: {error}", path.to_string_lossy()),
        )
    })?;
    if let Some(device) = loop_device(path, &metadata)? {
        return Err(used(path, &device));
    }
    let devices = if metadata.file_type().is_block_device() {
        let own = block::numbers(metadata.rdev());
        block::family(&own).map_err(|error| unseen(path, "/sys/dev/block", &error))?
    } else {
        BTreeSet::new()
    };
    let place =
        block::mounted(&devices, &metadata).map_err(|error| unseen(path, block::MOUNTS, &error))?;
    if let Some(place) = place {
        return Err(used(
            path,
            &format!("it, or a part of it, is mounted at {place}"),
        ));
    }
    if metadata.is_dir() {
        // A mounted tree is in use by being mounted; each change of a name in it is made whole by the host.
        return Ok(());
    }
    if let Some(process) = open_elsewhere(path, &metadata, users)? {
        return Err(used(path, &format!("is open in {process}")));
    }
    Ok(())
}

/// The loop device whose backing file is the image, in words.
fn loop_device(path: &Path, image: &fs::Metadata) -> Planned<Option<String>> {
    let named = path.canonicalize().ok();
    let devices = fs::read_dir("/sys/block").map_err(|error| unseen(path, "/sys/block", &error))?;
    for entry in devices.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(backing) = fs::read_to_string(entry.path().join("loop/backing_file")) else {
            continue;
        };
        let backing = PathBuf::from(backing.trim_end_matches('\n'));
        let is_same = fs::metadata(&backing).is_ok_and(|other| is_same(image, &other));
        if !is_same && named.as_ref() != Some(&backing) {
            continue;
        }
        let place = fs::read_to_string(entry.path().join("dev"))
            .and_then(|numbers| block::family(numbers.trim_end()))
            .and_then(|devices| block::mounted(&devices, image));
        return Ok(Some(match place {
            Ok(Some(place)) => {
                format!("the loop device {name} is set up over it, and mounted at {place}")
            }
            _ => format!("the loop device {name} is set up over it"),
        }));
    }
    Ok(None)
}

/// Whether two files are the same one, or the same block device under two names.
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    let is_device = |file: &fs::Metadata| file.file_type().is_block_device();
    (is_device(one) && is_device(other) && one.rdev() == other.rdev())
        || (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Another process that has the image open.
fn open_elsewhere(path: &Path, image: &fs::Metadata, users: Users) -> Planned<Option<String>> {
    let own = std::process::id();
    let processes = fs::read_dir("/proc").map_err(|error| unseen(path, "/proc", &error))?;
    for process in processes.flatten().take(PROCESSES_MAX) {
        let name = process.file_name().to_string_lossy().into_owned();
        let Ok(number) = name.parse::<u32>() else {
            continue;
        };
        if number == own {
            continue;
        }
        let Ok(files) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        for file in files.flatten() {
            let Ok(other) = fs::metadata(file.path()) else {
                continue;
            };
            if is_same(image, &other) && (users == Users::All || may_write(&process.path(), &file))
            {
                let program = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                return Ok(Some(format!("process {number} ({})", program.trim_end())));
            }
        }
    }
    Ok(None)
}

/// Whether a handle of a process was opened for writing; one of which that can't be seen may be.
fn may_write(process: &Path, file: &fs::DirEntry) -> bool {
    /// The bits of the flags that say how a file was opened; 0 is for reading only.
    const ACCESS: u32 = 3;
    let info = fs::read_to_string(process.join("fdinfo").join(file.file_name()));
    let flags = info.ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
        u32::from_str_radix(line.trim(), 8).ok()
    });
    flags.is_none_or(|flags| flags & ACCESS != 0)
}
