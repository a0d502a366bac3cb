//! The journal of a repair: the old and the new bytes of every sector, written and synced before the image is touched.
//!
//! From it the image can always be led back to all-old or all-new. Layout, all integers little-endian:
//!
//! | part | bytes |
//! | --- | --- |
//! | magic | `GSEALJ01` |
//! | record | kind u32, length u32, payload, CRC-32C u32 over all before it in the record |
//! | kind 1, header | JSON: what, of which image, for which change |
//! | kind 2, sector | offset in the file u64, position on the disk u64, length u32, old bytes, new bytes |
//! | kind 3, end | SHA-256 of everything before this record |
//! | padding | zeros up to a multiple of 512 |
//! | state, 512 bytes each | `GSEALST1`, state u32, number u32, zeros, CRC-32C u32 at 508 |
//! | room | zeros, where the first eight states are written without the file becoming longer |
//!
//! The body is written to a temporary name, synced, and renamed, so a journal under its own name is whole. States are only
//! ever appended; one that was torn counts as not written. The journal is readable by its owner only: a short file lies whole
//! inside its MFT record, so the sectors of a record can hold a private key (as a rule they do where records have 4096 bytes).

mod crc32c;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::base::bytes::{self, hex};
use crate::error::{Error, Result};
use crate::repair::directory::Move;
use crate::repair::full_hash::FullHash;
use crate::repair::wanted::{Action, Removal};
use crc32c::crc32c;

/// First bytes of a journal.
pub(crate) const MAGIC: &[u8; 8] = b"GSEALJ01";
/// First bytes of a state.
const STATE_MAGIC: &[u8; 8] = b"GSEALST1";
/// Bytes of a state.
pub(crate) const STATE_BYTES: usize = 512;
/// States for which room is made with the body: an end, and three times there and back.
const STATES_RESERVED: usize = 8;
/// Kind of the header record.
const KIND_HEADER: u32 = 1;
/// Kind of the record of a sector.
const KIND_SECTOR: u32 = 2;
/// Kind of the record that ends the body.
const KIND_END: u32 = 3;
/// Largest journal that is read; a swap makes some 30 KiB.
pub(crate) const JOURNAL_BYTES_MAX: u64 = 64 << 20;
/// Largest sector of a journal.
const SECTOR_BYTES_MAX: usize = 512;
/// Most names of a directory that one journal changes.
const MOVES_MAX: usize = 512;
/// Longest header; one of a thousand renames has some 300 KiB.
const HEADER_BYTES_MAX: usize = 1 << 20;
/// Most layers of an image, and most files of a repair.
const LAYERS_MAX: usize = 64;
const ACTIONS_MAX: usize = 4_096;
/// Most digits of the serial number of a volume.
const IDENTITY_DIGITS_MAX: usize = 16;
/// Version of the header.
const VERSION: u32 = 1;

/// Bytes by which a volume is known, and which no repair changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Where they lie in the file.
    pub file_offset: u64,
    /// The bytes, in hexadecimal.
    pub bytes: String,
}

/// What a journal is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Version of this header.
    pub version: u32,
    /// The program that wrote it.
    pub tool: String,
    /// Tells runs apart.
    pub run_id: String,
    /// Seconds since 1970, UTC.
    pub created: u64,
    /// The image, as an absolute path where that is known.
    pub image: String,
    /// Its length in bytes.
    pub image_bytes: u64,
    /// Its layers: `file`, `vhd:dynamic`, `mbr:1`, `ntfs:3.1`.
    pub layers: Vec<String>,
    /// Where the volume starts on the disk.
    pub volume_start: u64,
    /// Serial number of the NTFS volume.
    pub serial: u64,
    /// The serial number of the volume where it lies in the file; `None` for a directory.
    #[serde(default)]
    pub identity: Option<Identity>,
    /// The files that go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removals: Vec<Removal>,
    /// Where the content of each of them was copied to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backups: Vec<PathBuf>,
    /// The files that get other names.
    pub actions: Vec<Action>,
    /// The names that change in a directory of the host; then there are no sectors.
    #[serde(default)]
    pub moves: Vec<Move>,
    /// SHA-256 of the whole image, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<FullHash>,
    /// SHA-256 over the old bytes of all sectors, in their order.
    pub old_sha256: String,
    /// SHA-256 over the new bytes of all sectors, in their order.
    pub new_sha256: String,
}

