//! How often each user started fbreseal from Explorer, by UserAssist of the users' hives.

use crate::artifact::registry::Key;
use crate::artifact::user_assist;
use crate::base::win_path::WinPath;
use crate::evidence::{Evidence, Unknown};
use crate::facts::Context;
use crate::facts::context::OpenedHive;
use crate::facts::image::profiles;

const KEY: &str = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\UserAssist";
const TOOL: &str = "fbreseal.exe";
/// What Explorer puts before a path that was started.
const RUN_PATH: &str = "ueme_runpath:";

/// The starts by all users, and what could not be seen.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    pub(crate) count: u32,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) unseen: Vec<Unknown>,
}

/// Sums the starts over all profiles.
pub(crate) fn fbreseal_starts(context: &Context<'_>) -> Starts {
    let mut starts = Starts::default();
    match profiles::all(context) {
        Err(unknown) => starts.unseen.push(unknown),
        Ok(list) => {
            for profile in list {
                let Some(folder) = profile.folder else {
                    continue;
                };
                if let Err(unknown) = read_user(context, &folder.child("NTUSER.DAT"), &mut starts) {
                    starts.unseen.push(unknown);
                }
            }
        }
    }
    starts
}

fn read_user(context: &Context<'_>, path: &WinPath, starts: &mut Starts) -> Result<(), Unknown> {
    if context.metadata(path)?.is_none() {
        return Ok(());
    }
    let opened = context.open_hive(path)?;
    let fail = |error| Unknown::from_error(&error, opened.locator.step(KEY));
    let Some(key) = opened.hive.key(KEY).map_err(fail)? else {
        return Ok(());
    };
    for group in key.subkeys().map_err(fail)? {
        let name = group.name().map_err(fail)?;
        if let Some(count) = group.subkey("Count").map_err(fail)? {
            read_counts(
                context,
                &opened,
                &count,
                &format!("{KEY}\\{name}\\Count"),
                starts,
            )?;
        }
    }
    Ok(())
}

fn read_counts(
    context: &Context<'_>,
    opened: &OpenedHive,
    key: &Key<'_>,
    path: &str,
    starts: &mut Starts,
) -> Result<(), Unknown> {
    let fail = |error| Unknown::from_error(&error, opened.locator.step(path));
    for value in key.values().map_err(fail)? {
        let Some(entry) = user_assist::parse(&value.name, &value.data) else {
            continue;
        };
        let name = entry.name.to_ascii_lowercase();
        if !name.starts_with(RUN_PATH) || !name.ends_with(TOOL) {
            continue;
        }
        starts.count = starts.count.saturating_add(entry.count);
        let locator = opened.locator.step(format_args!("{path}!{}", value.name));
        let last = entry
            .last_run
            .map_or(String::new(), |time| format!(", last {time}"));
        starts.evidence.push(
            context
                .evidence_in(opened, locator, key, Some(&value))
                .raw(format!("{}: {} starts{last}", entry.name, entry.count)),
        );
    }
    Ok(())
}
