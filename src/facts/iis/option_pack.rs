//! Traces of the Windows NT 4.0 Option Pack, and whether it came after the service pack.

use crate::evidence::{Fact, Unknown, UnknownReason};
use crate::facts::iis::version::{INETSTP, is_4_0};
use crate::facts::read::{CURRENT_VERSION, earlier_version, is_version, look_for, windows_version};
use crate::facts::transaction_server::PACKAGES;
use crate::facts::{Context, Facts, HiveName};

/// The start menu folder of the Option Pack, below the Windows folder (Q244988).
const MENU: &str = "Profiles\\All Users\\Start Menu\\Programs\\Windows NT 4.0 Option Pack";
/// The key of its set-up (Q281511).
const OC_MANAGER: &str = "Microsoft\\Windows\\CurrentVersion\\Setup\\OC Manager";

/// Whether NT 4.0 shows a trace of the Option Pack: the start menu folder, the key of its set-up, or the packages of
/// Transaction Server. No single one is documented as the marker.
pub(crate) fn option_pack(context: &Context<'_>, facts: &Facts) -> Result<Fact, Unknown> {
    let (version, version_evidence) = windows_version(facts)?;
    if !is_version(&version, 4, 0) {
        return Ok(Fact::found(false, version_evidence));
    }
    let mut searched = Vec::new();
    for key in [OC_MANAGER, PACKAGES] {
        if let Some(found) = context.key(HiveName::Software, key)? {
            return Ok(Fact::found(true, found.evidence));
        }
        searched.push(context.place(HiveName::Software, key, None).to_string());
    }
    let (there, evidence) = look_for(context, &context.installation.windows(MENU))?;
    if there {
        return Ok(Fact::found(true, evidence));
    }
    searched.push(evidence.locator.to_string());
    Ok(Fact::found(false, evidence.searched(searched)))
}

/// Whether `InetStp` was written after `Hotfix\Q246009` on NT 4.0, so that older files may lie over the service pack
/// (Q218922, Q299444). Absent where there is no IIS 4.0; unknown where the service pack left no record to compare with.
pub(crate) fn installed_after_service_pack(
    context: &Context<'_>,
    facts: &Facts,
) -> Result<Fact, Unknown> {
    let (windows, windows_evidence) = windows_version(facts)?;
    if !is_version(&windows, 4, 0) {
        return Ok(Fact::Absent(windows_evidence));
    }
    let iis = earlier_version(facts, "iis.major_minor")?;
    let inetstp = context.key(HiveName::Software, INETSTP)?;
    let (Some(inetstp), true) = (inetstp, iis.is_some_and(|(version, _)| is_4_0(&version))) else {
        return Ok(context.absent(HiveName::Software, INETSTP, None));
    };
    let hotfix = format!("{CURRENT_VERSION}\\Hotfix\\Q246009");
    let Some(service_pack) = context.key(HiveName::Software, &hotfix)? else {
        return Err(Unknown {
            reason: UnknownReason::Unsupported,
            detail: "Service Pack 6a left no record to compare with".to_owned(),
            evidence: context.absent_evidence(HiveName::Software, &hotfix, None),
        });
    };
    match (inetstp.key.written(), service_pack.key.written()) {
        (Some(iis), Some(pack)) => Ok(Fact::found_in(
            iis > pack,
            inetstp.evidence,
            [service_pack.evidence],
        )),
        _ => Err(Unknown {
            reason: UnknownReason::Corrupt,
            detail: "the last-written time of a key cannot be told".to_owned(),
            evidence: inetstp.evidence,
        }),
    }
}
