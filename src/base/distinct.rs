//! Each of many items once, with how often it came and where it came last.
//!
//! Logs hold the same text thousands of times, and a hostile one thousands of different texts: both must cost what sorting
//! costs and no more.

use std::collections::BTreeMap;

/// An item that came once or more often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence<K> {
    /// The item.
    pub item: K,
    /// The place of the last one.
    pub last: usize,
    /// How many came.
    pub count: usize,
}

/// Each item once, in the order of the first ones.
pub fn occurrences<K: Ord + Clone>(
    items: impl IntoIterator<Item = (K, usize)>,
) -> Vec<Occurrence<K>> {
    let mut kept: Vec<Occurrence<K>> = Vec::new();
    let mut places: BTreeMap<K, usize> = BTreeMap::new();
    for (item, last) in items {
        let known = places.get(&item).and_then(|place| kept.get_mut(*place));
        if let Some(known) = known {
            known.last = last;
            known.count = known.count.saturating_add(1);
        } else {
            places.insert(item.clone(), kept.len());
            kept.push(Occurrence {
                item,
                last,
                count: 1,
            });
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::cmp::Ordering;

    use super::*;

    #[test]
    fn each_item_is_kept_once_with_its_last_place_and_its_count() {
        let found = occurrences([("b", 0), ("a", 1), ("b", 2)]);
        let told: Vec<_> = found.iter().map(|o| (o.item, o.last, o.count)).collect();
        assert_eq!(told, [("b", 2, 2), ("a", 1, 1)]);
    }

    thread_local! {
        static COMPARISONS: Cell<u64> = const { Cell::new(0) };
    }

    /// A number whose comparisons are counted.
    #[derive(Clone, Copy, PartialEq, Eq)]
    struct Counted(u32);

    impl Ord for Counted {
        fn cmp(&self, other: &Self) -> Ordering {
            COMPARISONS.set(COMPARISONS.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for Counted {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    fn comparisons(count: u32) -> u64 {
        COMPARISONS.set(0);
        // All different, in no order that a tree would like.
        let items = (0..count).map(|number| (Counted(number.wrapping_mul(0x9e37_79b9)), 0));
        assert_eq!(occurrences(items).len(), count as usize);
        COMPARISONS.get()
    }

    /// With every item compared with every other one 4,000 items take 16 times as much as 1,000, and 8 million comparisons.
    #[test]
    fn many_different_items_take_hardly_more_work_for_each() {
        let (few, many) = (comparisons(1_000), comparisons(4_000));
        assert!(many < 6 * few, "{few} and {many} comparisons");
        assert!(many < 4_000 * 100, "{many} comparisons");
    }
}
