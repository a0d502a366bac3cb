//! A small bounded cache of blocks that were read and checked, so that a path look-up does not read the upper levels anew.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

/// Keeps the entries that were used last.
pub struct Cache<T> {
    entries_max: usize,
    state: Mutex<State<T>>,
}

struct State<T> {
    clock: u64,
    entries: BTreeMap<u64, (u64, Arc<T>)>,
}

impl<T> Cache<T> {
    /// A cache of at most `entries_max` entries.
    pub fn new(entries_max: usize) -> Self {
        Self {
            entries_max,
            state: Mutex::new(State {
                clock: 0,
                entries: BTreeMap::new(),
            }),
        }
    }

    /// The entry of `key`, if it is kept.
    pub fn get(&self, key: u64) -> Option<Arc<T>> {
        let mut state = self.state.lock().ok()?;
        state.clock = state.clock.saturating_add(1);
        let clock = state.clock;
        let (used, value) = state.entries.get_mut(&key)?;
        *used = clock;
        Some(value.clone())
    }

    /// Keeps an entry; the one that was used longest ago goes if there is no room.
    pub fn put(&self, key: u64, value: Arc<T>) {
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        if state.entries.len() >= self.entries_max {
            let oldest = state.entries.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(key) = oldest.map(|(key, _)| *key) {
                state.entries.remove(&key);
            }
        }
        state.clock = state.clock.saturating_add(1);
        let clock = state.clock;
        state.entries.insert(key, (clock, value));
    }
}

impl<T> fmt::Debug for Cache<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cache(at most {})", self.entries_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_used_longest_ago_goes() {
        let cache = Cache::new(2);
        cache.put(1, Arc::new('a'));
        cache.put(2, Arc::new('b'));
        assert!(cache.get(1).is_some());
        cache.put(3, Arc::new('c'));
        assert!(cache.get(2).is_none());
        assert!(cache.get(1).is_some() && cache.get(3).is_some());
    }
}