impl Header {
    /// The version that this program writes.
    pub const VERSION: u32 = VERSION;
}

/// A sector, or a part of one where the file parts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Offset in the file.
    pub file_offset: u64,
    /// Position on the disk inside the image.
    pub disk_offset: u64,
    /// The old bytes.
    pub before: Vec<u8>,
    /// The new bytes.
    pub after: Vec<u8>,
}

/// How far a repair has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Written, read back and checked.
    Committed,
    /// Being put back.
    Undoing,
    /// Put back.
    RolledBack,
}

impl State {
    fn number(self) -> u32 {
        match self {
            Self::Committed => 1,
            Self::Undoing => 2,
            Self::RolledBack => 3,
        }
    }

    fn from_number(number: u32) -> Option<Self> {
        [Self::Committed, Self::Undoing, Self::RolledBack]
            .into_iter()
            .find(|state| state.number() == number)
    }
}

/// A journal that was read, or is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// What it is about.
    pub header: Header,
    /// The sectors, in the order in which they are written.
    pub entries: Vec<Entry>,
    /// The states so far.
    pub states: Vec<State>,
}

/// SHA-256 over one side of all entries.
pub(crate) fn digest<'e>(parts: impl Iterator<Item = &'e [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hex(&hash.finalize())
}

impl Journal {
    /// The last state; `None` while it was begun and not ended.
    pub fn state(&self) -> Option<State> {
        self.states.last().copied()
    }

    /// The body as it is written, padded so that a state follows at a multiple of 512.
    ///
    /// # Errors
    /// A header that can't be written as JSON, a part above 4 GiB.
    pub(crate) fn body(&self) -> Result<Vec<u8>> {
        let mut body = MAGIC.to_vec();
        let header = serde_json::to_vec(&self.header)
            .map_err(|error| Error::corrupt(format!("journal header: {error}")))?;
        push_record(&mut body, KIND_HEADER, &header)?;
        for entry in &self.entries {
            let mut payload = Vec::new();
            payload.extend(entry.file_offset.to_le_bytes());
            payload.extend(entry.disk_offset.to_le_bytes());
            payload.extend(record_len(entry.after.len())?.to_le_bytes());
            payload.extend(&entry.before);
            payload.extend(&entry.after);
            push_record(&mut body, KIND_SECTOR, &payload)?;
        }
        let sum = Sha256::digest(&body);
        push_record(&mut body, KIND_END, &sum)?;
        body.resize(body.len().next_multiple_of(STATE_BYTES), 0);
        Ok(body)
    }

    /// The body, and behind it the room that its states will need, so that none of them needs space on a disk that is full.
    ///
    /// # Errors
    /// As [`Journal::body`].
    pub(crate) fn body_with_room(&self) -> Result<Vec<u8>> {
        let mut body = self.body()?;
        let room = STATES_RESERVED.saturating_mul(STATE_BYTES);
        body.resize(body.len().saturating_add(room), 0);
        Ok(body)
    }

