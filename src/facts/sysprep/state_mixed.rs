//! Whether the signs of an armed image contradict each other: sysprep.state_mixed.
//!
//! Vista and later: ImageState is generalized and SetupType is not 2, CmdLine does not run windeploy or Sysprep left no tag
//! of its success; or ImageState is complete and set-up has a command to run; or registry and `State.ini` name different
//! states. Earlier: set-up says that it is in progress and has no command to run
//! (Q216684, "system is not fully installed"), or it has a command and nothing says that it is in progress.

use crate::evidence::{Evidence, Fact, Unknown};
use crate::facts::gather::empty_evidence;
use crate::facts::read::look_for;
use crate::facts::sysprep::generation::{self, Generation};
use crate::facts::sysprep::{files, image_state, setup_flags};
use crate::facts::{Context, Facts, HiveName};

/// The flags of which one is set while set-up is to run, before Vista.
const IN_PROGRESS: [&str; 3] = [
    "SystemSetupInProgress",
    "MiniSetupInProgress",
    "OobeInProgress",
];

/// The SetupType of Vista and later that runs the command and then logs on.
const RUN_AND_LOG_ON: u32 = 2;
/// The program that a generalized image runs at its first boot.
const WINDEPLOY: &str = "windeploy";

/// Collects sysprep.state_mixed.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let fact = generation::of(facts).and_then(|generation| match generation {
        Generation::Vista => by_image_state(context),
        Generation::BeforeVista | Generation::Embedded => by_setup_flags(context),
    });
    facts.put("sysprep.state_mixed", fact);
}

fn by_image_state(context: &Context<'_>) -> Result<Fact, Unknown> {
    let Some(state) = image_state::in_registry(context)? else {
        return Ok(Fact::found(false, image_state::absent(context)));
    };
    let first = state.evidence.clone().raw(state.text.clone());
    let (has_command, command) = setup_flags::command(context)?;
    let (kind, _) = setup_flags::number(context, "SetupType")?;
    let runs_windeploy = kind == RUN_AND_LOG_ON && setup_flags::command_names(context, WINDEPLOY)?;
    if (state.is_generalized() && !runs_windeploy) || (state.is_complete() && has_command) {
        return Ok(Fact::found_in(true, first, command));
    }
    if let Some(file) = image_state::in_file(context)?
        && !file.text.eq_ignore_ascii_case(&state.text)
    {
        return Ok(Fact::found_in(true, first, [file.evidence.raw(file.text)]));
    }
    if state.is_generalized() {
        let (there, tag) = look_for(context, &files::succeeded_tag(context))?;
        return Ok(Fact::found_in(
            !there,
            first,
            command.into_iter().chain([tag]),
        ));
    }
    Ok(Fact::found_in(false, first, command))
}

fn by_setup_flags(context: &Context<'_>) -> Result<Fact, Unknown> {
    let mut set: Vec<Evidence> = Vec::new();
    let mut unset = Vec::new();
    for name in IN_PROGRESS {
        let (value, evidence) = setup_flags::number(context, name)?;
        if value == 1 {
            set.push(evidence.raw("1"));
        } else {
            unset.push(evidence);
        }
    }
    let in_progress = !set.is_empty();
    let (has_command, command) = setup_flags::command(context)?;
    let place = context.place(HiveName::System, setup_flags::KEY, None);
    let mut evidence = set.into_iter().chain(command);
    let first = evidence
        .next()
        .unwrap_or_else(|| empty_evidence(unset, &place));
    Ok(Fact::found_in(in_progress != has_command, first, evidence))
}
