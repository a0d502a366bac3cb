//! A value of a key: its name, its type and its bytes.

use crate::base::{bytes, utf16};

/// The registry types this program names; every other number stays a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// REG_NONE.
    None,
    /// REG_SZ.
    Sz,
    /// REG_EXPAND_SZ.
    ExpandSz,
    /// REG_BINARY.
    Binary,
    /// REG_DWORD.
    Dword,
    /// REG_DWORD_BIG_ENDIAN.
    DwordBigEndian,
    /// REG_LINK.
    Link,
    /// REG_MULTI_SZ.
    MultiSz,
    /// REG_QWORD.
    Qword,
    /// Any other type.
    Other(u32),
}

/// A registry value with its data, copied out of the hive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyValue {
    /// The name; empty for the default value.
    pub name: String,
    /// The number of the type.
    pub kind: u32,
    /// The data, as long as the value says.
    pub data: Vec<u8>,
    /// Offset of the value record (`vk`) in the hive file, if it can be told.
    pub offset: Option<u64>,
    /// Whether a byte of the value came from a transaction log.
    pub from_log: bool,
}

impl KeyValue {
    /// The type.
    pub fn kind(&self) -> ValueKind {
        match self.kind {
            0 => ValueKind::None,
            1 => ValueKind::Sz,
            2 => ValueKind::ExpandSz,
            3 => ValueKind::Binary,
            4 => ValueKind::Dword,
            5 => ValueKind::DwordBigEndian,
            6 => ValueKind::Link,
            7 => ValueKind::MultiSz,
            11 => ValueKind::Qword,
            other => ValueKind::Other(other),
        }
    }

    /// The text of a REG_SZ, REG_EXPAND_SZ or REG_LINK, up to its first NUL; `None` for other types.
    pub fn string(&self) -> Option<String> {
        matches!(
            self.kind(),
            ValueKind::Sz | ValueKind::ExpandSz | ValueKind::Link
        )
        .then(|| utf16::decode_le_z(&self.data))
    }

    /// The strings of a REG_MULTI_SZ without the empty ones at its end; a REG_SZ counts as one string.
    pub fn strings(&self) -> Option<Vec<String>> {
        match self.kind() {
            ValueKind::MultiSz => {
                let text = utf16::decode_le(&self.data);
                let mut list: Vec<String> = text.split('\0').map(str::to_owned).collect();
                while list.last().is_some_and(String::is_empty) {
                    list.pop();
                }
                Some(list)
            }
            _ => self.string().map(|text| {
                if text.is_empty() {
                    Vec::new()
                } else {
                    vec![text]
                }
            }),
        }
    }

    /// The number of a REG_DWORD (either byte order).
    pub fn dword(&self) -> Option<u32> {
        match self.kind() {
            ValueKind::Dword if self.data.len() == 4 => bytes::u32_le(&self.data, 0),
            ValueKind::DwordBigEndian if self.data.len() == 4 => bytes::u32_be(&self.data, 0),
            _ => None,
        }
    }

    /// The number of a REG_QWORD.
    pub fn qword(&self) -> Option<u64> {
        (self.kind() == ValueKind::Qword && self.data.len() == 8)
            .then(|| bytes::u64_le(&self.data, 0))
            .flatten()
    }
}
