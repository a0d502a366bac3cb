//! Facts about identities that clones must not share (id.*, msmq.*, sms.*, wsus.*).

mod agents;
mod dhcpv6;
mod mounted_devices;
mod names;
mod services;
mod sid;

use crate::facts::{Context, Facts};

/// Collects this group; os.system_drive must be there.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    sid::collect(context, facts);
    names::collect(context, facts);
    dhcpv6::collect(context, facts);
    mounted_devices::collect(context, facts);
    services::collect(context, facts);
    agents::collect(context, facts);
}

#[cfg(test)]
mod tests;
