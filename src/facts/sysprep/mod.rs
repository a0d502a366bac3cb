//! Facts about Sysprep and set-up state of every generation (sysprep.*, setup.*).
//!
//! What a value means depends on the generation: CloneTag and GeneralizationState 7 stand on every machine that was
//! installed from Vista or later media and prove nothing there; before Vista CloneTag is written by Sysprep alone.

mod clone_tag;
pub(crate) mod files;
pub(crate) mod generation;
mod image_state;
mod limit;
mod sealed;
mod servicing;
pub(crate) mod session_manager;
mod setup_cl;
mod setup_flags;
mod state_mixed;
mod upgrade;

use crate::facts::{Context, Facts};

/// Collects this group.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    files::collect(context, facts);
    session_manager::collect(context, facts);
    setup_flags::collect(context, facts);
    image_state::collect(context, facts);
    sealed::collect(context, facts);
    state_mixed::collect(context, facts);
    setup_cl::collect(context, facts);
    upgrade::collect(context, facts);
    clone_tag::collect(context, facts);
    servicing::collect(context, facts);
    limit::collect(facts);
}

/// Looks again at what the event logs tell more of; `collect` and the logs must have been.
pub(crate) fn look_at_logs(context: &Context<'_>, facts: &mut Facts) {
    if upgrade::look_at_logs(facts) {
        clone_tag::collect(context, facts);
    }
}

#[cfg(test)]
mod tests;
