//! The identity towards DHCPv6 servers: id.dhcpv6_duid.
//!
//! RFC 8415, section 11: a DUID of type 1 holds hardware type, a time and the MAC address of the machine that made it.

use crate::base::bytes;
use crate::evidence::{Fact, Unknown, Value};
use crate::facts::{Context, Facts, HiveName};

const KEY: &str = "Services\\Tcpip6\\Parameters";
/// Longest DUID: a type and 128 bytes.
const DUID_LEN_MAX: usize = 130;

/// Collects id.dhcpv6_duid.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    facts.put("id.dhcpv6_duid", duid(context));
}

fn duid(context: &Context<'_>) -> Result<Fact, Unknown> {
    let key = context.in_control_set(KEY)?;
    Ok(
        context.value_fact(HiveName::System, &key, "Dhcpv6DUID", |value| {
            let is_duid = (3..=DUID_LEN_MAX).contains(&value.data.len());
            is_duid.then(|| Value::Text(bytes::hex(&value.data)))
        }),
    )
}
