//! What a collector asks: hives, keys, values and files of one installation, each answer with its evidence.

use std::cell::OnceCell;

use sha2::{Digest, Sha256};

use crate::artifact::registry::{Hive, HiveLog, Key, KeyValue};
use crate::base::bytes;
use crate::base::limits::Limits;
use crate::base::win_path::WinPath;
use crate::evidence::{Evidence, Fact, HiveState, Locator, Unknown, Value};
use crate::facts::identities::{IdentityPlace, table};
use crate::image::Installation;
use crate::image::filesystem::Metadata;

/// A hive of the installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HiveName {
    /// `system32\config\SYSTEM`.
    System,
    /// `system32\config\SOFTWARE`.
    Software,
    /// `system32\config\SECURITY`.
    Security,
    /// `system32\config\SAM`.
    Sam,
    /// `system32\config\DEFAULT`.
    Default,
}

impl HiveName {
    /// All hives, in the order in which they are read.
    pub const ALL: [Self; 5] = [
        Self::System,
        Self::Software,
        Self::Security,
        Self::Sam,
        Self::Default,
    ];

    /// The name of the hive's file.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::System => "SYSTEM",
            Self::Software => "SOFTWARE",
            Self::Security => "SECURITY",
            Self::Sam => "SAM",
            Self::Default => "DEFAULT",
        }
    }
}

/// A hive that was opened, and where it lies.
#[derive(Debug)]
pub struct OpenedHive {
    /// The hive.
    pub hive: Hive,
    /// The place of its file.
    pub locator: Locator,
    /// Its MFT record, on NTFS.
    pub mft_record: Option<u64>,
}

/// One installation as the collectors see it; hives are opened once, when first asked for.
#[derive(Debug)]
pub struct Context<'i> {
    /// The installation.
    pub installation: &'i Installation,
    /// The limits of this run.
    pub limits: Limits,
    hives: [OnceCell<Result<OpenedHive, Unknown>>; HiveName::ALL.len()],
    control_set: OnceCell<Result<(String, Evidence), Unknown>>,
    proves_keys: bool,
    identities: Vec<IdentityPlace>,
}

/// A key that was found, with its evidence.
#[derive(Debug)]
pub struct FoundKey<'c> {
    /// The key.
    pub key: Key<'c>,
    /// The place of the key.
    pub evidence: Evidence,
}

/// A value that was found, with its evidence.
#[derive(Debug, Clone)]
pub struct FoundValue {
    /// The value.
    pub value: KeyValue,
    /// The place of the value.
    pub evidence: Evidence,
}

/// A value that was found and understood, with its evidence.
#[derive(Debug, Clone)]
pub struct Typed<T> {
    /// What the value says.
    pub value: T,
    /// The place of the value.
    pub evidence: Evidence,
}

impl<'i> Context<'i> {
    /// A context for one installation.
    pub fn new(installation: &'i Installation, limits: Limits) -> Self {
        Self {
            installation,
            limits,
            hives: Default::default(),
            control_set: OnceCell::new(),
            proves_keys: false,
            identities: table::built_in(),
        }
    }

    /// The same context, with leave to open private keys.
    #[must_use]
    pub fn proving_keys(mut self) -> Self {
        self.proves_keys = true;
        self
    }

    /// The same context, with further rows for the table of identities.
    #[must_use]
    pub fn with_identities(mut self, further: &[IdentityPlace]) -> Self {
        self.identities.extend_from_slice(further);
        self
    }

    /// The table of identities: the rows of the program, then those of an organisation.
    pub fn identities(&self) -> &[IdentityPlace] {
        &self.identities
    }

    /// Whether private keys may be opened.
    pub fn proves_keys(&self) -> bool {
        self.proves_keys
    }

