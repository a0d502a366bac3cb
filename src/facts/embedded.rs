//! Facts about XP Embedded and its relatives: sealing, FBA, minioc.inf, write filters (xpe.*, filter.*).

use crate::facts::{Context, Facts};

/// Collects this group.
pub(crate) fn collect(_context: &Context<'_>, _facts: &mut Facts) {}
