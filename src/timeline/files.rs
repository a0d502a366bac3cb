//! The times of key files and of files that tell of sealing.
//!
//! `$STANDARD_INFORMATION` is what programs set and tools forge, `$FILE_NAME` is kept by the file system and changes with
//! the name: both are shown, those of one moment in one entry. FAT has local times of a zone that it does not name. Access times
//! are left out, most systems do not keep them. A directory of the host has no times of the volume: its own are those of the
//! copy, and are not shown.

use crate::base::filetime::FileTime;
use crate::base::win_path::WinPath;
use crate::evidence::{Evidence, Fact, Locator, Unknown, UnknownReason};
use crate::facts::{Collected, Context};
use crate::image::filesystem::{FileTimes, LocalTimes};
use crate::timeline::{Kind, Moment, Source, Timeline};

/// Most key files whose times are shown.
const KEY_FILES_MAX: usize = 5000;
/// Files below the Windows folder that tell of sealing, and of what.
const FILES: [(&str, Kind); 9] = [
    ("system32\\setupcl.exe", Kind::Seal),
    ("system32\\setupcn.exe", Kind::Seal),
    ("system32\\fbreseal.exe", Kind::Seal),
    ("System32\\Sysprep\\Sysprep_succeeded.tag", Kind::Seal),
    ("FBA\\FBALOG.TXT", Kind::Seal),
    ("system32\\MSDtc\\MSDTC.LOG", Kind::Identity),
    (
        "system32\\inetsrv\\MetaBack\\Iischema-update.md0",
        Kind::Written,
    ),
    ("setupapi.log", Kind::Install),
    ("Panther\\setupact.log", Kind::Install),
];

/// Adds the times of every key file.
pub(crate) fn read_keys(context: &Context<'_>, collected: &Collected, timeline: &mut Timeline) {
    not_listed(collected, timeline);
    let mut timeless = Timeless::default();
    for key in collected.machine_keys.iter().take(KEY_FILES_MAX) {
        let path = WinPath::new(&key.path);
        let mut evidence = Evidence::at(context.installation.place(&path));
        evidence.mft_record = key.mft_record;
        let container = key.container_name.as_deref().unwrap_or("container unknown");
        let label = format!("key file {} ({container})", key.name);
        let what = (Source::KeyFile, Kind::Identity, label.as_str());
        // The local times of FAT are no times of a key file's report; the file system is asked again.
        let local = match context.metadata(&path) {
            _ if key.times != FileTimes::default() => LocalTimes::default(),
            Ok(Some(metadata)) => metadata.local_times,
            Ok(None) => LocalTimes::default(),
            Err(unknown) => {
                timeline.unseen(Source::KeyFile, unknown);
                continue;
            }
        };
        let added = add_times(timeline, what, &key.times, &evidence)
            + add_local(timeline, what, &local, &evidence);
        timeless.count(added, &evidence);
    }
    timeless.tell(timeline, Source::KeyFile);
    if collected.machine_keys.len() > KEY_FILES_MAX {
        timeline.unseen(
            Source::KeyFile,
            Unknown::new(
                UnknownReason::LimitExceeded,
                format!(
                    "{} key files, the times of the first {KEY_FILES_MAX} are shown",
                    collected.machine_keys.len()
                ),
                context.installation.locator.clone(),
            ),
        );
    }
}

/// Says where key files, or all of them, could not be listed.
fn not_listed(collected: &Collected, timeline: &mut Timeline) {
    let id = "crypto.c23_files";
    let unknown = match collected.facts.get(id) {
        Some(Fact::Unknown(unknown)) => Some(unknown),
        _ => collected.facts.incomplete(id),
    };
    if let Some(unknown) = unknown {
        timeline.unseen(Source::KeyFile, unknown.clone());
    }
}

/// Files that are there and have no time at all.
#[derive(Debug, Default)]
struct Timeless {
    files: usize,
    first: Option<Locator>,
}

