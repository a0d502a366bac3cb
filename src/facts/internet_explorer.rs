//! Facts about Internet Explorer (ie.*).

use crate::facts::{Context, Facts};

/// Collects this group.
pub(crate) fn collect(_context: &Context<'_>, _facts: &mut Facts) {}
