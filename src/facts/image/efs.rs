//! Encrypted files: fs.efs_files.
//!
//! Counting them means reading every MFT record of the volume, which is far more than a check may read. So the number is
//! known only where it must be zero: FAT has no encryption, and NTFS before version 3.0 has none either.

use crate::evidence::{Evidence, Fact, Unknown, UnknownReason};
use crate::facts::{Context, Facts};

/// Collects fs.efs_files.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let layer = context.installation.filesystem.layer();
    let place = context.installation.locator.clone();
    let fact = if layer.starts_with("fat:") || layer.starts_with("ntfs:1.") {
        Fact::found(
            0_i64,
            Evidence::at(place).raw(format!("{layer} has no encrypted files")),
        )
    } else {
        Fact::Unknown(Unknown::new(
            UnknownReason::Unsupported,
            "encrypted files are not counted, it would take reading every file record of the volume",
            place,
        ))
    };
    facts.put("fs.efs_files", fact);
}
