//! Facts about Sysprep and set-up state of every generation (sysprep.*, setup.*).

use crate::facts::{Context, Facts};

/// Collects this group.
pub(crate) fn collect(_context: &Context<'_>, _facts: &mut Facts) {}