    /// What was noticed while opening the hives: a dirty hive, a log that did not fit.
    pub fn notes(&self) -> Vec<String> {
        let opened = self
            .hives
            .iter()
            .filter_map(|cell| cell.get()?.as_ref().ok());
        opened
            .flat_map(|opened| {
                opened
                    .hive
                    .notes()
                    .iter()
                    .map(|note| format!("{}: {note}", opened.locator))
            })
            .collect()
    }

    /// SHA-256 over all hives of the machine: with their logs applied where they were opened, else the bytes of their files.
    /// Every start of Windows changes them, so that two installations with one digest are copies that were not started.
    /// `None` where a hive is there and its bytes cannot be had, and where neither SYSTEM nor SOFTWARE is there.
    pub fn registry_digest(&self) -> Option<String> {
        let mut digest = Sha256::new();
        let mut is_known = false;
        for (name, cell) in HiveName::ALL.iter().zip(&self.hives) {
            let raw;
            let (state, bytes): (u8, &[u8]) = match cell.get() {
                Some(Ok(opened)) => (2, opened.hive.bytes()),
                _ => match self.hive_file(*name) {
                    Ok(Some(bytes)) => {
                        raw = bytes;
                        (1, &raw)
                    }
                    Ok(None) => (0, &[]),
                    Err(_) => return None,
                },
            };
            digest.update([state]);
            digest.update(bytes.len().to_le_bytes());
            digest.update(bytes);
            is_known |= state > 0 && matches!(name, HiveName::System | HiveName::Software);
        }
        is_known.then(|| bytes::hex(&digest.finalize()))
    }

    /// The bytes of a hive's file; `None` where there is none, or none was given.
    fn hive_file(&self, name: HiveName) -> crate::error::Result<Option<Vec<u8>>> {
        let path = self.hive_path(name);
        let limit = self.limits.hive_bytes_max;
        match self.installation.filesystem.read(&path, limit) {
            Err(error) if error.kind() == crate::error::ErrorKind::NotFound => Ok(None),
            result => result,
        }
    }

    // ---- hives -----------------------------------------------------------------------------------------------------

    /// The hive, opened with its logs on first use.
    pub fn hive(&self, name: HiveName) -> Result<&OpenedHive, Unknown> {
        let index = HiveName::ALL
            .iter()
            .position(|candidate| *candidate == name)
            .unwrap_or(0);
        let Some(cell) = self.hives.get(index) else {
            return Err(self.no_such_hive(name));
        };
        cell.get_or_init(|| self.open_hive(&self.hive_path(name)))
            .as_ref()
            .map_err(Clone::clone)
    }

    fn no_such_hive(&self, name: HiveName) -> Unknown {
        Unknown::new(
            crate::evidence::UnknownReason::NotProvided,
            format!("{} is not a hive of an installation", name.file_name()),
            self.installation.locator.clone(),
        )
    }

    fn hive_path(&self, name: HiveName) -> WinPath {
        self.installation
            .windows("system32\\config")
            .child(name.file_name())
    }

    /// Opens the hive at `path` with the logs beside it (`NAME.LOG`, `.LOG1`, `.LOG2`). Also for NTUSER.DAT and CLUSDB.
    pub fn open_hive(&self, path: &WinPath) -> Result<OpenedHive, Unknown> {
        let locator = self.installation.place(path);
        let metadata = self.metadata(path)?.ok_or_else(|| {
            Unknown::new(
                crate::evidence::UnknownReason::NotProvided,
                "the hive file is not there",
                locator.clone(),
            )
        })?;
        let fail = |error: &crate::error::Error| Unknown::from_error(error, locator.clone());
        let bytes = self
            .installation
            .filesystem
            .read(path, self.limits.hive_bytes_max)
            .map_err(|error| fail(&error))?
            .ok_or_else(|| {
                Unknown::new(
                    crate::evidence::UnknownReason::NotProvided,
                    "the hive file is not there",
                    locator.clone(),
                )
            })?;
        let logs = self.read_logs(path, &bytes);
        let hive = Hive::parse(bytes, &logs, &self.limits).map_err(|error| fail(&error))?;
        Ok(OpenedHive {
            hive,
            locator,
            mft_record: metadata.mft_record,
        })
    }

