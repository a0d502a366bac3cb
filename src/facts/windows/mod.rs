//! Facts about Windows version, edition, locale, domain and names (os.*).

use crate::facts::{Context, Facts};

/// Collects this group.
pub(crate) fn collect(_context: &Context<'_>, _facts: &mut Facts) {}