    /// A state as it is appended, being the one with that number.
    pub(crate) fn state_sector(state: State, number: usize) -> Vec<u8> {
        let mut sector = STATE_MAGIC.to_vec();
        sector.extend(state.number().to_le_bytes());
        sector.extend(u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
        sector.resize(STATE_BYTES.saturating_sub(4), 0);
        sector.extend(crc32c(&sector).to_le_bytes());
        sector
    }

    /// Reads a journal.
    ///
    /// # Errors
    /// Anything in the body that is not as it was written: then nothing it says is used.
    pub fn parse(content: &[u8]) -> Result<Self> {
        let damaged = |what: &str| Error::corrupt(format!("journal: {what}"));
        if content.get(..MAGIC.len()) != Some(MAGIC) {
            return Err(damaged("does not begin as one"));
        }
        let mut offset = MAGIC.len();
        let mut header: Option<Header> = None;
        let mut entries = Vec::new();
        loop {
            let (kind, payload, next) =
                record(content, offset).ok_or_else(|| damaged("a record is damaged or missing"))?;
            match (kind, header.is_some()) {
                (KIND_HEADER, false) if payload.len() <= HEADER_BYTES_MAX => {
                    header = Some(
                        serde_json::from_slice(payload)
                            .map_err(|error| damaged(&format!("header: {error}")))?,
                    );
                }
                (KIND_SECTOR, true) => {
                    entries.push(entry(payload).ok_or_else(|| damaged("a sector is damaged"))?);
                }
                (KIND_END, true) => {
                    let sum = Sha256::digest(content.get(..offset).unwrap_or_default());
                    if payload != sum.as_slice() {
                        return Err(damaged("its digest does not fit"));
                    }
                    offset = next;
                    break;
                }
                _ => return Err(damaged("its records are in a wrong order")),
            }
            offset = next;
        }
        let journal = Self {
            states: states(content, offset.next_multiple_of(STATE_BYTES)),
            header: header.ok_or_else(|| damaged("has no header"))?,
            entries,
        };
        journal.check()?;
        // States go behind the body as it is written, so it has to be as long as the one that was read.
        if journal.body()?.len() != offset.next_multiple_of(STATE_BYTES) {
            return Err(damaged("its header is not as this program writes it"));
        }
        Ok(journal)
    }

    /// Where the next state goes.
    ///
    /// # Errors
    /// As [`Journal::body`].
    pub(crate) fn next_state_offset(&self) -> Result<u64> {
        let states = self.states.len().saturating_mul(STATE_BYTES);
        u64::try_from(self.body()?.len().saturating_add(states))
            .map_err(|_| Error::corrupt("journal: too long"))
    }

    /// The header agrees with the entries, and no two of these overlap.
    fn check(&self) -> Result<()> {
        let damaged = |what: &str| Err(Error::corrupt(format!("journal: {what}")));
        if self.header.version != VERSION {
            return damaged("is of another version of this program");
        }
        let is_plain = |change: &Move| {
            let removed = change.removed.as_ref();
            is_plain(&change.from)
                && is_plain(&change.to)
                && removed
                    .is_none_or(|removed| removed.is_plain() && change.exchanged_with.is_none())
        };
        if self.header.moves.len() > MOVES_MAX || !self.header.moves.iter().all(is_plain) {
            return damaged("its names are too many, or not of files in their own directory");
        }
        let header = &self.header;
        let is_long = header.layers.len() > LAYERS_MAX
            || header.actions.len() > ACTIONS_MAX
            || header.removals.len() > ACTIONS_MAX
            || header.backups.len() > ACTIONS_MAX;
        if is_long {
            return damaged("its header lists more than any repair has");
        }
        let identity = self.header.identity.as_ref();
        if identity.is_some_and(|identity| identity.bytes.len() > IDENTITY_DIGITS_MAX) {
            return damaged("the serial number of its volume is too long");
        }
        if !self.header.moves.is_empty() && !self.entries.is_empty() {
            return damaged("has both sectors of an image and names of a directory");
        }
        let old = digest(self.entries.iter().map(|entry| entry.before.as_slice()));
        let new = digest(self.entries.iter().map(|entry| entry.after.as_slice()));
        if old != self.header.old_sha256 || new != self.header.new_sha256 {
            return damaged("its sectors are not those of its header");
        }
        let mut places: Vec<(u64, usize)> = self
            .entries
            .iter()
            .map(|entry| (entry.file_offset, entry.after.len()))
            .collect();
        places.sort_unstable();
        let mut end = 0;
        for (offset, len) in places {
            let len = u64::try_from(len).unwrap_or(u64::MAX);
            let next = offset.saturating_add(len);
            if offset < end || next > self.header.image_bytes {
                return damaged("its sectors overlap, or leave the image");
            }
            end = next;
        }
        Ok(())
    }
}

/// Whether a name is one component of a path.
fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '\0'])
}

