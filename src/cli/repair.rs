//! `goldseal repair`: plan and preview the corrected names of key files, and write them if that is asked for.

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use goldseal::base::filetime::FileTime;
use goldseal::image::{Image, Installation, Source};
use goldseal::repair::journal::Journal;
use goldseal::repair::others::others;
use goldseal::repair::saved::Saved;
use goldseal::repair::{
    Checked, FullHash, Gate, Neighbour, Planned, Preview, Refusal, RepairPlan, backup, copy,
    full_hash, in_place, in_use, journal_beside, neighbours, preview, read_small, saved, status,
    write_new,
};
use goldseal::report::{ImageInfo, RepairReport, repair_text};
use goldseal::rules::Catalogue;

use crate::cli::args::RepairArgs;
use crate::cli::output::Output;
use crate::cli::repair_decision::{Decision, decide, from_saved, wanted_names};
use crate::cli::rules::load_catalogue;
use crate::cli::{Exit, Failure, open};

pub(crate) fn run(args: &RepairArgs, output: &mut Output) -> Result<Exit, Failure> {
    if args.backup_dir.is_some()
        && !args.delete_bogus
        && args.plan.is_none()
        && args.patch.is_none()
    {
        return Err(Failure::Usage(
            "--backup-dir goes with --delete-bogus, or with a plan or patch that removes a file"
                .to_owned(),
        ));
    }
    let names = wanted_names(&args.set_name)?;
    let saved = saved(args)?;
    let journal = journal_path(args)?;
    let catalogue = load_catalogue(&[])?;
    // Asked before the image is opened: one that is half-changed or being written may not open at all.
    let free = in_use::check(&args.image).and_then(|()| status::check(&args.image));
    let source = Source::from_path(&args.image);
    let image = match (
        open::open(&source, &open::options(args.allow_backing_anywhere)),
        &free,
    ) {
        (Ok(image), _) => image,
        (Err(error), Ok(())) => return Err(error.into()),
        // The error says it already.
        (Err(error), Err(refusal)) if refusal.gate == Gate::Journal => return Err(error.into()),
        (Err(error), Err(refusal)) => {
            return Err(Failure::Failed(format!("{refusal}; {}", error.chain())));
        }
    };
    let wanted = args
        .installation
        .or_else(|| saved.as_ref().map(Saved::installation));
    if wanted.is_none() {
        neighbours::only_one(&image).map_err(|refusal| Failure::Failed(refusal.to_string()))?;
    }
    let installation = open::installation(&image, wanted, output)?;
    let before = Checked::run(installation, &catalogue)?;
    let mut decision = match &saved {
        Some(saved) => from_saved(saved, installation, &before.collected),
        None => decide(args, &names, installation, &before.collected),
    };
    let mut left = Vec::new();
    if let (true, Ok(wanted)) = (args.all_containers, &mut decision.wanted) {
        let (actions, others) = others(&image, installation, &before.collected, wanted);
        wanted.actions.extend(actions);
        left = others;
    }
    if let (true, Ok(wanted)) = (args.touch, &mut decision.wanted) {
        wanted.touch = Some(now()?);
    }
    if let Err(refusal) = free {
        decision.wanted = Err(refusal);
    }
    let mut info = ImageInfo::of_installation(&image, installation);
    info.notes.extend(before.collected.notes.iter().cloned());
    let mut report =
        RepairReport::new(info, installation, before, &decision.word, &decision.reason);
    report.leave(left);
    let planned = plan(
        args,
        &Inputs {
            journal: journal.as_deref(),
            saved: saved.as_ref(),
            catalogue: &catalogue,
        },
        &image,
        installation,
        &decision,
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

/// What a plan needs beside the image.
struct Inputs<'i> {
    journal: Option<&'i Path>,
    saved: Option<&'i Saved>,
    catalogue: &'i Catalogue,
}

/// Plans what was decided, runs every check on the image seen through the plan, and writes it if that was asked for.
fn plan(
    args: &RepairArgs,
    inputs: &Inputs<'_>,
    image: &Image,
    installation: &Installation,
    decision: &Decision,
    report: &mut RepairReport,
) -> Planned<()> {
    let wanted = match &decision.wanted {
        Ok(wanted) => wanted,
        Err(refusal) => return Err(Refusal::new(refusal.gate, refusal.text.clone())),
    };
    report.ask(wanted);
    if wanted.is_empty() {
        return Ok(());
    }
    let mut plan = RepairPlan::make(image, installation, wanted)?;
    if !wanted.removals.is_empty() {
        let folder = args.backup_dir.as_deref().ok_or_else(|| {
            Refusal::new(
                Gate::NotThere,
                "the plan removes a file; name the directory that it is copied to first (--backup-dir DIR)",
            )
        })?;
        plan.keep_in(backup::places(
            &wanted.removals,
            folder,
            &args.image,
            installation.index,
        )?);
    }
    if let Some(saved) = inputs.saved {
        saved.check(image, installation.index, &plan)?;
    }
    let expected = preview::after(
        &Source::from_path(&args.image),
        &open::options(args.allow_backing_anywhere),
        &plan,
        inputs.catalogue,
    )?;
    let others = Neighbour::all(image, installation, &plan, &expected, inputs.catalogue)?;
    let run = this_run();
    let mut prepared = in_place::journal(image, installation, &plan, &run);
    let full = digests(args, &plan, &mut prepared)?;
    plan.warnings.extend(decision.warnings.iter().cloned());
    plan.warnings.extend(in_place::warnings(&args.image));
    if let (Err(refusal), false) = (&prepared, args.apply) {
        plan.warnings
            .push(format!("not to be written in place: {}", refusal.text));
    }
    let seen = expected.of(installation.index)?;
    report.plan(&plan, seen, &others, full.as_ref());
    neighbours::check(&others)?;
    save(args, image, installation, &plan)?;
    if args.to.is_some() && !plan.moves.is_empty() {
        return Err(Refusal::new(
            Gate::Container,
            "a directory is not copied; copy it with the tools of the host and repair the copy with --in-place",
        ));
    }
    if let Some(target) = &args.to {
        let copy = copy::write(image, &args.image, installation, &plan, target, &run)?;
        let found = reopened(args, copy.temporary(), inputs.catalogue)?;
        if !found.is_same_but_for_places(&expected) {
            return Err(differs("the repaired copy, which was removed again").into());
        }
        let layer = copy.layer.clone();
        copy_out(installation, &plan)?;
        if let Some(full) = &full {
            report.full_hash(&FullHash {
                before: full.before.clone(),
                after: Some(full_hash::of_file(copy.temporary())?),
            });
        }
        copy.keep()?;
        report.written(format!(
            "A repaired copy ({layer}) was written to {} and checked; {} is as it was.",
            target.display(),
            args.image.display()
        ));
    } else if let Some(journal) = inputs.journal {
        let mut check = || {
            let found = reopened(args, &args.image, inputs.catalogue)?;
            if found.is_same(&expected)? {
                Ok(())
            } else {
                Err(differs("the written image"))
            }
        };
        let mut prepare = || copy_out(installation, &plan);
        in_place::apply(&args.image, journal, prepared?, &mut prepare, &mut check)
            .map_err(|refusal| with_copies(refusal, &plan))?;
        report.written(format!(
            "Written to {} and checked. `goldseal undo {}` puts it back; keep that journal as safe as a private key.",
            args.image.display(),
            in_place::undo_arguments(&args.image, journal)
        ));
    }
    Ok(())
}

/// The digests of the whole image, if they were asked for; the journal gets them too.
fn digests(
    args: &RepairArgs,
    plan: &RepairPlan,
    prepared: &mut Planned<Journal>,
) -> Planned<Option<FullHash>> {
    if !args.full_hash {
        return Ok(None);
    }
    if !plan.moves.is_empty() {
        return Err(Refusal::new(
            Gate::Container,
            "a directory has no bytes of its own for --full-hash; leave it out",
        ));
    }
    let full = match prepared {
        Ok(journal) => {
            let full = full_hash::of_journal(&args.image, journal)?;
            journal.header.full = Some(full.clone());
            full
        }
        Err(_) => FullHash {
            before: full_hash::of_file(&args.image)?,
            after: None,
        },
    };
    Ok(Some(full))
}

/// Copies out what goes.
fn copy_out(installation: &Installation, plan: &RepairPlan) -> Planned<()> {
    for (removal, place) in plan.removals.iter().zip(&plan.backups) {
        backup::write(installation.filesystem.as_ref(), removal, place)?;
    }
    Ok(())
}

/// A refusal that names the copies which were made before it: they hold a key.
fn with_copies(mut refusal: Refusal, plan: &RepairPlan) -> Refusal {
    let copies = plan.removals.iter().zip(&plan.backups);
    for (_, place) in copies.filter(|(removal, place)| backup::is_copy(removal, place)) {
        let text = format!("; {} is a copy of the file that was to go", place.display());
        refusal.text.push_str(&text);
    }
    refusal
}

fn differs(what: &str) -> goldseal::Error {
    goldseal::Error::new(
        goldseal::ErrorKind::PreconditionFailed,
        format!("{what} does not give what the preview gave"),
    )
}

/// What every check says of a written image, opened from scratch.
fn reopened(args: &RepairArgs, path: &Path, catalogue: &Catalogue) -> goldseal::Result<Preview> {
    let options = open::options(args.allow_backing_anywhere);
    let nothing = RepairPlan::default();
    preview::after(&Source::from_path(path), &options, &nothing, catalogue)
}

/// Saves the plan and the patch, where that was asked for.
fn save(
    args: &RepairArgs,
    image: &Image,
    installation: &Installation,
    plan: &RepairPlan,
) -> Planned<()> {
    if (args.plan_out.is_some() || args.patch_out.is_some()) && !plan.moves.is_empty() {
        return Err(Refusal::new(
            Gate::Container,
            "plans and patches name positions on a disk, and a directory of the host has none",
        ));
    }
    if let Some(path) = &args.plan_out {
        write_new(path, &saved::plan_file(image, installation.index, plan)?)?;
    }
    if let Some(path) = &args.patch_out {
        write_new(path, &saved::patch_file(image, installation.index, plan)?)?;
    }
    Ok(())
}

/// The plan or patch that was named.
fn saved(args: &RepairArgs) -> Result<Option<Saved>, Failure> {
    let (path, is_plan) = match (&args.plan, &args.patch) {
        (Some(path), _) => (path, true),
        (None, Some(path)) => (path, false),
        (None, None) => return Ok(None),
    };
    let fail = |error: goldseal::Error| Failure::Failed(error.at(path.display()).chain());
    let content =
        read_small(path, saved::SAVED_BYTES_MAX).map_err(|error| Failure::Failed(error.chain()))?;
    let saved = if is_plan {
        Saved::parse_plan(&content)
    } else {
        Saved::parse_patch(&content)
    };
    saved.map(Some).map_err(fail)
}

/// Where the journal goes, if something is to be written.
fn journal_path(args: &RepairArgs) -> Result<Option<PathBuf>, Failure> {
    if !args.in_place {
        return Ok(None);
    }
    if let Some(path) = &args.journal {
        return Ok(Some(path.clone()));
    }
    let is_device =
        std::fs::metadata(&args.image).is_ok_and(|metadata| metadata.file_type().is_block_device());
    match journal_beside(&args.image) {
        Some(path) if !is_device => Ok(Some(path)),
        _ => Err(Failure::Usage(
            "a block device, and a directory named as `.` or `/`, has no place for a journal beside it: name one with --journal FILE"
                .to_owned(),
        )),
    }
}

/// The time for `--touch`: that of SOURCE_DATE_EPOCH if it is set, as programs whose output has to be the same each time take it.
fn now() -> Result<FileTime, Failure> {
    let seconds = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text.parse().map_err(|_| {
            Failure::Usage(format!(
                "SOURCE_DATE_EPOCH is not a number of seconds: {text}"
            ))
        })?,
        Err(_) => this_run().created,
    };
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds: i64| chrono::DateTime::from_timestamp(seconds, 0))
        .and_then(FileTime::from_utc)
        .ok_or_else(|| Failure::Usage(format!("{seconds}: no time that NTFS can hold")))
}

/// What tells this run apart.
fn this_run() -> in_place::Run {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    in_place::Run {
        id: format!("{:x}-{:x}", now.as_nanos(), std::process::id()),
        created: now.as_secs(),
    }
}
