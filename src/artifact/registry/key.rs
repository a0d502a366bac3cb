//! A key of a hive.

use crate::artifact::registry::cells;
use crate::artifact::registry::key_node::KeyNode;
use crate::artifact::registry::value_list::{self, ValueRecord};
use crate::artifact::registry::{Hive, KeyValue, subkey_list, value_data};
use crate::base::contain::contain;
use crate::base::filetime::FileTime;
use crate::base::utf16;
use crate::error::{Error, ErrorKind, Result};

/// The view of the key node that `nt-hive` gives.
type SortedNode<'h> = nt_hive::KeyNode<'h, &'h [u8]>;

/// Length of the fields before the name in a key node.
const NAME_OFFSET: usize = 76;

/// A key node, with what `nt-hive` keeps private read from our own buffer.
#[derive(Clone)]
pub struct Key<'h> {
    hive: &'h Hive,
    cell: u32,
    node: KeyNode<'h>,
    /// For the sorted look-up; a key that only our own scan found has none.
    sorted: Option<SortedNode<'h>>,
}

impl std::fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("name", &self.node.name.decode())
            .finish_non_exhaustive()
    }
}

impl<'h> Key<'h> {
    pub(crate) fn root(hive: &'h Hive, cell: u32, sorted: Option<SortedNode<'h>>) -> Result<Self> {
        Ok(Self {
            hive,
            cell,
            node: KeyNode::read(hive.bins(), cell)?,
            sorted,
        })
    }

