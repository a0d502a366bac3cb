//! Whether the First Boot Agent has work left: xpe.fba_pending.
//!
//! The agent keeps its tasks by phase below `Control\WindowsEmbedded\FBA` and registry work in `SYSTEM\FBA\RegMigrate`,
//! and removes both when it is done (Microsoft embedded blog, "fba regmigrate key", "What does FBA taste like?").

use crate::evidence::{Fact, Unknown};
use crate::facts::gather::Gather;
use crate::facts::{Context, Facts, HiveName};

const TASKS: &str = "Control\\WindowsEmbedded\\FBA";
const REG_MIGRATE: &str = "FBA\\RegMigrate";

/// Collects xpe.fba_pending.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    facts.put("xpe.fba_pending", pending(context));
}

fn pending(context: &Context<'_>) -> Result<Fact, Unknown> {
    let mut gather = Gather::default();
    for path in [context.in_control_set(TASKS)?, REG_MIGRATE.to_owned()] {
        match context.key(HiveName::System, &path)? {
            None => gather.nothing(context.absent_evidence(HiveName::System, &path, None)),
            Some(found) => {
                let fail = |error| Unknown::from_error(&error, found.evidence.locator.clone());
                let has_tasks = !found.key.subkeys().map_err(fail)?.is_empty()
                    || !found.key.values().map_err(fail)?.is_empty();
                if has_tasks {
                    gather.found(path, found.evidence);
                } else {
                    gather.nothing(found.evidence);
                }
            }
        }
    }
    Ok(gather.flag(&context.place(HiveName::System, "", None)))
}
