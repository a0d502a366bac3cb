//! Copies of fbreseal.exe: xpe.tool_left.
//!
//! The tool deletes itself when it has run (embedded MVP blog, 18 August 2009). A copy in System32 is normal before the
//! first seal; beside any sign of a seal, or of the boot of a clone, it was put back. Where the logs that may show one were
//! not seen, what a copy in System32 means is unknown. A copy elsewhere means that sealing again is designed in.

use std::collections::VecDeque;

use crate::base::win_path::{WinPath, eq_name};
use crate::evidence::{Fact, Unknown, UnknownReason, Value};
use crate::facts::embedded::{clone_boots, is_fbreseal_kind};
use crate::facts::event_logs::CloneMarks;
use crate::facts::gather::Gather;
use crate::facts::{Context, Facts};

const TOOL: &str = "fbreseal.exe";
/// Folders below the Windows folder where a copy counts.
const IN_WINDOWS: [&str; 2] = ["", "FBA"];
/// Folders of the root that are not searched: they are large and hold what set-up put there.
const NOT_SEARCHED: [&str; 6] = [
    "Program Files",
    "Documents and Settings",
    "System Volume Information",
    "RECYCLER",
    "$Extend",
    "Recycled",
];
/// How deep below the root copies are searched for.
const DEPTH_MAX: usize = 2;
/// Most directories that are read in the search.
const DIRECTORIES_MAX: usize = 256;

/// Collects xpe.tool_left; sysprep.sealed, sysprep.clone_tag and xpe.reseal_count must be there. `marks` is what the event
/// logs show, where they were read.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts, marks: Option<&CloneMarks>) {
    let mut gather = Gather::default();
    let system32 = context.installation.windows("system32").child(TOOL);
    if was_sealed(facts) || marks.is_some_and(clone_boots::is_any) {
        gather.file(context, &system32);
    } else if marks.is_none_or(|marks| !marks.gaps.is_empty()) {
        in_system32(context, &system32, &mut gather);
    }
    for folder in IN_WINDOWS {
        gather.file(context, &context.installation.windows(folder).child(TOOL));
    }
    if is_fbreseal_kind(facts)
        && let Err(unknown) = search(context, &mut gather)
    {
        gather.unseen(unknown);
    }
    let fact: Fact = gather.list(&context.installation.place(&system32));
    facts.put("xpe.tool_left", fact);
}

/// A copy that belongs there before the first seal and not after it, and nothing tells which it is.
fn in_system32(context: &Context<'_>, path: &WinPath, gather: &mut Gather) {
    let mut found = Gather::default();
    found.file(context, path);
    let place = context.installation.place(path);
    match found.flag(&place) {
        Fact::Found {
            value: Value::Bool(true),
            ..
        } => gather.unseen(Unknown::new(
            UnknownReason::NotProvided,
            "the tool is there; whether it was put back after a seal the event logs may tell, and they were not read or not all seen",
            place,
        )),
        Fact::Unknown(unknown) => gather.unseen(unknown),
        _ => {}
    }
}

/// Whether there is a sign that the image was sealed before.
fn was_sealed(facts: &Facts) -> bool {
    let is_true = |id| {
        matches!(
            facts.get(id),
            Some(Fact::Found {
                value: Value::Bool(true),
                ..
            })
        )
    };
    let counted = matches!(facts.get("xpe.reseal_count"), Some(Fact::Found { value: Value::Int(runs), .. }) if *runs > 0);
    is_true("sysprep.sealed") || is_true("sysprep.user_sealed") || counted
}

/// Searches the upper folders of the volume, breadth first.
fn search(context: &Context<'_>, gather: &mut Gather) -> Result<(), Unknown> {
    let mut waiting = VecDeque::from([WinPath::root()]);
    let mut read = 0_usize;
    while let Some(folder) = waiting.pop_front() {
        if read >= DIRECTORIES_MAX {
            return Err(Unknown::new(
                UnknownReason::LimitExceeded,
                format!("more than {DIRECTORIES_MAX} directories down to level {DEPTH_MAX}"),
                context.installation.place(&folder),
            ));
        }
        read = read.saturating_add(1);
        let place = context.installation.place(&folder);
        let entries = context
            .installation
            .filesystem
            .read_dir(&folder)
            .map_err(|error| Unknown::from_error(&error, place))?;
        for entry in entries.unwrap_or_default() {
            let path = folder.child(&entry.name);
            if entry.is_dir {
                if folder.components().len() < DEPTH_MAX && is_searched(context, &path) {
                    waiting.push_back(path);
                }
            } else if eq_name(&entry.name, TOOL) {
                gather.file(context, &path);
            }
        }
    }
    Ok(())
}

fn is_searched(context: &Context<'_>, path: &WinPath) -> bool {
    let in_root = path.components().len() == 1;
    let is_skipped = path
        .file_name()
        .is_some_and(|name| NOT_SEARCHED.iter().any(|skipped| eq_name(skipped, name)));
    let is_windows = path.eq_ignore_case(&context.installation.system_root);
    !(is_windows || (in_root && is_skipped))
}
