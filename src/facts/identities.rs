//! Facts about identities that clones must not share (id.*, msmq.*, sms.*, wsus.*).

use crate::facts::{Context, Facts};

/// Collects this group.
pub(crate) fn collect(_context: &Context<'_>, _facts: &mut Facts) {}
