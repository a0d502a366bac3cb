//! Facts about services, their dependency graph and start order (svc.*).

use crate::facts::{Context, Facts};

/// Collects this group.
pub(crate) fn collect(_context: &Context<'_>, _facts: &mut Facts) {}
