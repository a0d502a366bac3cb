//! The reports of `ls` and `stat`: files as their file system describes them.

use serde::Serialize;

use crate::artifact::security_descriptor::{Ace, AceKind, Dacl, SecurityDescriptor};
use crate::base::win_path::WinPath;
use crate::error::Result;
use crate::evidence::Locator;
use crate::image::filesystem::{
    ATTRIBUTE_COMPRESSED, ATTRIBUTE_ENCRYPTED, ATTRIBUTE_REPARSE, ATTRIBUTE_SPARSE, FileTimes,
    Metadata,
};
use crate::report::table::{Block, Grid};
use crate::report::{SCHEMA_VERSION, Style};

/// FILE_ATTRIBUTE_* bits that `ls` and `stat` name.
const ATTRIBUTE_NAMES: [(u32, &str); 10] = [
    (0x1, "read_only"),
    (0x2, "hidden"),
    (0x4, "system"),
    (0x20, "archive"),
    (ATTRIBUTE_SPARSE, "sparse"),
    (ATTRIBUTE_REPARSE, "reparse_point"),
    (ATTRIBUTE_COMPRESSED, "compressed"),
    (0x1000, "offline"),
    (0x2000, "not_content_indexed"),
    (ATTRIBUTE_ENCRYPTED, "encrypted"),
];

/// One file in a report.
#[derive(Debug, Serialize)]
struct FileInfo {
    name: String,
    short_name: Option<String>,
    is_dir: bool,
    size_bytes: u64,
    attributes: Option<Vec<&'static str>>,
    times: FileTimes,
    mft_record: Option<u64>,
    reparse_tag: Option<String>,
    streams: Vec<String>,
}

impl FileInfo {
    fn new(metadata: Metadata) -> Self {
        let names = |bits: u32| {
            ATTRIBUTE_NAMES
                .iter()
                .filter(|(bit, _)| bits & bit != 0)
                .map(|(_, name)| *name)
                .collect()
        };
        Self {
            name: metadata.name,
            short_name: metadata.short_name,
            is_dir: metadata.is_dir,
            size_bytes: metadata.size_bytes,
            attributes: metadata.attributes.map(names),
            times: metadata.times,
            mft_record: metadata.mft_record,
            reparse_tag: metadata.reparse_tag.map(|tag| format!("0x{tag:08x}")),
            streams: metadata.streams,
        }
    }
}

/// An entry that could not be read.
#[derive(Debug, Serialize)]
struct BrokenEntry {
    name: String,
    error: String,
}

/// The report of `ls`.
#[derive(Debug, Serialize)]
pub struct ListReport {
    schema_version: &'static str,
    location: String,
    entries: Vec<FileInfo>,
    broken: Vec<BrokenEntry>,
}

impl ListReport {
    /// The entries of a directory.
    pub fn new(locator: &Locator, path: &WinPath, listed: Vec<(String, Result<Metadata>)>) -> Self {
        let mut entries = Vec::new();
        let mut broken = Vec::new();
        for (name, metadata) in listed {
            match metadata {
                Ok(metadata) => entries.push(FileInfo::new(metadata)),
                Err(error) => broken.push(BrokenEntry {
                    name,
                    error: error.chain(),
                }),
            }
        }
        Self {
            schema_version: SCHEMA_VERSION,
            location: place(locator, path),
            entries,
            broken,
        }
    }
}

fn place(locator: &Locator, path: &WinPath) -> String {
    if path.is_root() {
        locator.step("\\").to_string()
    } else {
        locator.step(path).to_string()
    }
}

/// The list for people.
pub fn list_text(report: &ListReport, style: &Style) -> String {
    let mut grid = Grid::new(style, &["modified", "size", "attributes", "name"]);
    for entry in &report.entries {
        let modified = entry
            .times
            .si_modified
            .and_then(crate::base::filetime::FileTime::to_rfc3339);
        grid.row(&[
            modified.unwrap_or_else(|| "-".to_owned()),
            if entry.is_dir {
                "<dir>".to_owned()
            } else {
                entry.size_bytes.to_string()
            },
            entry
                .attributes
                .as_ref()
                .map_or_else(|| "-".to_owned(), |names| names.join(" ")),
            entry.name.clone(),
        ]);
    }
    let mut text = grid.render();
    let mut block = Block::new(style, 0, 10);
    for entry in &report.broken {
        block.row("unreadable", &format!("{}: {}", entry.name, entry.error));
    }
    if !report.broken.is_empty() {
        text.push_str(&block.render(0));
    }
    text
}

