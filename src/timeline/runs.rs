//! Runs of the tools that seal: prefetch files, UserAssist of every user, the cache of program compatibility.

use crate::artifact::{app_compat_cache, prefetch, user_assist};
use crate::base::win_path::{WinPath, eq_name};
use crate::evidence::Unknown;
use crate::facts::image::profiles;
use crate::facts::{Collected, Context, HiveName};
use crate::timeline::{Kind, Moment, Source, Timeline};

/// The tools.
const TOOLS: [&str; 4] = ["fbreseal.exe", "sysprep.exe", "fba.exe", "setupcl.exe"];
/// The largest prefetch file that is read, in bytes.
const PREFETCH_BYTES_MAX: u64 = 8 << 20;
const USER_ASSIST: &str = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\UserAssist";
/// Where the cache of program compatibility lies below the control set: XP, and every later Windows.
const CACHES: [&str; 2] = [
    "Control\\Session Manager\\AppCompatibility",
    "Control\\Session Manager\\AppCompatCache",
];
const CACHE_VALUE: &str = "AppCompatCache";

pub(crate) fn read(context: &Context<'_>, _collected: &Collected, timeline: &mut Timeline) {
    let sources: [(Source, Read); 3] = [
        (Source::Prefetch, prefetch_files),
        (Source::UserAssist, users),
        (Source::AppCompatCache, cache),
    ];
    for (source, read) in sources {
        if let Err(unknown) = read(context, timeline) {
            timeline.unseen(source, unknown);
        }
    }
}

/// Reads one source.
type Read = fn(&Context<'_>, &mut Timeline) -> Result<(), Unknown>;

/// The tool that a path names, or a name of UserAssist that ends with its path.
fn tool_of(path: &str) -> Option<&'static str> {
    let name = path.rsplit(['\\', ':']).next().unwrap_or(path);
    TOOLS.into_iter().find(|tool| eq_name(tool, name))
}

fn prefetch_files(context: &Context<'_>, timeline: &mut Timeline) -> Result<(), Unknown> {
    let folder = context.installation.windows("Prefetch");
    let filesystem = &context.installation.filesystem;
    let entries = filesystem
        .read_dir(&folder)
        .map_err(|error| Unknown::from_error(&error, context.installation.place(&folder)))?;
    for entry in entries.unwrap_or_default() {
        let program = entry.name.rsplit_once('-').map(|(program, _)| program);
        if entry.is_dir || program.and_then(tool_of).is_none() {
            continue;
        }
        let path = folder.child(&entry.name);
        if let Err(unknown) = prefetch_file(context, &path, timeline) {
            timeline.unseen(Source::Prefetch, unknown);
        }
    }
    Ok(())
}

fn prefetch_file(
    context: &Context<'_>,
    path: &WinPath,
    timeline: &mut Timeline,
) -> Result<(), Unknown> {
    let fail = |error| Unknown::from_error(&error, context.installation.place(path));
    let filesystem = &context.installation.filesystem;
    let bytes = filesystem.read(path, PREFETCH_BYTES_MAX).map_err(fail)?;
    let file = prefetch::parse(&bytes.unwrap_or_default()).map_err(fail)?;
    let metadata = context.metadata(path)?;
    for time in file.last_runs {
        let evidence = context.file_evidence(path, metadata.as_ref());
        let text = format!("{} ran ({} runs in all)", file.name, file.run_count);
        timeline.add(
            Moment::utc(time),
            Source::Prefetch,
            Kind::Seal,
            text,
            evidence,
        );
    }
    Ok(())
}

fn users(context: &Context<'_>, timeline: &mut Timeline) -> Result<(), Unknown> {
    for profile in profiles::all(context)? {
        let Some(folder) = profile.folder else {
            continue;
        };
        if let Err(unknown) = user(context, &folder.child("NTUSER.DAT"), timeline) {
            timeline.unseen(Source::UserAssist, unknown);
        }
    }
    Ok(())
}

fn user(context: &Context<'_>, path: &WinPath, timeline: &mut Timeline) -> Result<(), Unknown> {
    if context.metadata(path)?.is_none() {
        return Ok(());
    }
    let opened = context.open_hive(path)?;
    let fail = |error| Unknown::from_error(&error, opened.locator.step(USER_ASSIST));
    let Some(root) = opened.hive.key(USER_ASSIST).map_err(fail)? else {
        return Ok(());
    };
    for group in root.subkeys().map_err(fail)? {
        let name = group.name().map_err(fail)?;
        let Some(key) = group.subkey("Count").map_err(fail)? else {
            continue;
        };
        for value in key.values().map_err(fail)? {
            let Some(entry) = user_assist::parse(&value.name, &value.data) else {
                continue;
            };
            let Some(tool) = tool_of(&entry.name) else {
                continue;
            };
            let place = format!("{USER_ASSIST}\\{name}\\Count!{}", value.name);
            let evidence = context
                .evidence_in(&opened, opened.locator.step(place), &key, Some(&value))
                .raw(entry.name.clone());
            let text = format!("a user started {tool} last ({} starts in all)", entry.count);
            let moment = entry.last_run.and_then(Moment::utc);
            timeline.add(moment, Source::UserAssist, Kind::Seal, text, evidence);
        }
    }
    Ok(())
}

fn cache(context: &Context<'_>, timeline: &mut Timeline) -> Result<(), Unknown> {
    for tail in CACHES {
        let key = context.in_control_set(tail)?;
        let Some(found) = context.value(HiveName::System, &key, CACHE_VALUE)? else {
            continue;
        };
        let fail = |error| Unknown::from_error(&error, found.evidence.locator.clone());
        for program in app_compat_cache::parse(&found.value.data).map_err(fail)? {
            let Some(tool) = tool_of(&program.path) else {
                continue;
            };
            let evidence = found.evidence.clone().raw(program.path.clone());
            let text =
                format!("file {tool} in the cache of program compatibility was changed last");
            let moment = program.modified.and_then(Moment::utc);
            timeline.add(
                moment,
                Source::AppCompatCache,
                Kind::Written,
                text,
                evidence,
            );
        }
    }
    Ok(())
}
