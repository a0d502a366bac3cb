//! Where each loose artefact belongs in a Windows installation.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::limits::Limits;
use crate::base::win_path::WinPath;
use crate::error::{Error, ErrorKind, Result};
use crate::image::device::ReadCounter;
use crate::image::filesystem::FileSystem;
use crate::image::filesystem::host_dir::HostDir;
use crate::image::filesystem::loose_files::Base;
use crate::image::host::path_text;
use crate::image::source::LooseArtifacts;

/// The endings of the transaction logs of a hive.
const LOG_ENDINGS: [&str; 3] = ["LOG", "LOG1", "LOG2"];
/// How much of a file is looked at to tell what it is.
const HEAD_LEN: usize = 4096;
/// The name of the value that names the folder of program data in ProfileList, from Vista on.
const PROGRAM_DATA: &[u8] = b"ProgramData";

/// Artefacts on their way to their places.
#[derive(Debug)]
pub(super) struct Collected {
    limits: Limits,
    counter: Arc<ReadCounter>,
    /// The files.
    pub(super) files: Vec<CollectedFile>,
    /// The folder of machine keys, and its path as it was named.
    pub(super) key_folder: Option<(HostDir, PathBuf)>,
}

/// A file, or a log that was looked for and is not there.
#[derive(Debug)]
pub(super) struct CollectedFile {
    /// Its place below the Windows folder.
    pub(super) tail: String,
    /// Where it is on the host.
    pub(super) file: Option<(Arc<HostDir>, WinPath)>,
    /// Its path as evidence shows it.
    pub(super) shown_as: String,
}

impl Collected {
    pub(super) fn new(limits: Limits, counter: Arc<ReadCounter>) -> Self {
        Self {
            limits,
            counter,
            files: Vec::new(),
            key_folder: None,
        }
    }

    /// Takes all artefacts that were named, which stand in for those of `base`.
    pub(super) fn add_options(
        &mut self,
        artifacts: &LooseArtifacts,
        base: Option<&Base>,
    ) -> Result<()> {
        let hives = [
            ("SYSTEM", &artifacts.system),
            ("SOFTWARE", &artifacts.software),
            ("SECURITY", &artifacts.security),
            ("SAM", &artifacts.sam),
            ("DEFAULT", &artifacts.default_hive),
        ];
        for (name, path) in hives {
            if let Some(path) = path {
                self.add_hive(name, path)?;
            }
        }
        if let Some(path) = &artifacts.metabase {
            let (directory, name) = self.open(path)?;
            let head = directory.read_head(&name, HEAD_LEN)?.unwrap_or_default();
            for place in metabase_places(&head, base)? {
                self.add(place.to_owned(), Arc::clone(&directory), name.clone(), path);
            }
        }
        if let Some(path) = &artifacts.minioc {
            let (directory, name) = self.open(path)?;
            self.add("inf\\minioc.inf".to_owned(), directory, name, path);
        }
        for path in &artifacts.event_logs {
            let (directory, name) = self.open(path)?;
            let head = directory.read_head(&name, HEAD_LEN)?.unwrap_or_default();
            let folder = if head.starts_with(b"ElfFile") {
                "system32\\winevt\\Logs"
            } else {
                "system32\\config"
            };
            let mut tail = format!("{folder}\\{}", name.file_name().unwrap_or(""));
            // Logs of the same name from several folders are several logs.
            let mut copy = 1_u32;
            while self
                .files
                .iter()
                .any(|known| known.tail.eq_ignore_ascii_case(&tail))
            {
                copy = copy.saturating_add(1);
                tail = format!("{folder}\\{copy}\\{}", name.file_name().unwrap_or(""));
            }
            self.add(tail, directory, name, path);
        }
        if let Some(path) = &artifacts.machine_keys {
            let directory = HostDir::open(path, &self.limits, Arc::clone(&self.counter))?;
            self.key_folder = Some((directory, path.clone()));
        }
        Ok(())
    }

