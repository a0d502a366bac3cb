//! Facts about XP Embedded and its relatives: sealing, FBA, minioc.inf, write filters (xpe.*, filter.*).

mod clone_boots;
mod fba;
mod fba_reseals;
mod minioc;
mod reseal_count;
mod times;
mod tool;
mod write_filter;

use crate::facts::event_logs::CloneMarks;
use crate::facts::machine_keys::MachineKey;
use crate::facts::sysprep::generation::{FBRESEAL_KINDS, embedded_kind};
use crate::facts::{Context, Facts};

pub(crate) use fba_reseals::lines as fba_lines;

/// Collects this group; os.*, iis.*, sysprep.*, exec.* and id.* must be there.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    minioc::collect(context, facts);
    fba::collect(context, facts);
    write_filter::collect(context, facts);
    fba_reseals::collect(context, facts);
    reseal_count::collect(context, facts, None);
    tool::collect(context, facts, None);
}

/// Counts the seals again with what the event logs and the key files tell; `collect` and the logs must have been.
pub(crate) fn count_with_logs(
    context: &Context<'_>,
    facts: &mut Facts,
    marks: &CloneMarks,
    keys: &[MachineKey],
) {
    reseal_count::collect(context, facts, Some(reseal_count::Logs { marks, keys }));
    tool::collect(context, facts, Some(marks));
}

/// Whether fbreseal belongs to this Windows; unknown counts as yes, so that nothing is left out.
pub(crate) fn is_fbreseal_kind(facts: &Facts) -> bool {
    embedded_kind(facts).map_or(true, |kind| FBRESEAL_KINDS.contains(&kind.as_str()))
}

#[cfg(test)]
mod tests;
