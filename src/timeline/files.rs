//! The times of key files and of files that tell of sealing.
//!
//! `$STANDARD_INFORMATION` is what programs set and tools forge, `$FILE_NAME` is kept by the file system and changes with
//! the name: both are shown, those of one moment in one entry. Access times are left out, most systems do not keep them.

use crate::base::filetime::FileTime;
use crate::base::win_path::WinPath;
use crate::evidence::{Evidence, Unknown, UnknownReason};
use crate::facts::{Collected, Context};
use crate::image::filesystem::FileTimes;
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
    for key in collected.machine_keys.iter().take(KEY_FILES_MAX) {
        let path = WinPath::new(&key.path);
        let mut evidence = Evidence::at(context.installation.place(&path));
        evidence.mft_record = key.mft_record;
        let container = key.container_name.as_deref().unwrap_or("container unknown");
        let label = format!("key file {} ({container})", key.name);
        add_times(
            timeline,
            Source::KeyFile,
            Kind::Identity,
            &key.times,
            &label,
            &evidence,
        );
    }
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

/// Adds the times of metabases and of the files that tell of sealing.
pub(crate) fn read_others(context: &Context<'_>, collected: &Collected, timeline: &mut Timeline) {
    let metabases = collected
        .metabases
        .iter()
        .map(|metabase| (WinPath::new(&metabase.path), Kind::Written));
    let known = FILES
        .iter()
        .map(|(tail, kind)| (context.installation.windows(tail), *kind));
    for (path, kind) in known.chain(metabases) {
        match context.metadata(&path) {
            Err(unknown) if unknown.reason == UnknownReason::NotProvided => {}
            Err(unknown) => timeline.unseen(Source::File, unknown),
            Ok(None) => {}
            Ok(Some(metadata)) => {
                let evidence = context.file_evidence(&path, Some(&metadata));
                let label = format!("file {}", path.file_name().unwrap_or_default());
                add_times(
                    timeline,
                    Source::File,
                    kind,
                    &metadata.times,
                    &label,
                    &evidence,
                );
            }
        }
    }
}

/// One entry a moment, naming every time of the file that shows it.
fn add_times(
    timeline: &mut Timeline,
    source: Source,
    kind: Kind,
    times: &FileTimes,
    label: &str,
    evidence: &Evidence,
) {
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
    for (time, names) in moments {
        let names = match names.len() {
            len if len == named.len() => "all times of $SI and $FN".to_owned(),
            _ => names.join(", "),
        };
        let text = format!("{label}: {names}");
        timeline.add(Moment::utc(time), source, kind, text, evidence.clone());
    }
}
