//! Where a fact was read: the chain of layers from the host file down to the value, and what is known of that place.

use std::fmt;

use serde::Serialize;

use crate::base::filetime::FileTime;
use crate::base::redact;

/// A chain of steps from what the user named to the place that was read; shown joined by ` > `.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Locator {
    steps: Vec<String>,
}

impl Locator {
    /// A chain that begins at `source`, as the user typed it.
    pub fn new(source: impl Into<String>) -> Self {
        Self {
            steps: vec![source.into()],
        }
    }

    /// This chain with one more step.
    #[must_use]
    pub fn step(&self, step: impl fmt::Display) -> Self {
        let mut longer = self.clone();
        longer.steps.push(step.to_string());
        longer
    }

    /// The steps, outermost first.
    pub fn steps(&self) -> &[String] {
        &self.steps
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.steps.join(" > "))
    }
}

impl Serialize for Locator {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Whether a hive was consistent, was made so from its logs, or was read as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HiveState {
    /// The hive needs no log.
    Clean,
    /// The hive was dirty and its transaction logs were applied in memory.
    Replayed,
    /// The hive is dirty and its logs are missing or do not fit: what it says may be stale.
    Dirty,
}

/// One place that was read, with all that the place itself tells about the reading.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// The chain of layers down to the value.
    #[serde(rename = "location")]
    pub locator: Locator,
    /// Byte offset of the value in its file (a hive, an INF, a key file), if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Line in a text file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Last-written time of the registry key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_written: Option<FileTime>,
    /// State of the registry hive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hive_state: Option<HiveState>,
    /// Whether the bytes of the value came from a transaction log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_log: Option<bool>,
    /// MFT record of the file, on NTFS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mft_record: Option<u64>,
    /// The value as it stands there, where the fact's value is a reading of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// All places that were looked into, for something that is absent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub searched: Vec<String>,
}

impl Evidence {
    /// Evidence that names a place and nothing more.
    pub fn at(locator: Locator) -> Self {
        Self {
            locator,
            offset: None,
            line: None,
            key_written: None,
            hive_state: None,
            from_log: None,
            mft_record: None,
            raw: None,
            searched: Vec::new(),
        }
    }

    /// The same with the places that were looked into.
    #[must_use]
    pub fn searched(mut self, places: Vec<String>) -> Self {
        self.searched = places;
        self
    }

    /// The same with the text that stands at the place, without the secrets in it.
    #[must_use]
    pub fn raw(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        self.raw = Some(redact::secrets(&text).into_owned());
        self
    }
}
