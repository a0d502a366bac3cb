//! Facts about facts whose sources this version does not read; each is unknown and says so.

use crate::facts::{Context, Facts};

/// Collects this group.
pub(crate) fn collect(_context: &Context<'_>, _facts: &mut Facts) {}
