//! `goldseal repair`: plan and preview the corrected names of key files.

use goldseal::base::win_path::WinPath;
use goldseal::facts::{Collected, KeysView};
use goldseal::image::filesystem::FileSystem;
use goldseal::image::{Image, Installation, Source};
use goldseal::repair::plan::edits;
use goldseal::repair::{Action, Checked, Gate, Planned, Refusal, RepairPlan, preview};
use goldseal::report::{ImageInfo, RepairReport, repair_text};
use goldseal::rules::Catalogue;

use crate::cli::args::RepairArgs;
use crate::cli::output::Output;
use crate::cli::rules::load_catalogue;
use crate::cli::{Exit, Failure, open};

/// What is to be done, and why.
struct Decision {
    word: String,
    reason: String,
    actions: Planned<Vec<Action>>,
}

pub(crate) fn run(args: &RepairArgs, output: &mut Output) -> Result<Exit, Failure> {
    if let Some(option) = args.unbuilt.given() {
        return Err(Failure::Usage(format!(
            "{option} is not built yet: `repair` plans and previews, and writes nothing"
        )));
    }
    let names = wanted_names(&args.set_name)?;
    let catalogue = load_catalogue(&[])?;
    let source = Source::from_path(&args.image);
    let image = open::open(&source, &open::options(args.allow_backing_anywhere))?;
    let installation = open::installation(&image, args.installation, output)?;
    let before = Checked::run(installation, &catalogue)?;
    let decision = decide(&names, installation, &before.collected);
    let mut info = ImageInfo::of_installation(&image, installation);
    info.notes.extend(before.collected.notes.iter().cloned());
    let mut report =
        RepairReport::new(info, installation, before, &decision.word, &decision.reason);
    let planned = plan(
        args,
        &image,
        installation,
        &decision,
        &catalogue,
        &mut report,
    );
    let exit = match planned {
        Ok(()) => Exit::Safe,
        Err(refusal) => {
            report.refuse(&refusal);
            output.note(&refusal.to_string());
            Exit::Failed
        }
    };
    if output.is_json() {
        output.json(&report)?;
    } else {
        let style = output.style();
        output.text(&repair_text(&report, &style));
    }
    open::say_reads(&image, output);
    Ok(exit)
}

/// Plans what was decided and runs every check on the image seen through the plan.
fn plan(
    args: &RepairArgs,
    image: &Image,
    installation: &Installation,
    decision: &Decision,
    catalogue: &Catalogue,
    report: &mut RepairReport,
) -> Planned<()> {
    let actions = match &decision.actions {
        Ok(actions) => actions,
        Err(refusal) => return Err(Refusal::new(refusal.gate, refusal.text.clone())),
    };
    report.ask(actions);
    if actions.is_empty() {
        return Ok(());
    }
    let plan = RepairPlan::make(image, installation, &edits(actions)?)?;
    let after = preview::after(
        &Source::from_path(&args.image),
        &open::options(args.allow_backing_anywhere),
        installation.index,
        &plan,
        catalogue,
    )?;
    report.plan(&plan, after);
    Ok(())
}

/// The pairs of `--set-name`.
fn wanted_names(given: &[String]) -> Result<Vec<(&str, &str)>, Failure> {
    let pair = |text: &'_ String| -> Result<(usize, usize), Failure> {
        let at = text.find('=').filter(|at| *at > 0);
        at.map(|at| (at, at.saturating_add(1)))
            .ok_or_else(|| Failure::Usage(format!("--set-name {text}: expected OLD=NEW")))
    };
    given
        .iter()
        .map(|text| {
            let (end, start) = pair(text)?;
            Ok((
                text.get(..end).unwrap_or_default(),
                text.get(start..).unwrap_or_default(),
            ))
        })
        .collect()
}

/// What is to be done: what the user named, or what the proof says.
fn decide(names: &[(&str, &str)], installation: &Installation, collected: &Collected) -> Decision {
    if names.is_empty() {
        return by_proof(collected);
    }
    let actions = names
        .iter()
        .map(|(old, new)| named(old, new, installation, collected))
        .collect();
    Decision {
        word: "named".to_owned(),
        reason: "the names were given with --set-name; no proof was asked".to_owned(),
        actions,
    }
}

/// What the proof says; what it does not decide is refused.
fn by_proof(collected: &Collected) -> Decision {
    let plan = KeysView::new(collected).plan;
    let actions: Vec<Action> = plan
        .actions
        .iter()
        .map(|action| Action {
            from: action.from.clone(),
            to: action.to.clone(),
        })
        .collect();
    let actions = match plan.decision.as_str() {
        "none" => Ok(Vec::new()),
        "rename_only" | "swap" if !actions.is_empty() => Ok(actions),
        _ => Err(Refusal::new(
            Gate::Undecided,
            format!(
                "the proof does not decide which file is the right one: {}; an expert may name it with --set-name OLD=NEW",
                plan.reason
            ),
        )),
    };
    Decision {
        word: plan.decision,
        reason: plan.reason,
        actions,
    }
}

/// One pair of `--set-name` as paths.
fn named(
    old: &str,
    new: &str,
    installation: &Installation,
    collected: &Collected,
) -> Planned<Action> {
    let from = if old.contains(['\\', '/']) {
        stored_path(installation.filesystem.as_ref(), old)?
    } else {
        let mut keys = collected.machine_keys.iter().filter(|key| key.name == old);
        match (keys.next(), keys.next()) {
            (Some(key), None) => key.path.clone(),
            (None, _) => {
                return Err(Refusal::new(
                    Gate::NotThere,
                    format!(
                        "{old}: no machine key has exactly this name; `goldseal keys` lists them"
                    ),
                ));
            }
            (Some(_), Some(_)) => {
                return Err(Refusal::new(
                    Gate::Name,
                    format!("{old}: several folders have a key of this name; give its path"),
                ));
            }
        }
    };
    if new.contains(['\\', '/']) {
        return Err(Refusal::new(
            Gate::Name,
            format!("{new}: a name without a path is wanted; the file stays in its folder"),
        ));
    }
    let folder = from.rsplit_once('\\').map_or("", |(folder, _)| folder);
    Ok(Action {
        to: WinPath::new(folder).child(new).to_string(),
        from,
    })
}

/// A path with its last name as it is stored.
fn stored_path(filesystem: &dyn FileSystem, path: &str) -> Planned<String> {
    let path = WinPath::new(path);
    let metadata = filesystem
        .metadata(&path)?
        .ok_or_else(|| Refusal::new(Gate::NotThere, format!("{path}: not there")))?;
    let mut components = path.components().to_vec();
    components.pop();
    components.push(metadata.name);
    Ok(components.join("\\"))
}
