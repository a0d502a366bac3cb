//! Facts about the image as a whole: profiles, encrypted files, hibernation, clear-text secrets.

use crate::facts::{Context, Facts};

/// Collects this group.
pub(crate) fn collect(_context: &Context<'_>, _facts: &mut Facts) {}
