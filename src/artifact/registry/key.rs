//! A key of a hive.

use crate::artifact::registry::{Hive, KeyValue};
use crate::base::bytes;
use crate::base::contain::contain;
use crate::base::filetime::FileTime;
use crate::error::{Error, Result};

/// A key node, with what `nt-hive` keeps private read from our own buffer.
#[derive(Clone)]
pub struct Key<'h> {
    hive: &'h Hive,
    node: nt_hive::KeyNode<'h, &'h [u8]>,
}

impl std::fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

impl<'h> Key<'h> {
    pub(crate) fn new(hive: &'h Hive, node: nt_hive::KeyNode<'h, &'h [u8]>) -> Self {
        Self { hive, node }
    }

    /// The hive that holds the key.
    pub fn hive(&self) -> &'h Hive {
        self.hive
    }

    /// The name of the key.
    pub fn name(&self) -> Result<String> {
        contain("key name", || {
            self.node
                .name()
                .map(|name| name.to_string_lossy())
                .map_err(|error| Error::corrupt(error.to_string()))
        })
    }

    /// Offset of the key node in the hive file, if it can be told.
    pub fn offset(&self) -> Option<u64> {
        let name = self.node.name().ok()?;
        let (nt_hive::NtHiveNameString::Latin1(name) | nt_hive::NtHiveNameString::Utf16LE(name)) =
            name;
        let offset = name
            .as_ptr()
            .addr()
            .checked_sub(self.hive.bytes().as_ptr().addr())?
            .checked_sub(76)?;
        (bytes::slice(self.hive.bytes(), offset, 2)? == b"nk")
            .then_some(u64::try_from(offset).ok()?)
    }

    /// Last-written time, if the key node can be located.
    pub fn written(&self) -> Option<FileTime> {
        let offset = usize::try_from(self.offset()?).ok()?;
        bytes::u64_le(self.hive.bytes(), offset.checked_add(4)?).map(FileTime)
    }

    /// The class name (UTF-16 text), if the key has one.
    pub fn class_name(&self) -> Result<Option<String>> {
        contain("class name", || match self.node.class_name() {
            None => Ok(None),
            Some(Ok(name)) => Ok(Some(name.to_string_lossy())),
            Some(Err(error)) => Err(Error::corrupt(error.to_string())),
        })
    }

    /// The subkey of that name, without regard to case; `None` if the list was readable and it is not there.
    pub fn subkey(&self, name: &str) -> Result<Option<Key<'h>>> {
        contain("subkey", || match self.node.subkey(name) {
            None => Ok(None),
            Some(Ok(node)) => Ok(Some(Key::new(self.hive, node))),
            Some(Err(error)) => Err(Error::corrupt(error.to_string())),
        })
    }

    /// All subkeys in the order of the list.
    pub fn subkeys(&self) -> Result<Vec<Key<'h>>> {
        contain("subkeys", || match self.node.subkeys() {
            None => Ok(Vec::new()),
            Some(Err(error)) => Err(Error::corrupt(error.to_string())),
            Some(Ok(nodes)) => nodes
                .map(|node| {
                    node.map(|node| Key::new(self.hive, node))
                        .map_err(|error| Error::corrupt(error.to_string()))
                })
                .collect(),
        })
    }

    /// The value of that name (`""` is the default value), without regard to case; `None` if the list was readable and it
    /// is not there. A damaged value beside the wanted one does not hide it.
    pub fn value(&self, name: &str) -> Result<Option<KeyValue>> {
        for value in self.values()? {
            if crate::base::win_path::eq_name(&value.name, name) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// All values in the order of the list.
    pub fn values(&self) -> Result<Vec<KeyValue>> {
        contain("values", || match self.node.values() {
            None => Ok(Vec::new()),
            Some(Err(error)) => Err(Error::corrupt(error.to_string())),
            Some(Ok(values)) => values
                .map(|value| {
                    let corrupt = |error: nt_hive::NtHiveError| Error::corrupt(error.to_string());
                    let value = value.map_err(corrupt)?;
                    let name = value.name().map_err(corrupt)?.to_string_lossy();
                    let kind = value.data_type().map_or(u32::MAX, |kind| kind as u32);
                    let data = value.data().map_err(corrupt)?.into_vec().map_err(corrupt)?;
                    Ok(KeyValue {
                        name,
                        kind,
                        data,
                        offset: None,
                        from_log: false,
                    })
                })
                .collect(),
        })
    }
}
