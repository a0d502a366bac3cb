//! What the last SID change and the last generalizing left behind (Vista and later).
//!
//! `SYSTEM\Setup\SetupCl` and `SYSTEM\Setup\Status\SysprepStatus` as measured on healthy hives of 6.1 to 10.0:
//! ExecutionSuccessful 1, NTSTATUS 0, GeneralizationState 7, CleanupState 2 or absent. A GeneralizationState of 7 is
//! therefore no sign of sealing; 3 is that of a run that broke off.

use crate::evidence::{Fact, Unknown, Value};
use crate::facts::gather::{Gather, empty_evidence};
use crate::facts::{Context, Facts, HiveName};

const SETUP_CL: &str = "Setup\\SetupCl";
const STATUS: &str = "Setup\\Status\\SysprepStatus";
/// Where SkipRearm stands: from Windows 7 on, and on Vista and 2008.
const REARM_KEYS: [&str; 2] = [
    "Microsoft\\Windows NT\\CurrentVersion\\SoftwareProtectionPlatform",
    "Microsoft\\Windows NT\\CurrentVersion\\SL",
];

/// Collects sysprep.setupcl_failed, sysprep.generalization_state, sysprep.cleanup_state and sysprep.skip_rearm.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    facts.put("sysprep.setupcl_failed", failed(context));
    for (id, name) in [
        ("sysprep.generalization_state", "GeneralizationState"),
        ("sysprep.cleanup_state", "CleanupState"),
    ] {
        let fact = context.value_fact(HiveName::System, STATUS, name, |value| {
            value.dword().map(|number| Value::Int(i64::from(number)))
        });
        facts.put(id, fact);
    }
    facts.put("sysprep.skip_rearm", skip_rearm(context));
}

/// ExecutionSuccessful other than 1, or NTSTATUS other than 0. No key: no clone booted here, so nothing failed.
fn failed(context: &Context<'_>) -> Result<Fact, Unknown> {
    let mut failures = Vec::new();
    let mut fine = Vec::new();
    for (name, healthy) in [("ExecutionSuccessful", 1), ("NTSTATUS", 0)] {
        match context.number(HiveName::System, SETUP_CL, name)? {
            None => fine.push(context.absent_evidence(HiveName::System, SETUP_CL, Some(name))),
            Some(found) => {
                let evidence = found.evidence.raw(format!("0x{:08x}", found.value));
                if found.value == healthy {
                    fine.push(evidence);
                } else {
                    failures.push(evidence);
                }
            }
        }
    }
    let place = context.place(HiveName::System, SETUP_CL, None);
    let mut failures = failures.into_iter();
    Ok(match failures.next() {
        Some(first) => Fact::found_in(true, first, failures),
        None => Fact::found(false, empty_evidence(fine, &place)),
    })
}

fn skip_rearm(context: &Context<'_>) -> Fact {
    let mut gather = Gather::default();
    for key in REARM_KEYS {
        match context.number(HiveName::Software, key, "SkipRearm") {
            Err(unknown) => gather.unseen(unknown),
            Ok(Some(found)) if found.value != 0 => gather.found("SkipRearm", found.evidence),
            Ok(Some(found)) => gather.nothing(found.evidence),
            Ok(None) => {
                gather.nothing(context.absent_evidence(HiveName::Software, key, Some("SkipRearm")));
            }
        }
    }
    gather.flag(&context.place(HiveName::Software, "", None))
}