fn record_len(len: usize) -> Result<u32> {
    u32::try_from(len).map_err(|_| Error::corrupt("journal: a part of more than 4 GiB"))
}

fn push_record(body: &mut Vec<u8>, kind: u32, payload: &[u8]) -> Result<()> {
    let start = body.len();
    body.extend(kind.to_le_bytes());
    body.extend(record_len(payload.len())?.to_le_bytes());
    body.extend(payload);
    let sum = crc32c(body.get(start..).unwrap_or_default());
    body.extend(sum.to_le_bytes());
    Ok(())
}

/// The record at `offset`: its kind, its payload, and where the next one begins.
fn record(content: &[u8], offset: usize) -> Option<(u32, &[u8], usize)> {
    let kind = bytes::u32_le(content, offset)?;
    let len = usize::try_from(bytes::u32_le(content, offset.checked_add(4)?)?).ok()?;
    let payload_at = offset.checked_add(8)?;
    let payload = bytes::slice(content, payload_at, len)?;
    let end = payload_at.checked_add(len)?;
    let sum = bytes::u32_le(content, end)?;
    (crc32c(content.get(offset..end)?) == sum).then_some((kind, payload, end.checked_add(4)?))
}

fn entry(payload: &[u8]) -> Option<Entry> {
    let len = usize::try_from(bytes::u32_le(payload, 16)?).ok()?;
    let is_whole = payload.len() == len.checked_mul(2)?.checked_add(20)?;
    if !is_whole || len == 0 || len > SECTOR_BYTES_MAX {
        return None;
    }
    Some(Entry {
        file_offset: bytes::u64_le(payload, 0)?,
        disk_offset: bytes::u64_le(payload, 8)?,
        before: bytes::slice(payload, 20, len)?.to_vec(),
        after: payload.get(len.checked_add(20)?..)?.to_vec(),
    })
}

