//! The long names of a FAT directory, with the positions of their characters.
//!
//! A long name stands in entries of 13 UTF-16 units each, the last piece first, right before the entry of the file; each
//! carries a checksum of the 8.3 name. A set that breaks any of these rules is damage: nothing is written into it.
//! Specification: "FAT: General Overview of On-Disk Format" 1.03, section "FAT Long Directory Entries".

use crate::base::bytes;
use crate::image::filesystem::fat::Slot;

/// The attribute byte of a piece of a long name.
const ATTRIBUTE_PIECE: u8 = 0x0f;
/// The bits of the attribute byte that count for that.
const ATTRIBUTE_MASK: u8 = 0x3f;
/// The attribute bit of a volume label.
const ATTRIBUTE_LABEL: u8 = 0x08;
/// The attribute bit of a directory.
const ATTRIBUTE_DIRECTORY: u8 = 0x10;
/// First byte of a free entry.
const FREE: u8 = 0xe5;
/// The bit of the order byte that marks the piece that comes first on the volume and last in the name.
const LAST: u8 = 0x40;
/// Where the units of a piece stand in its entry.
const UNITS_AT: [usize; 13] = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
/// Longest name.
const UNITS_MAX: usize = 255;

/// A file of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    /// The units of its long name and where each stands on the volume; empty where it has an 8.3 name only.
    pub(super) long: Vec<(u64, u16)>,
    /// Its 8.3 name as it is stored, 11 bytes.
    pub(super) short: [u8; 11],
    /// Whether it is a directory.
    pub(super) is_directory: bool,
}

impl File {
    /// The long name as text; units that are no text become U+FFFD.
    pub(super) fn name(&self) -> String {
        let units: Vec<u16> = self.long.iter().map(|(_, unit)| *unit).collect();
        String::from_utf16_lossy(&units)
    }

    /// Whether the long name is exactly this one.
    pub(super) fn is_named(&self, name: &str) -> bool {
        !self.long.is_empty()
            && self
                .long
                .iter()
                .map(|(_, unit)| *unit)
                .eq(name.encode_utf16())
    }

    /// The 8.3 name as text: signs of an OEM code page become U+FFFD.
    pub(super) fn short_name(&self) -> String {
        let part = |bytes: &[u8]| -> String {
            let text: String = bytes
                .iter()
                .map(|byte| match *byte {
                    // A file of a name that begins with the mark of a free entry.
                    0x05 | 0x80.. => char::REPLACEMENT_CHARACTER,
                    byte => char::from(byte),
                })
                .collect();
            text.trim_end().to_owned()
        };
        let (base, ending) = self.short.split_at(8);
        match part(ending).as_str() {
            "" => part(base),
            ending => format!("{}.{ending}", part(base)),
        }
    }
}

/// The files of a directory from its entries, or what is wrong with these.
pub(super) fn files(slots: &[Slot]) -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    let mut pieces: Vec<&Slot> = Vec::new();
    for slot in slots {
        let attributes = bytes::u8(&slot.bytes, 11).unwrap_or(0);
        let is_free = slot.bytes.first() == Some(&FREE);
        if !is_free && attributes & ATTRIBUTE_MASK == ATTRIBUTE_PIECE {
            pieces.push(slot);
            continue;
        }
        let wrong = |what: &str| {
            Err(format!(
                "the long name before the entry at 0x{:08x} {what}",
                slot.offset
            ))
        };
        if is_free || attributes & ATTRIBUTE_LABEL != 0 {
            if !pieces.is_empty() {
                return wrong("belongs to no file");
            }
            continue;
        }
        let short: [u8; 11] = bytes::array(&slot.bytes, 0).unwrap_or_default();
        let Some(long) = long_name(&pieces, checksum(&short)) else {
            return wrong("is damaged, or of another file");
        };
        pieces.clear();
        if short.starts_with(b".") {
            continue;
        }
        files.push(File {
            long,
            short,
            is_directory: attributes & ATTRIBUTE_DIRECTORY != 0,
        });
    }
    match pieces.first() {
        None => Ok(files),
        Some(piece) => Err(format!(
            "the long name at 0x{:08x} belongs to no file",
            piece.offset
        )),
    }
}