    /// The logs beside a hive; only a hive that needs them has them read.
    fn read_logs(&self, path: &WinPath, primary: &[u8]) -> Vec<HiveLog> {
        if !Hive::needs_logs(primary) {
            return Vec::new();
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Vec::new();
        };
        let mut logs = Vec::new();
        for suffix in ["LOG", "LOG1", "LOG2"] {
            let log = folder.child(&format!("{name}.{suffix}"));
            let name = log.file_name().unwrap_or("");
            match self
                .installation
                .filesystem
                .read(&log, self.limits.hive_log_bytes_max)
            {
                Ok(Some(bytes)) => logs.push(HiveLog::new(name, bytes)),
                Ok(None) => {}
                // A log that is there and cannot be read leaves the hive dirty, and the hive's notes say so.
                Err(error) => logs.push(HiveLog::unreadable(name, error.chain())),
            }
        }
        logs
    }

    /// The current control set (`ControlSet001`), from `SYSTEM\Select`.
    pub fn control_set(&self) -> Result<&str, Unknown> {
        self.control_set_found().map(|(set, _)| set)
    }

    /// The current control set and the value of `SYSTEM\Select` that names it: `Current`, or where that is absent, 0 or
    /// names a set that is not there, `Default`, then `LastKnownGood`. A value of another type is corrupt.
    pub fn control_set_found(&self) -> Result<(&str, &Evidence), Unknown> {
        let set = self.control_set.get_or_init(|| {
            for name in ["Current", "Default", "LastKnownGood"] {
                let Some(found) = self.number(HiveName::System, "Select", name)? else {
                    continue;
                };
                let set = format!("ControlSet{:03}", found.value);
                if found.value != 0 && self.key(HiveName::System, &set)?.is_some() {
                    return Ok((set, found.evidence));
                }
            }
            Err(Unknown::new(
                crate::evidence::UnknownReason::Corrupt,
                "SYSTEM\\Select names no control set that exists",
                self.place(HiveName::System, "Select", None),
            ))
        });
        set.as_ref()
            .map(|(set, evidence)| (set.as_str(), evidence))
            .map_err(Clone::clone)
    }

    /// `ControlSetNNN\tail` of the current control set.
    pub fn in_control_set(&self, tail: &str) -> Result<String, Unknown> {
        Ok(format!("{}\\{tail}", self.control_set()?))
    }

    // ---- keys and values -------------------------------------------------------------------------------------------

    /// The place of a key or of one of its values, whether it is there or not.
    pub fn place(&self, hive: HiveName, key: &str, value: Option<&str>) -> Locator {
        let file = self.installation.place(&self.hive_path(hive));
        match value {
            Some(value) => file.step(format_args!(
                "{key}!{}",
                if value.is_empty() { "(Default)" } else { value }
            )),
            None => file.step(key),
        }
    }

