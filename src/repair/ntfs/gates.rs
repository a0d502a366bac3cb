//! The gates of a volume: what has to be so before any plan is made for it.
//!
//! Each is a state in which Windows would still change the volume by itself, or in which what is read is not what Windows
//! would see. A state that this table does not know is refused. Sources: `ntfs_is_logfile_clean` and
//! `ntfs_volume_check_hiberfile` of ntfs-3g; the flags of `$VOLUME_INFORMATION` in its `layout.h`.

use crate::base::win_path::WinPath;
use crate::image::filesystem::ntfs::NtfsVolume;
use crate::image::filesystem::{FileSystem, VolumeNote};
use crate::repair::gate::{Gate, Planned, Refusal};

/// The flags of `$VOLUME_INFORMATION` that have a meaning: those that notes speak of, 0x0008 (was mounted by NT 4.0), and
/// 0x0080 (no 8.3 names are made), which volumes that Windows 8 and later formatted carry.
const KNOWN_FLAGS: u16 = 0xc0bf;
/// The change journal, if the volume keeps one.
const CHANGE_JOURNAL: &str = "$Extend\\$UsnJrnl";

/// What a state of the volume means for a repair: a refusal, or a warning.
fn gate_of(note: &VolumeNote) -> Option<Gate> {
    match note.kind {
        "dirty" => Some(Gate::Dirty),
        "resize_log"
        | "upgrade_on_mount"
        | "delete_usn_underway"
        | "repair_object_ids"
        | "chkdsk_underway" => Some(Gate::VolumeFlags),
        "log_not_clean" => Some(Gate::LogNotClean),
        "hibernated" | "hibernation_unknown" => Some(Gate::Hibernated),
        "modified_by_chkdsk" | "shadow_copies" | "shadow_copies_unknown" => None,
        // `mft_damaged`, `boot_sector_damaged`, and whatever a later reader learns to notice.
        _ => Some(Gate::Damaged),
    }
}

/// Refuses a volume that must not be written; the answer is what an engineer has to know all the same.
pub(super) fn check(volume: &NtfsVolume) -> Planned<Vec<String>> {
    let mut warnings = Vec::new();
    for note in volume.notes() {
        match gate_of(&note) {
            Some(gate) => return Err(Refusal::new(gate, advice(gate, &note.text))),
            None => warnings.push(match note.kind {
                "shadow_copies" => "the volume holds shadow copies, which a repair does not maintain: Windows may drop them"
                    .to_owned(),
                _ => note.text,
            }),
        }
    }
    let flags = volume.information().flags;
    if flags & !KNOWN_FLAGS != 0 {
        return Err(Refusal::new(
            Gate::VolumeFlags,
            format!("$Volume has flags 0x{flags:04x}, of which some are not known"),
        ));
    }
    if volume.locate(&WinPath::new(CHANGE_JOURNAL))?.is_some() {
        warnings.push(
            "the volume keeps a change journal ($UsnJrnl), in which the repair is not recorded: programs that follow it \
             see the new names later"
                .to_owned(),
        );
    }
    Ok(warnings)
}

/// The sentence with the way out.
fn advice(gate: Gate, text: &str) -> String {
    let way_out = match gate {
        Gate::Dirty | Gate::VolumeFlags | Gate::Damaged => {
            "let Windows check the volume (chkdsk), shut it down, and take the image again"
        }
        Gate::LogNotClean | Gate::Hibernated => {
            "start this Windows, shut it down completely (shutdown /s /t 0, not by fast start), and take the image again"
        }
        _ => return text.to_owned(),
    };
    format!("{text}; {way_out}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::filesystem::ntfs::state::note;

    #[test]
    fn a_state_that_is_not_known_here_is_refused() {
        assert_eq!(gate_of(&note("something_new", "")), Some(Gate::Damaged));
        assert_eq!(gate_of(&note("shadow_copies", "")), None);
    }
}
