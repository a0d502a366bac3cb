//! Whether the next boot is that of a clone: sysprep.pending and sysprep.sealed.
//!
//! Sealed means sealed and not booted since, which is what a golden image must be. Vista and later say so by ImageState,
//! NT 4.0 to 2003 by a pending mini-setup or SID change, XP Embedded and NT Embedded by setupcn.exe or setupcl.exe among
//! the programs of the next boot (published hive of a sealed XP Embedded SP2 image; KB256407).

use crate::evidence::{Evidence, Fact, Unknown, UnknownReason};
use crate::facts::gather::{Gather, empty_evidence};
use crate::facts::sysprep::generation::{self, Generation};
use crate::facts::sysprep::{image_state, session_manager, setup_flags};
use crate::facts::{Context, Facts, HiveName};

/// The program that changes the SID at the first boot of a clone.
const SETUPCL: &str = "setupcl";
/// The program that fbreseal puts before it.
const SETUPCN: &str = "setupcn";
/// The option of the command line that makes set-up mini-setup.
const MINI: &str = "-mini";

/// Collects sysprep.pending and sysprep.sealed.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let pending = pending(context);
    let sealed = sealed(context, facts);
    facts.put("sysprep.pending", pending);
    facts.put("sysprep.sealed", sealed);
}

fn sealed(context: &Context<'_>, facts: &Facts) -> Result<Fact, Unknown> {
    Ok(match generation::of(facts)? {
        Generation::Vista => generalized(context)?,
        Generation::BeforeVista => armed_for_mini_setup(context),
        Generation::Embedded => armed(context, &[SETUPCN, SETUPCL]),
    })
}

fn generalized(context: &Context<'_>) -> Result<Fact, Unknown> {
    Ok(match image_state::in_registry(context)? {
        Some(state) => {
            let sealed = state.is_generalized();
            Fact::found(sealed, state.evidence.raw(state.text))
        }
        None => Fact::found(false, image_state::absent(context)),
    })
}

/// Whether the next boot runs one of the programs.
fn armed(context: &Context<'_>, programs: &[&str]) -> Fact {
    let mut gather = Gather::default();
    look_at_boot_programs(context, programs, &mut gather);
    gather.flag(&context.place(HiveName::System, "", None))
}

fn look_at_boot_programs(context: &Context<'_>, programs: &[&str], gather: &mut Gather) {
    match session_manager::entries(context) {
        Err(unknown) => gather.unseen(unknown),
        Ok((entries, empty)) => {
            for entry in entries {
                if programs.iter().any(|program| entry.names(program)) {
                    gather.found(entry.text, entry.evidence);
                } else {
                    gather.nothing(entry.evidence);
                }
            }
            for evidence in empty {
                gather.nothing(evidence);
            }
        }
    }
}

/// SETUPCL among the programs of the next boot, or mini-setup.
fn armed_for_mini_setup(context: &Context<'_>) -> Fact {
    let mut gather = Gather::default();
    look_at_boot_programs(context, &[SETUPCL], &mut gather);
    match mini_setup(context) {
        Err(unknown) => gather.unseen(unknown),
        Ok((true, evidence)) => gather.found("mini-setup", evidence),
        Ok((false, evidence)) => gather.nothing(evidence),
    }
    gather.flag(&context.place(HiveName::System, setup_flags::KEY, None))
}

/// Whether the next boot runs mini-setup: set-up is in progress, has a command to run, and is named mini-setup by a flag
/// or by the command. Set-up that runs and is not named so may be that of a new installation or of an upgrade, and a flag
/// of mini-setup without a command may be left over: neither is decided.
fn mini_setup(context: &Context<'_>) -> Result<(bool, Evidence), Unknown> {
    let (in_progress, place) = setup_flags::number(context, "SystemSetupInProgress")?;
    let (mini, _) = setup_flags::number(context, "MiniSetupInProgress")?;
    let (welcome, _) = setup_flags::number(context, "OobeInProgress")?;
    let (runs, _) = setup_flags::command(context)?;
    let is_flagged = mini == 1 || welcome == 1;
    let is_named = is_flagged || setup_flags::command_names(context, MINI)?;
    let undecided = |detail: &str| {
        Err(Unknown {
            reason: UnknownReason::Unsupported,
            detail: detail.to_owned(),
            evidence: place.clone(),
        })
    };
    match (in_progress == 1 || is_flagged, runs, is_named) {
        (true, true, true) => Ok((true, place)),
        (true, true, false) => {
            undecided("set-up runs at the next boot, and nothing says that it is mini-setup")
        }
        (true, false, _) if is_flagged => {
            undecided("mini-setup is in progress and has no command to run")
        }
        (false, true, true) => undecided(
            "set-up has the command of mini-setup and does not say that it is in progress",
        ),
        _ => Ok((false, place)),
    }
}

/// SETUPCL among the programs of the next boot, or set-up in progress with a command to run, or mini-setup in progress.
fn pending(context: &Context<'_>) -> Fact {
    let mut gather = Gather::default();
    look_at_boot_programs(context, &[SETUPCL], &mut gather);
    match setup_flags::number(context, "MiniSetupInProgress") {
        Err(unknown) => gather.unseen(unknown),
        Ok((1, evidence)) => gather.found("MiniSetupInProgress", evidence),
        Ok((_, evidence)) => gather.nothing(evidence),
    }
    match setup_flags::number(context, "SystemSetupInProgress") {
        Err(unknown) => gather.unseen(unknown),
        Ok((1, evidence)) => match setup_flags::command(context) {
            Err(unknown) => gather.unseen(unknown),
            Ok((true, _)) => gather.found("SystemSetupInProgress", evidence),
            Ok((false, looked)) => {
                let place = evidence.locator.clone();
                gather.nothing(evidence);
                gather.nothing(empty_evidence(looked, &place));
            }
        },
        Ok((_, evidence)) => gather.nothing(evidence),
    }
    gather.flag(&context.place(HiveName::System, setup_flags::KEY, None))
}