impl Timeless {
    fn count(&mut self, added: usize, evidence: &Evidence) {
        if added == 0 {
            self.files = self.files.saturating_add(1);
            self.first.get_or_insert(evidence.locator.clone());
        }
    }

    /// Says of them that they are there, as one source that was not seen.
    fn tell(self, timeline: &mut Timeline, source: Source) {
        if let Some(first) = self.first {
            let what = match self.files {
                1 => "a file is there".to_owned(),
                files => format!("{files} files are there, this is the first"),
            };
            let detail =
                format!("{what}, and no times of the volume: a directory of the host keeps none");
            timeline.unseen(
                source,
                Unknown::new(UnknownReason::NotProvided, detail, first),
            );
        }
    }
}

/// Adds the times of metabases and of the files that tell of sealing.
pub(crate) fn read_others(context: &Context<'_>, collected: &Collected, timeline: &mut Timeline) {
    let metabases = collected
        .metabases
        .iter()
        .map(|metabase| (WinPath::new(&metabase.path), Kind::Written));
    let known = FILES
        .iter()
        .map(|(tail, kind)| (context.installation.windows(tail), *kind));
    let mut timeless = Timeless::default();
    let mut not_given = None;
    for (path, kind) in known.chain(metabases) {
        match context.metadata(&path) {
            // One for all: none of them is among what was given.
            Err(unknown) if unknown.reason == UnknownReason::NotProvided => {
                not_given.get_or_insert(unknown);
            }
            Err(unknown) => timeline.unseen(Source::File, unknown),
            Ok(None) => {}
            Ok(Some(metadata)) => {
                let evidence = context.file_evidence(&path, Some(&metadata));
                let label = format!("file {}", path.file_name().unwrap_or_default());
                let what = (Source::File, kind, label.as_str());
                let added = add_times(timeline, what, &metadata.times, &evidence)
                    + add_local(timeline, what, &metadata.local_times, &evidence);
                timeless.count(added, &evidence);
            }
        }
    }
    timeless.tell(timeline, Source::File);
    if let Some(unknown) = not_given {
        timeline.unseen(Source::File, unknown);
    }
}

/// One entry a moment, naming every time of the file that shows it; how many there are.
fn add_times(
    timeline: &mut Timeline,
    what: (Source, Kind, &str),
    times: &FileTimes,
    evidence: &Evidence,
) -> usize {
    let named: [(&str, Option<FileTime>); 6] = [
        ("$SI created", times.si_created),
        ("$SI modified", times.si_modified),
        ("$SI record changed", times.si_mft_changed),
        ("$FN created", times.fn_created),
        ("$FN modified", times.fn_modified),
        ("$FN record changed", times.fn_mft_changed),
    ];
    let mut moments: Vec<(FileTime, Vec<&str>)> = Vec::new();
    for (name, time) in named {
        let Some(time) = time else { continue };
        match moments.iter_mut().find(|(known, _)| *known == time) {
            Some((_, names)) => names.push(name),
            None => moments.push((time, vec![name])),
        }
    }
    let added = moments.len();
    let (source, kind, label) = what;
    for (time, names) in moments {
        let names = match names.len() {
            len if len == named.len() => "all times of $SI and $FN".to_owned(),
            _ => names.join(", "),
        };
        let text = format!("{label}: {names}");
        timeline.add(Moment::utc(time), source, kind, text, evidence.clone());
    }
    added
}

/// The times of FAT, local and of an unknown zone; how many there are. The day of the last access is left out like the times of
/// access of NTFS.
fn add_local(
    timeline: &mut Timeline,
    what: (Source, Kind, &str),
    times: &LocalTimes,
    evidence: &Evidence,
) -> usize {
    let (source, kind, label) = what;
    let mut added = 0_usize;
    for (name, time) in [("created", times.created), ("modified", times.modified)] {
        let Some(time) = time else { continue };
        let text = format!("{label}: {name}");
        timeline.add(Moment::local(time), source, kind, text, evidence.clone());
        added = added.saturating_add(1);
    }
    added
}
