//! Block devices of the host: what is made of a device, and where any of it is mounted.
//!
//! A disk is in use as soon as one of its partitions is, or a mapped device over it (LVM, RAID, dm-crypt). Specifications:
//! `/sys/dev/block` and `holders` of sysfs(5), `/proc/PID/mountinfo` of proc(5).

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// Most devices that are followed from one.
const DEVICES_MAX: usize = 1_000;
/// The mounts that this process sees.
pub(super) const MOUNTS: &str = "/proc/self/mountinfo";
/// The devices of the system by their numbers.
const DEVICES: &str = "/sys/dev/block";

/// A mount: the numbers of its device, its place, and what it was made from.
struct Mount {
    device: String,
    place: String,
    source: String,
}

/// The numbers of a device as the system writes them: `8:0`.
pub(super) fn numbers(device: u64) -> String {
    format!(
        "{}:{}",
        rustix::fs::major(device),
        rustix::fs::minor(device)
    )
}

/// A device with its partitions and with all that is mapped over any of them, by their numbers.
///
/// # Errors
/// What the system does not show.
pub(super) fn family(device: &str) -> std::io::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![device.to_owned()];
    while let Some(next) = waiting.pop() {
        if found.len() >= DEVICES_MAX {
            return Err(std::io::Error::other(format!(
                "more than {DEVICES_MAX} devices lie over it"
            )));
        }
        let place = Path::new(DEVICES).join(&next);
        if !found.insert(next) {
            continue;
        }
        for entry in fs::read_dir(&place)? {
            let path = entry?.path();
            if path.join("partition").exists() {
                waiting.extend(read_numbers(&path)?);
            }
        }
        // A device that nothing can lie over has no such folder.
        let holders = match fs::read_dir(place.join("holders")) {
            Ok(holders) => holders,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in holders {
            waiting.extend(read_numbers(&entry?.path())?);
        }
    }
    Ok(found)
}

/// The numbers of a device, if it is still there.
fn read_numbers(device: &Path) -> std::io::Result<Option<String>> {
    match fs::read_to_string(device.join("dev")) {
        Ok(text) => Ok(Some(text.trim_end().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where one of the devices is mounted, or a file system was mounted from the file itself, as drivers over FUSE do it.
///
/// # Errors
/// What the system does not show.
pub(super) fn mounted(
    devices: &BTreeSet<String>,
    image: &fs::Metadata,
) -> std::io::Result<Option<String>> {
    let table = fs::read_to_string(MOUNTS)?;
    let is_it = |mount: &Mount| {
        if devices.contains(&mount.device) {
            return true;
        }
        // File systems over several devices have numbers of their own; their source names one.
        let source = Path::new(&mount.source);
        source.is_absolute()
            && fs::metadata(source).is_ok_and(|source| {
                if source.file_type().is_block_device() {
                    devices.contains(&numbers(source.rdev()))
                } else {
                    source.is_file() && (source.dev(), source.ino()) == (image.dev(), image.ino())
                }
            })
    };
    let found = table.lines().filter_map(parse).find(is_it);
    Ok(found.map(|mount| mount.place))
}

/// A line of the table: id, parent, numbers, root, place, options, optional fields, `-`, type, source.
fn parse(line: &str) -> Option<Mount> {
    let (head, tail) = line.split_once(" - ")?;
    let mut fields = head.split(' ');
    let device = fields.nth(2)?.to_owned();
    let place = unescaped(fields.nth(1)?);
    let source = unescaped(tail.split(' ').nth(1)?);
    Some(Mount {
        device,
        place,
        source,
    })
}

/// A field with its octal escapes undone.
fn unescaped(field: &str) -> String {
    [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ]
    .iter()
    .fold(field.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_read_as_proc_5_shows_it() {
        let line = "36 35 98:0 /mnt1 /mnt/a\\040b rw,noatime master:1 - ext3 /dev/my\\134root rw,errors=continue";
        let mount = parse(line).unwrap();
        assert_eq!(
            (mount.device.as_str(), mount.place.as_str()),
            ("98:0", "/mnt/a b")
        );
        assert_eq!(mount.source, "/dev/my\\root");
    }
}
