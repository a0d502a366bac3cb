//! Whether the drive letters in the registry mean this disk: id.mounted_devices_match.
//!
//! `SYSTEM\MountedDevices` keeps, for a partition of an MBR disk, 12 bytes: the disk signature (0x1B8 of sector 0) and the
//! offset of the partition in bytes (from memory). Letters of another disk are stale after copying.

use crate::artifact::registry::KeyValue;
use crate::base::bytes;
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::{Context, Facts, HiveName};

const KEY: &str = "MountedDevices";
/// How the names of drive letters begin.
const LETTERS: &str = "\\dosdevices\\";
/// Length of the data for a partition of an MBR disk.
const MBR_ENTRY_LEN: usize = 12;

/// A drive letter.
struct Letter {
    name: String,
    /// Disk signature and offset of the partition, on an MBR disk.
    target: Option<(u32, u64)>,
    evidence: Evidence,
}

/// Collects id.mounted_devices_match; os.system_drive must be there.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let fact = matches(context, facts);
    facts.put("id.mounted_devices_match", fact);
}

/// Only the letter of the system drive can say no: other letters may mean disks that are not part of the image.
fn matches(context: &Context<'_>, facts: &Facts) -> Result<Fact, Unknown> {
    let letters = letters(context)?;
    let system = system_letter(facts).and_then(|name| {
        letters
            .iter()
            .find(|letter| letter.name.eq_ignore_ascii_case(&name))
    });
    if let Some(letter) = system {
        let Some(target) = letter.target else {
            return Err(undecided(
                "the system drive is no partition of an MBR disk, and other disks are not compared",
                letter,
            ));
        };
        let here = disk(context)?;
        return Ok(Fact::found(target == here, shown(letter, target, here)));
    }
    let mut on_mbr = letters
        .iter()
        .filter_map(|letter| Some((letter, letter.target?)));
    let Some((first, _)) = on_mbr.next() else {
        return Ok(context.absent(HiveName::System, KEY, Some("\\DosDevices\\...")));
    };
    let here = disk(context)?;
    let matching = letters
        .iter()
        .filter_map(|letter| Some((letter, letter.target?)))
        .find(|(_, target)| *target == here);
    match matching {
        Some((letter, target)) => Ok(Fact::found(true, shown(letter, target, here))),
        None => Err(undecided(
            "no letter means this partition, and which is that of the system drive is not known",
            first,
        )),
    }
}

/// The name of the value for the letter of the system drive.
fn system_letter(facts: &Facts) -> Option<String> {
    match facts.get("os.system_drive")?.get() {
        Ok(Some((Value::Text(drive), _))) => Some(format!("{LETTERS}{drive}")),
        _ => None,
    }
}

fn shown(letter: &Letter, target: (u32, u64), here: (u32, u64)) -> Evidence {
    letter.evidence.clone().raw(format!(
        "disk 0x{:08x}, partition at 0x{:08x}; here disk 0x{:08x}, partition at 0x{:08x}",
        target.0, target.1, here.0, here.1
    ))
}

fn undecided(detail: &str, letter: &Letter) -> Unknown {
    Unknown {
        reason: UnknownReason::Unsupported,
        detail: detail.to_owned(),
        evidence: letter.evidence.clone(),
    }
}

/// The signature of the disk and the offset of the installation's partition.
fn disk(context: &Context<'_>) -> Result<(u32, u64), Unknown> {
    let not_provided = |detail| {
        Unknown::new(
            UnknownReason::NotProvided,
            detail,
            context.installation.locator.clone(),
        )
    };
    let disk =
        context.installation.disk.as_ref().ok_or_else(|| {
            not_provided("the image is no whole disk, so its signature is not known")
        })?;
    let signature = disk
        .mbr_signature
        .ok_or_else(|| not_provided("the disk has no MBR signature to compare with"))?;
    Ok((signature, disk.partition_start_bytes))
}

fn letters(context: &Context<'_>) -> Result<Vec<Letter>, Unknown> {
    let Some(found) = context.key(HiveName::System, KEY)? else {
        return Ok(Vec::new());
    };
    let values = found
        .key
        .values()
        .map_err(|error| Unknown::from_error(&error, found.evidence.locator.clone()))?;
    let opened = context.hive(HiveName::System)?;
    Ok(values
        .iter()
        .filter(|value| value.name.to_ascii_lowercase().starts_with(LETTERS))
        .map(|value| {
            let locator = context.place(HiveName::System, KEY, Some(&value.name));
            let evidence = context.evidence_in(opened, locator, &found.key, Some(value));
            letter(value, evidence)
        })
        .collect())
}

fn letter(value: &KeyValue, evidence: Evidence) -> Letter {
    let target = (value.data.len() == MBR_ENTRY_LEN)
        .then(|| bytes::u32_le(&value.data, 0).zip(bytes::u64_le(&value.data, 4)))
        .flatten();
    Letter {
        name: value.name.clone(),
        target,
        evidence,
    }
}