/// The states from `offset` on; the first that is not whole ends them.
fn states(content: &[u8], offset: usize) -> Vec<State> {
    let mut states = Vec::new();
    let tail = content.get(offset..).unwrap_or_default();
    for sector in tail.chunks_exact(STATE_BYTES) {
        let number = bytes::u32_le(sector, 8).unwrap_or(0);
        let Some(state) = State::from_number(number) else {
            break;
        };
        if sector != Journal::state_sector(state, states.len()) {
            break;
        }
        states.push(state);
    }
    states
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        let entries: Vec<Entry> = (0..3_u8)
            .map(|number| Entry {
                file_offset: u64::from(number) * 1024,
                disk_offset: u64::from(number) * 1024 + 512,
                before: vec![number; 512],
                after: vec![number + 100; 512],
            })
            .collect();
        let header = Header {
            version: VERSION,
            tool: "goldseal 0".to_owned(),
            run_id: "7".to_owned(),
            created: 1,
            image: "golden.vhd".to_owned(),
            image_bytes: 4096,
            layers: vec!["file".to_owned()],
            volume_start: 0,
            serial: 0,
            removals: Vec::new(),
            backups: Vec::new(),
            identity: None,
            actions: Vec::new(),
            moves: Vec::new(),
            full: None,
            old_sha256: digest(entries.iter().map(|entry| entry.before.as_slice())),
            new_sha256: digest(entries.iter().map(|entry| entry.after.as_slice())),
        };
        Journal {
            header,
            entries,
            states: Vec::new(),
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let mut journal = journal();
        let mut content = journal.body().unwrap();
        assert_eq!(Journal::parse(&content).unwrap(), journal);
        for state in [State::Committed, State::Undoing, State::RolledBack] {
            assert_eq!(
                journal.next_state_offset().unwrap(),
                u64::try_from(content.len()).unwrap()
            );
            content.extend(Journal::state_sector(state, journal.states.len()));
            journal.states.push(state);
            assert_eq!(Journal::parse(&content).unwrap(), journal);
        }
    }

    fn moving(from: &str, to: &str) -> Move {
        Move {
            directory: "/tree".into(),
            from: from.to_owned(),
            to: to.to_owned(),
            sha256: String::new(),
            exchanged_with: None,
            removed: None,
        }
    }

    fn of_names(moves: Vec<Move>) -> Journal {
        let mut journal = journal();
        journal.entries.clear();
        journal.header.moves = moves;
        journal.header.old_sha256 = digest(std::iter::empty());
        journal.header.new_sha256 = digest(std::iter::empty());
        journal
    }

    #[test]
    fn a_name_that_leaves_its_directory_is_refused() {
        assert!(Journal::parse(&of_names(vec![moving("a", "b")]).body().unwrap()).is_ok());
        for name in ["../a", "..", "", ".", "/a", "a/b"] {
            for change in [moving(name, "b"), moving("b", name)] {
                let content = of_names(vec![change]).body().unwrap();
                assert!(Journal::parse(&content).is_err(), "{name}");
            }
        }
    }

    #[test]
    fn names_beside_sectors_and_very_many_names_are_refused() {
        let mut both = journal();
        both.header.moves = vec![moving("a", "b")];
        assert!(Journal::parse(&both.body().unwrap()).is_err());
        let many = of_names(vec![moving("a", "b"); MOVES_MAX + 1]);
        assert!(Journal::parse(&many.body().unwrap()).is_err());
    }

    #[test]
    fn a_header_that_is_very_long_or_lists_very_much_is_refused() {
        let mut journal = of_names(Vec::new());
        assert!(Journal::parse(&journal.body().unwrap()).is_ok());
        journal.header.layers = vec![String::new(); LAYERS_MAX + 1];
        assert!(Journal::parse(&journal.body().unwrap()).is_err());
        journal.header.layers.clear();
        journal.header.tool = "x".repeat(HEADER_BYTES_MAX);
        assert!(Journal::parse(&journal.body().unwrap()).is_err());
    }

    #[test]
    fn a_header_of_another_length_than_it_is_written_with_is_refused() {
        let journal = of_names(Vec::new());
        let mut header = serde_json::to_value(&journal.header).unwrap();
        header["of_another_version"] = serde_json::Value::from("x".repeat(600));
        let mut content = MAGIC.to_vec();
        let header = serde_json::to_vec(&header).unwrap();
        push_record(&mut content, KIND_HEADER, &header).unwrap();
        let sum = Sha256::digest(&content);
        push_record(&mut content, KIND_END, &sum).unwrap();
        content.resize(content.len().next_multiple_of(STATE_BYTES), 0);
        assert!(Journal::parse(&content).is_err());
    }

    #[test]
    fn any_changed_byte_of_the_body_is_noticed() {
        let journal = journal();
        let content = journal.body().unwrap();
        for at in 0..content.len() {
            let mut damaged = content.clone();
            damaged[at] ^= 0x10;
            // Padding is not part of what counts.
            if let Ok(read) = Journal::parse(&damaged) {
                assert_eq!(read, journal, "{at}");
            }
        }
        for len in 0..content.len() - STATE_BYTES {
            assert!(Journal::parse(&content[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn a_torn_state_counts_as_not_written() {
        let journal = journal();
        let whole = journal.body().unwrap();
        let state = Journal::state_sector(State::Committed, 0);
        for len in 0..STATE_BYTES {
            let mut content = whole.clone();
            content.extend(&state[..len]);
            content.resize(whole.len() + STATE_BYTES, 0);
            let read = Journal::parse(&content).unwrap();
            let is_whole = content[whole.len()..] == state;
            assert_eq!(read.state().is_some(), is_whole, "{len}");
        }
    }
}