    fn add_hive(&mut self, hive: &str, path: &Path) -> Result<()> {
        let (directory, name) = self.open(path)?;
        let file_name = name.file_name().unwrap_or("").to_owned();
        let tail = format!("system32\\config\\{hive}");
        for ending in LOG_ENDINGS {
            let log = WinPath::root().child(&format!("{file_name}.{ending}"));
            let is_there = directory.metadata(&log)?.is_some_and(|found| !found.is_dir);
            let shown = path.with_file_name(format!("{file_name}.{ending}"));
            self.files.push(CollectedFile {
                tail: format!("{tail}.{ending}"),
                file: is_there.then(|| (Arc::clone(&directory), log)),
                shown_as: path_text(&shown),
            });
        }
        self.add(tail, directory, name, path);
        Ok(())
    }

    fn add(&mut self, tail: String, directory: Arc<HostDir>, name: WinPath, path: &Path) {
        self.files.push(CollectedFile {
            tail,
            file: Some((directory, name)),
            shown_as: path_text(path),
        });
    }

    /// The folder of the file at `path`, and the name in it.
    fn open(&self, path: &Path) -> Result<(Arc<HostDir>, WinPath)> {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(Error::unsupported(format!(
                "{}: the name of a loose file has to be UTF-8",
                path_text(path)
            )));
        };
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let directory = HostDir::open(folder, &self.limits, Arc::clone(&self.counter))?;
        let name = WinPath::root().child(name);
        match directory.metadata(&name)? {
            Some(found) if !found.is_dir => Ok((Arc::new(directory), name)),
            _ => Err(Error::new(
                ErrorKind::NotFound,
                format!("{}: there is no such file", path_text(path)),
            )),
        }
    }

    /// Whether SOFTWARE has a value `ProgramData`, asked only where a folder of machine keys waits for its place; `None`
    /// where SOFTWARE was not given or is too large to look at.
    pub(super) fn software_names_program_data(&self) -> Result<Option<bool>> {
        if self.key_folder.is_none() {
            return Ok(None);
        }
        let software = self
            .files
            .iter()
            .find(|file| file.tail == "system32\\config\\SOFTWARE");
        let Some((directory, name)) = software.and_then(|file| file.file.as_ref()) else {
            return Ok(None);
        };
        let bytes = match directory.read(name, self.limits.hive_bytes_max) {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::LimitExceeded => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(
            bytes
                .windows(PROGRAM_DATA.len())
                .any(|window| window == PROGRAM_DATA),
        ))
    }
}

/// The places of a metabase: IIS 6, IIS 7 and later, IIS 4 to 5.1.
const XML: &str = "system32\\inetsrv\\MetaBase.xml";
const CONFIG: &str = "system32\\inetsrv\\config\\applicationHost.config";
const BINARY: &str = "system32\\inetsrv\\MetaBase.bin";

/// Where the file is shown. One whose content tells what it is and that the image has too stands in for that; any other, a
/// damaged one above all, stands in for whatever the image has, so that it is what is judged.
fn metabase_places(head: &[u8], base: Option<&Base>) -> Result<Vec<&'static str>> {
    let by_content = metabase_place(head);
    let mut places = vec![by_content];
    let Some(base) = base else {
        return Ok(places);
    };
    let is_there = |place: &str| -> Result<bool> {
        let path = base.system_root.join(place);
        Ok(base.filesystem.metadata(&path)?.is_some())
    };
    if by_content != BINARY && is_there(by_content)? {
        return Ok(places);
    }
    for place in [XML, CONFIG, BINARY] {
        if place != by_content && is_there(place)? {
            places.push(place);
        }
    }
    Ok(places)
}

/// Which metabase the file is, by its content.
fn metabase_place(head: &[u8]) -> &'static str {
    let is_xml = head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
        || head.starts_with(b"\xef\xbb\xbf")
        || head.starts_with(b"\xff\xfe<");
    let names_configuration = head
        .windows(14)
        .any(|window| window.eq_ignore_ascii_case(b"<configuration"));
    match (is_xml, names_configuration) {
        (true, true) if !head.windows(7).any(|window| window == b"<MBProp") => CONFIG,
        (true, _) => XML,
        (false, _) => BINARY,
    }
}