    /// The hive that holds the key.
    pub fn hive(&self) -> &'h Hive {
        self.hive
    }

    /// The name of the key.
    pub fn name(&self) -> Result<String> {
        Ok(self.node.name.decode())
    }

    /// Offset of the key node in the hive file, if it can be told.
    pub fn offset(&self) -> Option<u64> {
        Some(self.record_offset())
    }

    /// Last-written time, if the key node can be located.
    pub fn written(&self) -> Option<FileTime> {
        Some(FileTime(self.node.written))
    }

    /// The bytes of the class name, if the key has one: UTF-16 text that is not decoded here, because some are secret.
    pub fn class_name_bytes(&self) -> Result<Option<&'h [u8]>> {
        self.node.class_name(self.hive.bins())
    }

    /// The class name (UTF-16 text), if the key has one.
    pub fn class_name(&self) -> Result<Option<String>> {
        let bytes = self.node.class_name(self.hive.bins())?;
        Ok(bytes.map(utf16::decode_le))
    }

    /// The subkey of that name, without regard to case; `None` if the list was readable and it is not there.
    ///
    /// # Errors
    /// A name that was not found in a list of which a part is damaged: it may have been there.
    pub fn subkey(&self, name: &str) -> Result<Option<Key<'h>>> {
        if let Some(key) = self.sorted_subkey(name) {
            return Ok(Some(key));
        }
        let (mut found, mut damage) = (None, None);
        subkey_list::each(self.hive.bins(), &self.node, |item| {
            match item {
                Ok((cell, node)) if node.name.is(name) => found = Some((cell, node)),
                Ok(_) => {}
                Err(error) => damage = damage.take().or(Some(error)),
            }
            found.is_none()
        });
        match (found, damage) {
            (Some((cell, node)), _) => Ok(Some(self.child(cell, node))),
            (None, Some(error)) => Err(error.at(format_args!("subkey {}", name.escape_debug()))),
            (None, None) => Ok(None),
        }
    }

    /// All subkeys in the order of the list.
    ///
    /// # Errors
    /// A list of which any part is damaged.
    pub fn subkeys(&self) -> Result<Vec<Key<'h>>> {
        let (mut keys, mut damage) = (Vec::new(), None);
        self.each_subkey(|item| match item {
            Ok(key) => {
                keys.push(key);
                true
            }
            Err(error) => {
                damage = Some(error);
                false
            }
        });
        match damage {
            Some(error) => Err(error),
            None => Ok(keys),
        }
    }

    /// The value of that name (`""` is the default value), without regard to case; `None` if the list was readable and it
    /// is not there. A damaged value beside the wanted one does not hide it.
    ///
    /// # Errors
    /// The value if its data is damaged; a name that was not found in a list of which a part is damaged.
    pub fn value(&self, name: &str) -> Result<Option<KeyValue>> {
        let (mut found, mut damage) = (None, None);
        value_list::each(self.hive.bins(), &self.node, |item| {
            match item {
                Ok(record) if record.name.is(name) => found = Some(record),
                Ok(_) => {}
                Err(error) => damage = damage.take().or(Some(error)),
            }
            found.is_none()
        });
        match (found, damage) {
            (Some(record), _) => self.read_value(&record).map(Some),
            (None, Some(error)) => Err(error.at(format_args!("value {}", name.escape_debug()))),
            (None, None) => Ok(None),
        }
    }

    /// All values in the order of the list.
    ///
    /// # Errors
    /// A list of which any part is damaged, and values that together hold more than the hive.
    pub fn values(&self) -> Result<Vec<KeyValue>> {
        let mut values = Vec::new();
        let mut budget = self.hive.bins().len();
        let mut damage = None;
        value_list::each(self.hive.bins(), &self.node, |item| {
            let value = item.and_then(|record| {
                let value = self.read_value(&record)?;
                budget = budget
                    .checked_sub(value.data.len())
                    .ok_or_else(|| self.too_much_data())?;
                Ok(value)
            });
            match value {
                Ok(value) => values.push(value),
                Err(error) => damage = Some(error),
            }
            damage.is_none()
        });
        match damage {
            Some(error) => Err(error),
            None => Ok(values),
        }
    }

    /// Hands each subkey, or the damage in its place, to `visit` until it answers `false`.
    pub(crate) fn each_subkey(&self, mut visit: impl FnMut(Result<Key<'h>>) -> bool) {
        subkey_list::each(self.hive.bins(), &self.node, |item| {
            visit(item.map(|(cell, node)| self.child(cell, node)))
        });
    }

    pub(crate) fn cell(&self) -> u32 {
        self.cell
    }

    pub(crate) fn record_offset(&self) -> u64 {
        cells::record_offset(self.cell)
    }

    fn child(&self, cell: u32, node: KeyNode<'h>) -> Self {
        Self {
            hive: self.hive,
            cell,
            node,
            sorted: None,
        }
    }

    /// The subkey by binary search; `None` says nothing, for the list may be damaged or not in order.
    fn sorted_subkey(&self, name: &str) -> Option<Self> {
        let sorted = self.sorted.as_ref()?;
        let found = contain("subkey", || match sorted.subkey(name) {
            Some(Ok(node)) => Ok(Some(node)),
            Some(Err(error)) => Err(Error::corrupt(error.to_string())),
            None => Ok(None),
        });
        let sorted = found.ok()??;
        let cell = self.cell_of(&sorted)?;
        let node = KeyNode::read(self.hive.bins(), cell).ok()?;
        Some(Self {
            hive: self.hive,
            cell,
            node,
            sorted: Some(sorted),
        })
    }

    /// The cell of a node of `nt-hive`, from the place of its name in our buffer; an empty name has no place.
    fn cell_of(&self, node: &SortedNode<'h>) -> Option<u32> {
        let (nt_hive::NtHiveNameString::Latin1(name) | nt_hive::NtHiveNameString::Utf16LE(name)) =
            node.name().ok()?;
        if name.is_empty() {
            return None;
        }
        let record = name
            .as_ptr()
            .addr()
            .checked_sub(self.hive.bytes().as_ptr().addr())?
            .checked_sub(NAME_OFFSET)?;
        // 4,096 bytes of base block and 4 of the cell's size.
        u32::try_from(record.checked_sub(4100)?).ok()
    }

    fn read_value(&self, record: &ValueRecord<'h>) -> Result<KeyValue> {
        let name = record.name.decode();
        let data = value_data::read(
            self.hive.bins(),
            record.data,
            self.hive.base_block().has_big_data(),
        )
        .map_err(|error| error.at(format_args!("value {}", name.escape_debug())))?;
        let record_range = record.offset..record.offset.saturating_add(record.len);
        let from_log = self.hive.is_range_from_log(&record_range)
            || data
                .places
                .iter()
                .any(|place| self.hive.is_range_from_log(place));
        Ok(KeyValue {
            name,
            kind: record.kind,
            data: data.bytes,
            offset: u64::try_from(record.offset).ok(),
            from_log,
        })
    }

    fn too_much_data(&self) -> Error {
        Error::new(
            ErrorKind::LimitExceeded,
            format!(
                "values of key node at 0x{:08x}: should hold no more than the hive of {} bytes",
                self.record_offset(),
                self.hive.bins().len()
            ),
        )
    }
}
