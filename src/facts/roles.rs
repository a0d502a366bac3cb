//! Facts about server roles and neighbours: cluster, Transaction Server, MSDTC, certificate services, SQL Server, terminal services.

use crate::facts::{Context, Facts};

/// Collects this group.
pub(crate) fn collect(_context: &Context<'_>, _facts: &mut Facts) {}
