//! Whether the drive letters in the registry mean this disk: id.mounted_devices_match.
//!
//! `SYSTEM\MountedDevices` keeps, for a partition of an MBR disk, 12 bytes: the disk signature (0x1B8 of sector 0) and the
//! offset of the partition in bytes (from memory). Letters of another disk are stale after copying.

use crate::artifact::registry::KeyValue;
use crate::base::bytes;
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::{Context, Facts, HiveName};
use crate::image::DiskFacts;

const KEY: &str = "MountedDevices";
/// How the names of drive letters begin.
const LETTERS: &str = "\\dosdevices\\";
/// Length of the data for a partition of an MBR disk.
const MBR_ENTRY_LEN: usize = 12;

/// A drive letter on an MBR disk.
struct Letter {
    name: String,
    signature: u32,
    offset_bytes: u64,
    evidence: Evidence,
}

/// Collects id.mounted_devices_match; os.system_drive must be there.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let fact = matches(context, facts);
    facts.put("id.mounted_devices_match", fact);
}

fn matches(context: &Context<'_>, facts: &Facts) -> Result<Fact, Unknown> {
    let letters = letters(context)?;
    if letters.is_empty() {
        return Ok(context.absent(HiveName::System, KEY, Some("\\DosDevices\\...")));
    }
    let (disk, signature) = disk(context)?;
    let system_drive = match facts.get("os.system_drive").map(Fact::get) {
        Some(Ok(Some((Value::Text(drive), _)))) => format!("{LETTERS}{drive}").to_ascii_lowercase(),
        _ => String::new(),
    };
    let is_here = |letter: &Letter| {
        letter.signature == signature && letter.offset_bytes == disk.partition_start_bytes
    };
    let of_system: Vec<&Letter> = letters
        .iter()
        .filter(|letter| letter.name.to_ascii_lowercase() == system_drive)
        .collect();
    let judged = if of_system.is_empty() {
        letters.iter().collect()
    } else {
        of_system
    };
    let matching: Vec<&Letter> = judged
        .iter()
        .copied()
        .filter(|letter| is_here(letter))
        .collect();
    let shown = if matching.is_empty() {
        judged
    } else {
        matching.clone()
    };
    let mut evidence = shown.iter().map(|letter| {
        letter.evidence.clone().raw(format!(
            "disk 0x{:08x}, partition at 0x{:08x}; here disk 0x{signature:08x}, partition at 0x{:08x}",
            letter.signature, letter.offset_bytes, disk.partition_start_bytes
        ))
    });
    let first = evidence
        .next()
        .unwrap_or_else(|| Evidence::at(context.place(HiveName::System, KEY, None)));
    Ok(Fact::found_in(!matching.is_empty(), first, evidence))
}

/// The disk and its signature.
fn disk<'c>(context: &'c Context<'_>) -> Result<(&'c DiskFacts, u32), Unknown> {
    let unknown =
        |reason, detail| Unknown::new(reason, detail, context.installation.locator.clone());
    let disk = context.installation.disk.as_ref().ok_or_else(|| {
        unknown(
            UnknownReason::NotProvided,
            "the image is no whole disk, so its signature is not known",
        )
    })?;
    match disk.mbr_signature {
        Some(signature) => Ok((disk, signature)),
        None => Err(unknown(
            UnknownReason::NotProvided,
            "the disk has no MBR signature to compare with",
        )),
    }
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
        .filter_map(|value| {
            let locator = context.place(HiveName::System, KEY, Some(&value.name));
            let evidence = context.evidence_in(opened, locator, &found.key, Some(value));
            letter(value, evidence)
        })
        .collect())
}

fn letter(value: &KeyValue, evidence: Evidence) -> Option<Letter> {
    if value.data.len() != MBR_ENTRY_LEN {
        return None;
    }
    Some(Letter {
        name: value.name.clone(),
        signature: bytes::u32_le(&value.data, 0)?,
        offset_bytes: bytes::u64_le(&value.data, 4)?,
        evidence,
    })
}