    /// The key at `path`, or `None` if it is not there.
    pub fn key(&self, hive: HiveName, path: &str) -> Result<Option<FoundKey<'_>>, Unknown> {
        let opened = self.hive(hive)?;
        let locator = opened.locator.step(path);
        let key = opened
            .hive
            .key(path)
            .map_err(|error| Unknown::from_error(&error, locator.clone()))?;
        Ok(key.map(|key| {
            let evidence = self.evidence_in(opened, locator, &key, None);
            FoundKey { key, evidence }
        }))
    }

    /// The value `name` of the key at `path`, or `None` if the key or the value is not there.
    pub fn value(
        &self,
        hive: HiveName,
        path: &str,
        name: &str,
    ) -> Result<Option<FoundValue>, Unknown> {
        let opened = self.hive(hive)?;
        let locator = self.place(hive, path, Some(name));
        let fail = |error: crate::error::Error| Unknown::from_error(&error, locator.clone());
        let Some(key) = opened.hive.key(path).map_err(fail)? else {
            return Ok(None);
        };
        let Some(value) = key.value(name).map_err(fail)? else {
            return Ok(None);
        };
        let evidence = self.evidence_in(opened, locator, &key, Some(&value));
        Ok(Some(FoundValue { value, evidence }))
    }

    /// Evidence for a key of an opened hive, or for one of its values.
    pub fn evidence_in(
        &self,
        opened: &OpenedHive,
        locator: Locator,
        key: &Key<'_>,
        value: Option<&KeyValue>,
    ) -> Evidence {
        let state = opened.hive.state();
        let offset = value.map_or_else(|| key.offset(), |value| value.offset);
        let from_log = match value {
            Some(value) => value.from_log,
            None => key
                .offset()
                .is_some_and(|offset| opened.hive.is_from_log(offset)),
        };
        let mut evidence = Evidence::at(locator);
        evidence.offset = offset;
        evidence.key_written = key.written();
        evidence.hive_state = Some(state);
        evidence.from_log = Some(state == HiveState::Replayed && from_log);
        evidence.mft_record = opened.mft_record;
        evidence
    }

    /// The value `name` of the key at `path` as `read` understands it, or `None` if the key or the value is not there.
    ///
    /// `read` answers `None` for a value of the wrong type or form; that is a corrupt value and not an absent one.
    pub fn typed<T>(
        &self,
        hive: HiveName,
        path: &str,
        name: &str,
        read: impl FnOnce(&KeyValue) -> Option<T>,
    ) -> Result<Option<Typed<T>>, Unknown> {
        let Some(found) = self.value(hive, path, name)? else {
            return Ok(None);
        };
        match read(&found.value) {
            Some(value) => Ok(Some(Typed {
                value,
                evidence: found.evidence,
            })),
            None => Err(not_understood(found)),
        }
    }

    /// A REG_SZ or REG_EXPAND_SZ.
    pub fn text(
        &self,
        hive: HiveName,
        path: &str,
        name: &str,
    ) -> Result<Option<Typed<String>>, Unknown> {
        self.typed(hive, path, name, KeyValue::string)
    }

    /// A REG_MULTI_SZ (or the one string of a REG_SZ), without empty strings.
    pub fn texts(
        &self,
        hive: HiveName,
        path: &str,
        name: &str,
    ) -> Result<Option<Typed<Vec<String>>>, Unknown> {
        self.typed(hive, path, name, |value| {
            let mut list = value.strings()?;
            list.retain(|text| !text.is_empty());
            Some(list)
        })
    }

    /// A REG_DWORD.
    pub fn number(
        &self,
        hive: HiveName,
        path: &str,
        name: &str,
    ) -> Result<Option<Typed<u32>>, Unknown> {
        self.typed(hive, path, name, KeyValue::dword)
    }

    /// The evidence that a key or value is absent from a readable hive.
    pub fn absent_evidence(&self, hive: HiveName, key: &str, value: Option<&str>) -> Evidence {
        let locator = self.place(hive, key, value);
        let mut evidence = Evidence::at(locator.clone()).searched(vec![locator.to_string()]);
        if let Ok(opened) = self.hive(hive) {
            evidence.hive_state = Some(opened.hive.state());
        }
        evidence
    }

    /// The fact that a key or value is absent from a readable hive.
    pub fn absent(&self, hive: HiveName, key: &str, value: Option<&str>) -> Fact {
        Fact::Absent(self.absent_evidence(hive, key, value))
    }

    /// The fact of one registry value: found if `read` understands it, absent, or unknown.
    ///
    /// `read` answers `None` for a value of the wrong type or form; that is a corrupt value and not an absent one.
    pub fn value_fact(
        &self,
        hive: HiveName,
        path: &str,
        name: &str,
        read: impl FnOnce(&KeyValue) -> Option<Value>,
    ) -> Fact {
        match self.typed(hive, path, name, read) {
            Err(unknown) => Fact::Unknown(unknown),
            Ok(None) => self.absent(hive, path, Some(name)),
            Ok(Some(found)) => Fact::found(found.value, found.evidence),
        }
    }

    /// The fact whether a key exists.
    pub fn key_exists_fact(&self, hive: HiveName, path: &str) -> Fact {
        match self.key(hive, path) {
            Err(unknown) => Fact::Unknown(unknown),
            Ok(Some(found)) => Fact::found(true, found.evidence),
            Ok(None) => Fact::found(false, self.absent_evidence(hive, path, None)),
        }
    }

    // ---- files -----------------------------------------------------------------------------------------------------

    /// The metadata of a file or directory, `None` if it is not there.
    pub fn metadata(&self, path: &WinPath) -> Result<Option<Metadata>, Unknown> {
        self.installation
            .filesystem
            .metadata(path)
            .map_err(|error| Unknown::from_error(&error, self.installation.place(path)))
    }

    /// The content of a file, `None` if it is not there.
    pub fn read(&self, path: &WinPath) -> Result<Option<Vec<u8>>, Unknown> {
        self.installation
            .filesystem
            .read(path, self.limits.artifact_bytes_max)
            .map_err(|error| Unknown::from_error(&error, self.installation.place(path)))
    }

    /// Evidence for a file.
    pub fn file_evidence(&self, path: &WinPath, metadata: Option<&Metadata>) -> Evidence {
        let mut evidence = Evidence::at(self.installation.place(path));
        evidence.mft_record = metadata.and_then(|metadata| metadata.mft_record);
        evidence
    }
}

