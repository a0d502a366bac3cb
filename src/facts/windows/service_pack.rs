//! The service pack, and whether a Service Pack 6 of NT 4.0 is 6a.
//!
//! The kernel writes `CSDVersion` at every start (Q153407, Q222507): offline it names the kernel that ran last.
//! Some hotfixes leave a suffix such as ` RC 1.2` in it, which does not change the number. NT 3.1 used a number.

use crate::evidence::{Evidence, Fact, Unknown};
use crate::facts::read::{
    CURRENT_VERSION, corrupt, earlier_list_has, is_version, look_for, windows_version,
};
use crate::facts::{Context, Facts, HiveName};

/// The number of the service pack; absent or empty is 0. `Control\Windows!CSDVersion` stands beside it as a cross-check.
pub(crate) fn service_pack(context: &Context<'_>) -> Result<Fact, Unknown> {
    let (number, evidence) = from_software(context)?;
    let others = cross_check(context, number);
    Ok(Fact::found_in(number, evidence, others))
}

fn from_software(context: &Context<'_>) -> Result<(u32, Evidence), Unknown> {
    let name = "CSDVersion";
    let Some(found) = context.value(HiveName::Software, CURRENT_VERSION, name)? else {
        let absent = context.absent_evidence(HiveName::Software, CURRENT_VERSION, Some(name));
        return Ok((0, absent));
    };
    if let Some(number) = found.value.dword() {
        return Ok((number >> 8, found.evidence.raw(format!("0x{number:x}"))));
    }
    let Some(text) = found.value.string() else {
        return Err(corrupt(
            format!(
                "service pack should be a text, is a value of type {}",
                found.value.kind
            ),
            found.evidence,
        ));
    };
    if text.trim().is_empty() {
        return Ok((0, found.evidence.raw(text)));
    }
    match service_pack_of(&text) {
        Some((number, "")) => Ok((number, found.evidence.raw(text))),
        Some((number, _)) => {
            let note = format!("{text} (the suffix was left by a hotfix)");
            Ok((number, found.evidence.raw(note)))
        }
        None => Err(corrupt(
            format!("service pack should read \"Service Pack N\", is \"{text}\""),
            found.evidence,
        )),
    }
}

/// The number of `Service Pack N` and what follows it.
fn service_pack_of(text: &str) -> Option<(u32, &str)> {
    let rest = text.trim().strip_prefix("Service Pack ")?;
    let end = rest
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(rest.len());
    let (digits, suffix) = rest.split_at_checked(end)?;
    Some((digits.parse().ok()?, suffix))
}

/// `SYSTEM\{cs}\Control\Windows!CSDVersion`, service pack in the high byte. It decides nothing; where it cannot be read
/// it is left out.
fn cross_check(context: &Context<'_>, decided: u32) -> Option<Evidence> {
    let key = context.in_control_set("Control\\Windows").ok()?;
    let found = context
        .number(HiveName::System, &key, "CSDVersion")
        .ok()??;
    let number = found.value >> 8;
    let verdict = if number == decided {
        "agrees"
    } else {
        "disagrees"
    };
    Some(found.evidence.raw(format!(
        "0x{:x}: service pack {number}, {verdict}",
        found.value
    )))
}

/// Whether Service Pack 6a is there: `Hotfix\Q246009!Installed` = 1 (Q246009), or the rollup that presupposes it, Q299444.
///
/// Both service packs call themselves 6. Other versions of Windows answer no; Terminal Server Edition, which has no 6a,
/// answers absent. `afd.sys` of 66,352 bytes (Q245678) is shown beside the answer.
pub(crate) fn sp6a(context: &Context<'_>, facts: &Facts) -> Result<Fact, Unknown> {
    let (version, version_evidence) = windows_version(facts)?;
    if !is_version(&version, 4, 0) {
        return Ok(Fact::found(false, version_evidence));
    }
    if let Some(suite) = earlier_list_has(facts, "os.product_suite", "Terminal Server")? {
        return Ok(Fact::Absent(suite.raw("Terminal Server")));
    }
    let afd = afd_evidence(context);
    let mut searched = Vec::new();
    for article in ["Q246009", "Q299444"] {
        let key = format!("{CURRENT_VERSION}\\Hotfix\\{article}");
        match context.number(HiveName::Software, &key, "Installed")? {
            Some(installed) if installed.value == 1 => {
                return Ok(Fact::found_in(true, installed.evidence, afd));
            }
            Some(installed) => searched.push(
                installed
                    .evidence
                    .raw(format!("Installed = {}", installed.value)),
            ),
            None => {
                searched.push(context.absent_evidence(HiveName::Software, &key, Some("Installed")));
            }
        }
    }
    searched.extend(afd);
    let mut places = searched.into_iter();
    match places.next() {
        Some(first) => Ok(Fact::found_in(false, first, places)),
        None => Ok(Fact::found(false, version_evidence)),
    }
}

fn afd_evidence(context: &Context<'_>) -> Option<Evidence> {
    let path = context.installation.windows("system32\\drivers\\afd.sys");
    let (there, evidence) = look_for(context, &path).ok()?;
    let size = context.metadata(&path).ok()??.size_bytes;
    there.then(|| evidence.raw(format!("{size} bytes; Service Pack 6a (x86) has 66352")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_left_by_a_hotfix_does_not_change_the_number() {
        assert_eq!(service_pack_of("Service Pack 6"), Some((6, "")));
        assert_eq!(
            service_pack_of("Service Pack 4 RC 1.2"),
            Some((4, " RC 1.2"))
        );
        assert_eq!(
            service_pack_of("Service Pack 1, v.113"),
            Some((1, ", v.113"))
        );
        assert_eq!(service_pack_of("Dienstpaket 6"), None);
        assert_eq!(service_pack_of("Service Pack "), None);
    }
}
