//! Facts about identities that clones must not share (id.*, msmq.*, sms.*, wsus.*).

mod acl_sids;
mod dhcpv6;
mod mounted_devices;
mod names;
pub mod place;
mod services;
mod sid;
mod stored;
pub(crate) mod table;

use crate::facts::{Context, Facts};

pub use place::{IdentityPlace, Store};

/// Collects this group; os.system_drive must be there.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    sid::collect(context, facts);
    names::collect(context, facts);
    dhcpv6::collect(context, facts);
    mounted_devices::collect(context, facts);
    services::collect(context, facts);
    stored::collect(context, facts);
}

#[cfg(test)]
mod tests;