/// The unknown of a value whose type or form is not the one expected at its place.
fn not_understood(found: FoundValue) -> Unknown {
    Unknown {
        reason: crate::evidence::UnknownReason::Corrupt,
        detail: format!(
            "value of type {} and {} bytes has not the form expected here",
            found.value.kind,
            found.value.data.len()
        ),
        evidence: found.evidence,
    }
}

#[cfg(test)]
mod registry_digest_tests {
    use crate::facts::HiveName;
    use crate::facts::test_hive::TestHive;
    use crate::facts::test_image::TestImage;

    const CONFIG: &str = "WINDOWS\\system32\\config";

    /// The digest, SYSTEM and SAM having been asked for.
    fn digest(image: TestImage) -> Option<String> {
        let mut digest = None;
        image.with(|context, _| {
            assert!(context.hive(HiveName::System).is_ok() || context.hive(HiveName::Sam).is_err());
            digest = context.registry_digest();
        });
        digest
    }

    fn image(sam: &[u8]) -> TestImage {
        let system = TestHive::new().number("Select", "Current", 1).bytes();
        TestImage::new("5.1", "none")
            .file(&format!("{CONFIG}\\SYSTEM"), system)
            .file(&format!("{CONFIG}\\SAM"), sam)
    }

    #[test]
    fn hives_that_cannot_be_parsed_count_by_their_bytes() {
        let zeroes = digest(image(&[0; 8192]));
        assert!(zeroes.is_some());
        assert_eq!(zeroes, digest(image(&[0; 8192])));
        assert_ne!(zeroes, digest(image(&[7; 8192])));
    }

    #[test]
    fn a_hive_whose_bytes_cannot_be_had_leaves_no_digest() {
        let image = image(&[]).broken(&format!("{CONFIG}\\SECURITY"));
        assert_eq!(digest(image), None);
    }

    #[test]
    fn without_system_and_software_there_is_no_digest() {
        let sam = TestImage::new("5.1", "none").file(&format!("{CONFIG}\\SAM"), [1]);
        assert_eq!(digest(sam), None);
    }
}
