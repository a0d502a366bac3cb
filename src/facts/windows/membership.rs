//! Domain membership, system locale and whether the two computer names agree.

use crate::artifact::registry::KeyValue;
use crate::base::bytes;
use crate::base::utf16;
use crate::base::win_path::eq_name;
use crate::evidence::{Evidence, Fact, Unknown};
use crate::facts::read::{corrupt, missing};
use crate::facts::{Context, HiveName};

/// A NetBIOS computer name has at most this many characters; a longer host name is cut to it.
const NETBIOS_NAME_LEN: usize = 15;

/// Whether the primary domain has a SID: `SECURITY\Policy\PolPrDmS`, whose default value is empty in a workgroup and a SID
/// in a domain (measured on NT 4.0, 2008, 2012, 2022: SID; Windows 10 in a workgroup: empty). The name beside it
/// (`PolPrDmN`) and the DNS suffix of Tcpip are shown; they prove nothing, as both can be set without joining.
pub(crate) fn domain_joined(context: &Context<'_>) -> Result<Fact, Unknown> {
    let key = "Policy\\PolPrDmS";
    let found = context
        .value(HiveName::Security, key, "")?
        .ok_or_else(|| missing(context, HiveName::Security, key, ""))?;
    let mut others = Vec::new();
    others.extend(domain_name(context)?);
    others.extend(dns_suffix(context));
    if found.value.data.iter().all(|byte| *byte == 0) {
        return Ok(Fact::found_in(false, found.evidence, others));
    }
    match sid_text(&found.value.data) {
        Some(sid) => Ok(Fact::found_in(true, found.evidence.raw(sid), others)),
        None => Err(corrupt(
            format!(
                "domain SID should be empty or a SID of revision 1, is {} other bytes",
                found.value.data.len()
            ),
            found.evidence,
        )),
    }
}

/// A SID as text: revision 1, count of sub-authorities, authority (48 bits, big-endian), sub-authorities (u32).
fn sid_text(data: &[u8]) -> Option<String> {
    let (&revision, &count) = (data.first()?, data.get(1)?);
    let expected = usize::from(count).checked_mul(4)?.checked_add(8)?;
    if revision != 1 || count == 0 || data.len() < expected {
        return None;
    }
    let authority = data
        .get(2..8)?
        .iter()
        .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    let mut parts = vec![format!("S-1-{authority}")];
    for index in 0..usize::from(count) {
        let offset = index.checked_mul(4)?.checked_add(8)?;
        parts.push(bytes::u32_le(data, offset)?.to_string());
    }
    Some(parts.join("-"))
}

/// The name in `PolPrDmN`: length, capacity (u16 each), offset (u32), text in UTF-16.
fn domain_name(context: &Context<'_>) -> Result<Option<Evidence>, Unknown> {
    let found = context.value(HiveName::Security, "Policy\\PolPrDmN", "")?;
    Ok(found.and_then(|found| {
        let name = counted_text(&found.value)?;
        Some(found.evidence.raw(name))
    }))
}

fn counted_text(value: &KeyValue) -> Option<String> {
    let len = usize::from(bytes::u16_le(&value.data, 0)?);
    let offset = usize::try_from(bytes::u32_le(&value.data, 4)?).ok()?;
    let text = value.data.get(offset..offset.checked_add(len)?)?;
    Some(utf16::decode_le(text))
}

/// `NV Domain`, else `Domain`, of Tcpip, where it is not empty; shown beside the answer and left out where unreadable.
fn dns_suffix(context: &Context<'_>) -> Option<Evidence> {
    let key = context.in_control_set("Services\\Tcpip\\Parameters").ok()?;
    ["NV Domain", "Domain"].into_iter().find_map(|name| {
        let found = context.text(HiveName::System, &key, name).ok()??;
        (!found.value.is_empty()).then(|| found.evidence.raw(found.value))
    })
}

/// The system locale as eight hexadecimal digits: the default value of `Control\Nls\Locale`, else the value there whose name
/// reads `(Default)` (both measured side by side on Windows 7), else `Default` of `Control\Nls\Language`, with its four
/// digits (measured on NT 4.0, which has no key `Locale`).
pub(crate) fn system_locale(context: &Context<'_>) -> Result<Fact, Unknown> {
    let locale = context.in_control_set("Control\\Nls\\Locale")?;
    let language = context.in_control_set("Control\\Nls\\Language")?;
    for (key, name) in [
        (&locale, ""),
        (&locale, "(Default)"),
        (&language, "Default"),
    ] {
        let Some(found) = context.text(HiveName::System, key, name)? else {
            continue;
        };
        let text = found.value.trim();
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        return match u32::from_str_radix(text, 16) {
            Ok(number) if is_hex => Ok(Fact::found(
                format!("{number:08X}"),
                found.evidence.raw(text),
            )),
            _ => Err(corrupt(
                format!("locale should be hexadecimal digits, is \"{text}\""),
                found.evidence,
            )),
        };
    }
    Ok(context.absent(HiveName::System, &locale, Some("")))
}

/// Whether the NetBIOS name equals the DNS host name, which NT 4.0 does not change by itself (Q246793). A host name longer
/// than 15 characters counts by its first 15. Absent where there is no TCP/IP host name.
pub(crate) fn names_match(context: &Context<'_>) -> Result<Fact, Unknown> {
    let key = context.in_control_set("Control\\ComputerName\\ComputerName")?;
    let computer = context
        .text(HiveName::System, &key, "ComputerName")?
        .ok_or_else(|| missing(context, HiveName::System, &key, "ComputerName"))?;
    let key = context.in_control_set("Services\\Tcpip\\Parameters")?;
    let Some(host) = context.text(HiveName::System, &key, "Hostname")? else {
        return Ok(context.absent(HiveName::System, &key, Some("Hostname")));
    };
    let cut: String = host.value.chars().take(NETBIOS_NAME_LEN).collect();
    Ok(Fact::found_in(
        eq_name(&computer.value, &cut),
        host.evidence.raw(host.value),
        [computer.evidence.raw(computer.value)],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sid_is_shown_as_windows_writes_it() {
        // The bytes of PolPrDmS of an NT 4.0 server, read by hivexget.
        let data = [
            1, 4, 0, 0, 0, 0, 0, 5, 0x15, 0, 0, 0, 0x34, 0x49, 0xc5, 0x0e, 0x0c, 0x27, 0xe7, 0x3c,
            0x27, 0x1e, 0x26, 0,
        ];
        assert_eq!(
            sid_text(&data).as_deref(),
            Some("S-1-5-21-247810356-1021781772-2498087")
        );
        assert_eq!(sid_text(&data[..20]), None);
        assert_eq!(sid_text(&[2, 1, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0]), None);
    }
}
