//! A walk over all keys of a hive, safe on lists that lead back to where they came from.

use std::collections::BTreeSet;

use crate::artifact::registry::subkey_list::KEY_NODE_BYTES_MIN;
use crate::artifact::registry::{Hive, Key};
use crate::error::{Error, ErrorKind, Result};

/// Deepest level of keys that is visited; Windows allows 512.
pub(crate) const DEPTH_MAX: usize = 512;

/// The keys of a hive from the root down, a key before its subkeys; damage is an item and the walk goes on beside it.
///
/// It ends early with an error where the lists together hold more keys than the hive has room for.
#[derive(Debug)]
pub struct Walk<'h> {
    stack: Vec<(Result<Key<'h>>, usize)>,
    visited: BTreeSet<u32>,
    /// Items of lists that may still be read: in a sound hive each key is in one list.
    budget: usize,
}

impl<'h> Walk<'h> {
    pub(crate) fn new(hive: &'h Hive) -> Self {
        Self {
            stack: vec![(hive.root(), 0)],
            visited: BTreeSet::new(),
            budget: hive.bins().len() / KEY_NODE_BYTES_MIN,
        }
    }
}

impl<'h> Iterator for Walk<'h> {
    type Item = Result<Key<'h>>;

    fn next(&mut self) -> Option<Self::Item> {
        let (key, depth) = self.stack.pop()?;
        let key = match key {
            Ok(key) => key,
            Err(error) => return Some(Err(error)),
        };
        if !self.visited.insert(key.cell()) {
            return Some(Err(Error::corrupt(format!(
                "key node at 0x{:08x}: is reached a second time",
                key.record_offset()
            ))));
        }
        let below = depth.saturating_add(1);
        if below > DEPTH_MAX {
            return Some(Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "key node at 0x{:08x}: should be at most {DEPTH_MAX} levels deep",
                    key.record_offset()
                ),
            )));
        }
        let mut items: Vec<Result<Key<'h>>> = Vec::new();
        let budget = &mut self.budget;
        key.each_subkey(|item| {
            *budget = budget.saturating_sub(1);
            items.push(item);
            *budget > 0
        });
        if self.budget == 0 {
            self.stack = vec![(Err(too_many(&key)), below)];
            return Some(Ok(key));
        }
        self.stack
            .extend(items.into_iter().rev().map(|item| (item, below)));
        Some(Ok(key))
    }
}

fn too_many(key: &Key<'_>) -> Error {
    Error::new(
        ErrorKind::LimitExceeded,
        format!(
            "key node at 0x{:08x}: lists hold more keys than the hive has room for",
            key.record_offset()
        ),
    )
}