/// The report of `stat`.
#[derive(Debug, Serialize)]
pub struct FileReport {
    schema_version: &'static str,
    location: String,
    file: FileInfo,
    security: Security,
}

/// Owner and access list of a file, as the descriptor says, or why it is not shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Security {
    /// The descriptor in words.
    Descriptor {
        /// SID of the owner.
        owner: Option<String>,
        /// One line an entry of the access list; `None` where there is no list and everyone has every right.
        access_list: Option<Vec<String>>,
    },
    /// Why there is none to show.
    Unknown(String),
}

impl Security {
    fn of(descriptor: &SecurityDescriptor) -> Self {
        let access_list = match &descriptor.dacl {
            Dacl::Null => None,
            Dacl::Entries(entries) => Some(entries.iter().map(entry_line).collect()),
        };
        Self::Descriptor {
            owner: descriptor.owner.as_ref().map(ToString::to_string),
            access_list,
        }
    }
}

fn entry_line(ace: &Ace) -> String {
    let kind = match ace.kind {
        AceKind::Allow => "allow",
        AceKind::Deny => "deny",
        AceKind::Other(kind) => return format!("an entry of type {kind}, not judged"),
    };
    let sid = ace
        .sid
        .as_ref()
        .map_or_else(|| "nobody".to_owned(), ToString::to_string);
    format!("{kind} {sid} 0x{:08x} flags 0x{:02x}", ace.mask, ace.flags)
}

impl FileReport {
    /// The report on one file.
    pub fn new(
        locator: &Locator,
        path: &WinPath,
        metadata: Metadata,
        descriptor: Result<Option<Vec<u8>>>,
    ) -> Self {
        let parsed = descriptor.and_then(|bytes| {
            bytes
                .map(|bytes| SecurityDescriptor::parse(&bytes))
                .transpose()
        });
        let security = match parsed {
            Ok(Some(descriptor)) => Security::of(&descriptor),
            Ok(None) => Security::Unknown("not there".to_owned()),
            Err(error) => Security::Unknown(error.chain()),
        };
        Self {
            schema_version: SCHEMA_VERSION,
            location: place(locator, path),
            file: FileInfo::new(metadata),
            security,
        }
    }
}

/// The file for people.
pub fn stat_text(report: &FileReport, style: &Style) -> String {
    let file = &report.file;
    let mut block = Block::new(style, 0, 16);
    block.row("location", &report.location);
    block.row("name", &file.name);
    block.row("short name", file.short_name.as_deref().unwrap_or("-"));
    block.row(
        "size",
        &if file.is_dir {
            "directory".to_owned()
        } else {
            format!("{} bytes", file.size_bytes)
        },
    );
    block.row(
        "attributes",
        &file
            .attributes
            .as_ref()
            .map_or_else(|| "not kept here".to_owned(), |names| names.join(" ")),
    );
    for (label, time) in time_rows(&file.times) {
        block.row(label, &time);
    }
    if let Some(record) = file.mft_record {
        block.row("MFT record", &record.to_string());
    }
    if let Some(tag) = &file.reparse_tag {
        block.row("reparse tag", tag);
    }
    if !file.streams.is_empty() {
        block.row("streams", &file.streams.join(", "));
    }
    match &report.security {
        Security::Descriptor { owner, access_list } => {
            block.row("owner", owner.as_deref().unwrap_or("none"));
            let lines = access_list.as_ref().map_or_else(
                || "none: everyone has every right".to_owned(),
                |list| list.join("\n"),
            );
            block.row("access list", &lines);
        }
        Security::Unknown(reason) => block.row("security", &format!("unknown: {reason}")),
    }
    block.render(0)
}

/// The eight times with their names; a time that is not given is said to be.
pub(crate) fn time_rows(times: &FileTimes) -> [(&'static str, String); 8] {
    let show = |time: Option<crate::base::filetime::FileTime>| match time {
        Some(time) => time.to_string(),
        None => "not given".to_owned(),
    };
    [
        ("SI created", show(times.si_created)),
        ("SI modified", show(times.si_modified)),
        ("SI MFT changed", show(times.si_mft_changed)),
        ("SI accessed", show(times.si_accessed)),
        ("FN created", show(times.fn_created)),
        ("FN modified", show(times.fn_modified)),
        ("FN MFT changed", show(times.fn_mft_changed)),
        ("FN accessed", show(times.fn_accessed)),
    ]
}
