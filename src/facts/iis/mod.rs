//! Facts about Internet Information Services and the Option Pack (iis.*).

use crate::facts::{Context, Facts};

/// Collects this group.
pub(crate) fn collect(_context: &Context<'_>, _facts: &mut Facts) {}
