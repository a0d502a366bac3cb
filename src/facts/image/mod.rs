//! Facts about the image as a whole: partitions, profiles, encrypted files, hibernation, clear-text secrets.

mod efs;
mod hibernation;
mod passwords;
pub(crate) mod profiles;
mod xml_passwords;

use crate::evidence::{Evidence, Fact, Unknown, UnknownReason};
use crate::facts::{Context, Facts};

/// Collects this group.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    profiles::collect(context, facts);
    efs::collect(context, facts);
    hibernation::collect(context, facts);
    passwords::collect(context, facts);
    facts.put("image.partitions", partitions(context));
    facts.put("image.cut_off", cut_off(context));
    facts.put(
        "image.in_production",
        Fact::Unknown(Unknown::new(
            UnknownReason::Unsupported,
            "nothing in an image proves whether the machine was in production; the operator may say so",
            context.installation.locator.clone(),
        )),
    );
}

/// Whether the image holds less than its volume; absent for a directory and for loose files.
fn cut_off(context: &Context<'_>) -> Fact {
    let place = Evidence::at(context.installation.locator.clone());
    match context.installation.filesystem.extent() {
        None => Fact::Absent(place.raw("the image is no volume")),
        Some(extent) => {
            let raw = format!(
                "whole up to 0x{:08x} of {} bytes",
                extent.held_bytes.min(extent.volume_bytes),
                extent.volume_bytes
            );
            Fact::found(extent.cut_note().is_some(), place.raw(raw))
        }
    }
}

/// The number of partitions that hold data; absent where the image is no whole disk.
fn partitions(context: &Context<'_>) -> Fact {
    let place = Evidence::at(context.installation.locator.clone());
    match &context.installation.disk {
        Some(disk) => {
            let count = i64::try_from(disk.partitions).unwrap_or(i64::MAX);
            Fact::found(count, place)
        }
        None => Fact::Absent(place.raw("the image is no whole disk")),
    }
}

#[cfg(test)]
mod tests;
