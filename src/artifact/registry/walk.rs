//! A walk over all keys of a hive, safe on lists that lead back to where they came from.

use std::collections::BTreeSet;

use crate::artifact::registry::{Hive, Key};
use crate::error::{Error, ErrorKind, Result};

/// Deepest level of keys that is visited; Windows allows 512.
pub(crate) const DEPTH_MAX: usize = 512;

/// The keys of a hive from the root down, a key before its subkeys; damage is an item and the walk goes on beside it.
#[derive(Debug)]
pub struct Walk<'h> {
    stack: Vec<(Result<Key<'h>>, usize)>,
    visited: BTreeSet<u32>,
}

impl<'h> Walk<'h> {
    pub(crate) fn new(hive: &'h Hive) -> Self {
        Self {
            stack: vec![(hive.root(), 0)],
            visited: BTreeSet::new(),
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
        key.each_subkey(|item| {
            items.push(item);
            true
        });
        self.stack
            .extend(items.into_iter().rev().map(|item| (item, below)));
        Some(Ok(key))
    }
}
