//! A registry hive in memory, recovered from its transaction logs where that is needed and possible.
//!
//! Specification: "Windows registry file format specification", "Format of primary files" and "Dirty state of a hive".

use std::ops::Range;

use crate::artifact::registry::base_block::{BASE_BLOCK_BYTES, BaseBlock};
use crate::artifact::registry::log::{self, Recovery};
use crate::artifact::registry::walk::DEPTH_MAX;
use crate::artifact::registry::{Key, Walk};
use crate::base::contain::contain;
use crate::base::limits::Limits;
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::HiveState;

/// A hive holds its base block and at least one hive bin.
const HIVE_BYTES_MIN: usize = 2 * BASE_BLOCK_BYTES;

/// A transaction log beside a hive, in the order `.LOG`, `.LOG1`, `.LOG2`.
#[derive(Debug, Clone)]
pub struct HiveLog {
    /// The name of the log file, for messages.
    pub name: String,
    /// Its bytes, or why they could not be read: a log that is there and cannot be read is not a log that is not there.
    pub bytes: std::result::Result<Vec<u8>, String>,
}

impl HiveLog {
    /// A log that was read.
    pub fn new(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self {
            name: name.into(),
            bytes: Ok(bytes),
        }
    }

    /// A log that is there and could not be read.
    pub fn unreadable(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            bytes: Err(why.into()),
        }
    }
}

/// The parsed view of the hive's bytes.
pub(crate) type View<'b> = nt_hive::Hive<&'b [u8]>;

self_cell::self_cell!(
    struct Recovered {
        owner: Vec<u8>,
        #[covariant]
        dependent: View,
    }
);

/// A registry hive, consistent or as good as it gets; see [`Hive::state`].
pub struct Hive {
    recovered: Recovered,
    base_block: BaseBlock,
    bins_end: usize,
    state: HiveState,
    notes: Vec<String>,
    log_ranges: Vec<Range<usize>>,
}

impl std::fmt::Debug for Hive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hive")
            .field("bytes", &self.bytes().len())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Hive {
    /// Parses the bytes of a primary file, applying `logs` in memory if the hive is dirty and they belong to it.
    ///
    /// # Errors
    /// What is no hive, or is one too broken to have a root key.
    pub fn parse(mut primary: Vec<u8>, logs: &[HiveLog], limits: &Limits) -> Result<Self> {
        check_len(primary.len(), limits)?;
        let recovery = if Self::needs_logs(&primary) {
            log::recover(&mut primary, logs, limits)
        } else {
            Recovery {
                state: HiveState::Clean,
                notes: Vec::new(),
                ranges: Vec::new(),
            }
        };
        let mut notes = recovery.notes;
        let base_block = BaseBlock::parse(&primary)
            .and_then(|base_block| base_block.check_readable().map(|()| base_block))
            .map_err(|error| with_notes(&error, &notes))?;
        let bins_end = bins_end(&primary, &base_block, &mut notes);
        let recovered = contain("registry hive", || {
            Recovered::try_new(primary, |bytes| {
                View::without_validation(bytes.get(..bins_end).unwrap_or(bytes))
                    .map_err(|error| Error::corrupt(error.to_string()))
            })
        })?;
        let hive = Self {
            recovered,
            base_block,
            bins_end,
            state: recovery.state,
            notes,
            log_ranges: recovery.ranges,
        };
        hive.root().map_err(|error| error.at("root key"))?;
        Ok(hive)
    }

    /// Whether a primary file is dirty and so needs its logs read.
    ///
    /// It is where its sequence numbers differ, where its checksum is wrong, and where its base block is so damaged that
    /// only the copy in a log can tell.
    pub fn needs_logs(primary: &[u8]) -> bool {
        log::is_dirty(primary)
    }

    /// Whether the hive was clean, was recovered from its logs, or is read as it stands.
    pub fn state(&self) -> HiveState {
        self.state
    }

    /// What was noticed while opening: which log was applied, why another was not.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The bytes of the hive, after recovery.
    pub fn bytes(&self) -> &[u8] {
        self.recovered.borrow_owner()
    }

    /// Whether the byte at `offset` came from a transaction log.
    pub fn is_from_log(&self, offset: u64) -> bool {
        usize::try_from(offset)
            .is_ok_and(|offset| self.is_range_from_log(&(offset..offset.saturating_add(1))))
    }

    /// The root key.
    pub fn root(&self) -> Result<Key<'_>> {
        let node = contain("root key", || {
            self.recovered
                .borrow_dependent()
                .root_key_node()
                .map_err(|error| Error::corrupt(error.to_string()))
        });
        Key::root(self, self.base_block.root_cell, node.ok())
    }

    /// The key at a backslash-separated path from the root, without regard to case; `None` if the places on the way were
    /// readable and it is not there.
    pub fn key(&self, path: &str) -> Result<Option<Key<'_>>> {
        let mut key = self.root()?;
        let names = path.split('\\').filter(|name| !name.is_empty());
        for (depth, name) in names.enumerate() {
            if depth >= DEPTH_MAX {
                return Err(Error::new(
                    ErrorKind::LimitExceeded,
                    format!("key path should be at most {DEPTH_MAX} levels deep"),
                ));
            }
            match key.subkey(name)? {
                Some(next) => key = next,
                None => return Ok(None),
            }
        }
        Ok(Some(key))
    }

    /// All keys from the root down, a key before its subkeys.
    pub fn walk(&self) -> Walk<'_> {
        Walk::new(self)
    }

    /// The base block and the hive bins, without what follows them in the file.
    pub(crate) fn bins(&self) -> &[u8] {
        self.bytes().get(..self.bins_end).unwrap_or(self.bytes())
    }

    pub(crate) fn base_block(&self) -> &BaseBlock {
        &self.base_block
    }

    pub(crate) fn is_range_from_log(&self, range: &Range<usize>) -> bool {
        log::overlaps(&self.log_ranges, range)
    }
}

/// The error with what became of each log: a damaged base block may have been recovered from one.
fn with_notes(error: &Error, notes: &[String]) -> Error {
    let logs: Vec<&str> = notes
        .iter()
        .filter(|note| note.contains(" applied: "))
        .map(String::as_str)
        .collect();
    if logs.is_empty() {
        return Error::new(error.kind(), error.to_string());
    }
    Error::new(error.kind(), format!("{error}; {}", logs.join("; ")))
}

fn check_len(len: usize, limits: &Limits) -> Result<()> {
    if u64::try_from(len).is_ok_and(|len| len > limits.hive_bytes_max) {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!(
                "hive of {len} bytes should be at most {} bytes",
                limits.hive_bytes_max
            ),
        ));
    }
    if len < HIVE_BYTES_MIN {
        return Err(Error::new(
            ErrorKind::InvalidFormat,
            format!("hive of {len} bytes should be at least {HIVE_BYTES_MIN} bytes"),
        ));
    }
    Ok(())
}

/// Where the hive bins end; a base block that cannot be trusted or claims more than is there gives the end of the file.
fn bins_end(file: &[u8], base_block: &BaseBlock, notes: &mut Vec<String>) -> usize {
    if !base_block.is_checksum_right() {
        return file.len();
    }
    let claimed = usize::try_from(base_block.bins_bytes).unwrap_or(usize::MAX);
    let end = BASE_BLOCK_BYTES.saturating_add(claimed);
    if end > file.len() {
        notes.push(format!(
            "the hive is truncated: hive bins should be {claimed} bytes, are {}",
            file.len().saturating_sub(BASE_BLOCK_BYTES)
        ));
        return file.len();
    }
    end
}