/// The units of a long name in their order; `None` where its pieces are not those of one whole name.
fn long_name(pieces: &[&Slot], sum: u8) -> Option<Vec<(u64, u16)>> {
    let mut units = Vec::new();
    let mut ended = false;
    for (index, piece) in pieces.iter().rev().enumerate() {
        let number = u8::try_from(index.checked_add(1)?).ok()?;
        let is_last = index.checked_add(1)? == pieces.len();
        let order = if is_last { number | LAST } else { number };
        let is_whole = piece.bytes.first() == Some(&order)
            && bytes::u8(&piece.bytes, 12) == Some(0)
            && bytes::u8(&piece.bytes, 13) == Some(sum)
            && bytes::u16_le(&piece.bytes, 26) == Some(0);
        if !is_whole {
            return None;
        }
        for at in UNITS_AT {
            let unit = bytes::u16_le(&piece.bytes, at)?;
            match (ended, unit) {
                // One zero ends a name that does not fill its pieces, and only the last piece may have room left.
                (false, 0) if is_last => ended = true,
                (true, 0xffff) => {}
                (false, unit) if unit != 0 && unit != 0xffff => {
                    let place = u64::try_from(at).ok()?;
                    units.push((piece.offset.checked_add(place)?, unit));
                }
                _ => return None,
            }
        }
    }
    let is_empty = units.is_empty() && !pieces.is_empty();
    (!is_empty && units.len() <= UNITS_MAX).then_some(units)
}

/// The checksum of an 8.3 name that each piece of its long name carries.
fn checksum(short: &[u8; 11]) -> u8 {
    short
        .iter()
        .fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A piece of a long name.
    fn piece(offset: u64, order: u8, sum: u8, text: &str) -> Slot {
        let mut bytes = [0xff_u8; 32];
        bytes[0] = order;
        bytes[11] = ATTRIBUTE_PIECE;
        bytes[12] = 0;
        bytes[13] = sum;
        bytes[26..28].fill(0);
        let units: Vec<u16> = text.encode_utf16().chain([0]).take(13).collect();
        for (at, unit) in UNITS_AT.iter().zip(units) {
            bytes[*at..at + 2].copy_from_slice(&unit.to_le_bytes());
        }
        Slot { offset, bytes }
    }

    fn entry(offset: u64, short: &[u8; 11]) -> Slot {
        let mut bytes = [0; 32];
        bytes[..11].copy_from_slice(short);
        bytes[11] = 0x20;
        Slot { offset, bytes }
    }

    /// The example of the specification, section "Long Directory Entry Example": "The quick brown.fox", THEQUI~1FOX.
    fn example() -> Vec<Slot> {
        let short = b"THEQUI~1FOX";
        let sum = checksum(short);
        vec![
            piece(0, 0x42, sum, "wn.fox"),
            piece(32, 0x01, sum, "The quick bro"),
            entry(64, short),
        ]
    }

    #[test]
    fn a_long_name_is_read_with_the_place_of_each_unit() {
        let files = files(&example()).unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].name(), "The quick brown.fox");
        assert_eq!(files[0].short_name(), "THEQUI~1.FOX");
        assert_eq!(files[0].long[0], (33, u16::from(b'T')));
        assert_eq!(files[0].long[12], (32 + 30, u16::from(b'o')));
        assert_eq!(files[0].long[13], (1, u16::from(b'w')));
    }

    #[test]
    fn a_set_that_breaks_a_rule_is_damage() {
        type Change = fn(&mut Vec<Slot>);
        let changes: [(&str, Change); 8] = [
            ("checksum", |slots| slots[0].bytes[13] ^= 1),
            ("order", |slots| slots[1].bytes[0] = 2),
            ("no last piece", |slots| slots[0].bytes[0] = 2),
            ("type", |slots| slots[0].bytes[12] = 1),
            ("cluster", |slots| slots[0].bytes[26] = 1),
            ("zero inside", |slots| slots[1].bytes[3] = 0),
            ("orphan", |slots| {
                slots.pop();
            }),
            ("other file", |slots| slots[2].bytes[0] = b'X'),
        ];
        for (what, change) in changes {
            let mut slots = example();
            change(&mut slots);
            assert!(files(&slots).is_err(), "{what}");
        }
    }
}
