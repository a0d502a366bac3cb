//! Write filters that are switched on: filter.enabled.
//!
//! A filter that discards writes makes the cloning phase run again at every boot. What is known of where each keeps its
//! state, with its grade:
//! - EWF: service `ewf` with a Start other than 4, and `Parameters\Protected\VolumeN!Enabled` 1 (place secondary, Enabled
//!   memory). A volume without Enabled, or a service without a Protected key or with an empty one, is undecided: EWF of
//!   the kinds RAM and Disk keeps its state in a part of the disk that belongs to no volume.
//! - FBWF, UWF: services `fbwf` and `uwfvol` (memory). Start 4 is off; where they keep whether they are on is not known,
//!   so an active driver is undecided.

use crate::evidence::{Fact, Unknown, UnknownReason};
use crate::facts::gather::Gather;
use crate::facts::{Context, Facts, HiveName};

/// SERVICE_DISABLED.
const DISABLED: u32 = 4;
const EWF: &str = "ewf";
/// Filters whose state is not known, and their services.
const OTHERS: [(&str, &str); 2] = [("FBWF", "fbwf"), ("UWF", "uwfvol")];

/// Collects filter.enabled.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    facts.put("filter.enabled", enabled(context));
}

fn enabled(context: &Context<'_>) -> Result<Fact, Unknown> {
    let services = context.in_control_set("Services")?;
    let mut gather = Gather::default();
    if is_active(context, &format!("{services}\\{EWF}"), &mut gather)
        && let Err(unknown) = ewf_volumes(context, &format!("{services}\\{EWF}"), &mut gather)
    {
        gather.unseen(unknown);
    }
    for (name, service) in OTHERS {
        let path = format!("{services}\\{service}");
        if is_active(context, &path, &mut gather) {
            gather.unseen(Unknown::new(
                UnknownReason::Unsupported,
                format!("{name} is installed and where it keeps whether it is on is not known"),
                context.place(HiveName::System, &path, None),
            ));
        }
    }
    Ok(gather.list(&context.place(HiveName::System, &services, None)))
}

/// Whether the service of a filter is there and not disabled. A key without Start is no service.
fn is_active(context: &Context<'_>, path: &str, gather: &mut Gather) -> bool {
    match context.number(HiveName::System, path, "Start") {
        Err(unknown) => gather.unseen(unknown),
        Ok(None) => gather.nothing(context.absent_evidence(HiveName::System, path, Some("Start"))),
        Ok(Some(found)) if found.value == DISABLED => gather.nothing(found.evidence),
        Ok(Some(_)) => return true,
    }
    false
}

fn ewf_volumes(context: &Context<'_>, service: &str, gather: &mut Gather) -> Result<(), Unknown> {
    let path = format!("{service}\\Parameters\\Protected");
    let undecided = |detail: &str, place| Unknown::new(UnknownReason::Unsupported, detail, place);
    let Some(protected) = context.key(HiveName::System, &path)? else {
        return Err(undecided(
            "EWF is installed and the hive does not say which volumes it protects; its state may lie outside of all volumes",
            context.place(HiveName::System, &path, None),
        ));
    };
    let fail = |error| Unknown::from_error(&error, protected.evidence.locator.clone());
    let volumes = protected.key.subkeys().map_err(fail)?;
    if volumes.is_empty() {
        return Err(undecided(
            "EWF is installed and its key names no volume; its state may lie outside of all volumes",
            protected.evidence.locator,
        ));
    }
    for volume in volumes {
        let name = volume.name().map_err(fail)?;
        let volume_path = format!("{path}\\{name}");
        match context.number(HiveName::System, &volume_path, "Enabled")? {
            Some(found) if found.value != 0 => {
                gather.found(format!("{EWF}: {name}"), found.evidence);
            }
            Some(found) => gather.nothing(found.evidence),
            None => gather.unseen(undecided(
                "EWF protects this volume and the hive does not say whether it is enabled",
                context.place(HiveName::System, &volume_path, Some("Enabled")),
            )),
        }
    }
    Ok(())
}
