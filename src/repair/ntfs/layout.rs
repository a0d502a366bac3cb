//! The slot method: which entry stands in which slot of the tree after an edit.
//!
//! The tree is seen as the list of its slots in order; each belongs to a node, and the sub-node before an entry of an inner
//! node belongs to the slot. An edit makes a new sorted list of entries and puts entry i into slot i, so that shape, links,
//! bitmap and number of blocks stay as they are and nothing is ever allocated. Where that would change many blocks or
//! overflow one, a leaf slot near the old place is given up for one near the new place. Only nodes whose list changed are
//! written.

use std::cmp::Ordering;

use crate::image::filesystem::ntfs::upcase::UpcaseTable;
use crate::repair::ntfs::tree::{EntryId, Node, NodeId, Tree};

/// Nodes that a rename may change before another way is looked for.
const NEAR_NODES: usize = 2;
/// Leaves around the old and the new place that are tried.
const LEAVES_TRIED: usize = 6;
/// Leaf slots around the place of a removed entry that are tried.
const SLOTS_TRIED: usize = 16;

/// The nodes that change, each with its new list.
pub(super) type Layout = Vec<(NodeId, Vec<EntryId>)>;

/// Puts `list` into `slots`.
///
/// # Errors
/// A node that would overflow, a leaf that would be empty.
fn arrange(
    tree: &Tree,
    list: &[EntryId],
    slots: &[NodeId],
    root_spare: usize,
) -> Result<Layout, String> {
    if list.len() != slots.len() {
        return Err(format!("{} entries for {} slots", list.len(), slots.len()));
    }
    let mut lists: Vec<Vec<EntryId>> = tree
        .nodes
        .iter()
        .map(|node| Vec::with_capacity(node.entries.len()))
        .collect();
    for (entry, slot) in list.iter().zip(slots) {
        lists.get_mut(*slot).ok_or("slot of no node")?.push(*entry);
    }
    let mut layout = Vec::new();
    for ((id, new), node) in lists.into_iter().enumerate().zip(&tree.nodes) {
        if new == node.entries {
            continue;
        }
        if node.is_leaf() && node.vcn.is_some() && new.is_empty() {
            return Err("a leaf would be empty".to_owned());
        }
        if !node.is_leaf() && new.len() != node.entries.len() {
            return Err("an inner node would have another number of entries".to_owned());
        }
        let size = |list: &[EntryId]| {
            list.iter()
                .filter_map(|id| tree.entries.get(*id))
                .map(|entry| node.len_of(entry))
                .fold(node.last_len(), usize::saturating_add)
        };
        let room = match node.vcn {
            Some(_) => node.room,
            None => size(&node.entries).saturating_add(root_spare),
        };
        let len = size(&new);
        if len > room {
            return Err(format!("a node would need {len} bytes and has {room}"));
        }
        layout.push((id, new));
    }
    Ok(layout)
}

/// The leaves with the first and last place of their slots, in order.
fn leaves(tree: &Tree) -> Vec<(NodeId, usize, usize)> {
    let mut leaves: Vec<(NodeId, usize, usize)> = Vec::new();
    // The slots of a leaf follow each other: only inner nodes are visited several times.
    for (place, id) in tree.slots.iter().enumerate() {
        if !tree.nodes.get(*id).is_some_and(Node::is_leaf) {
            continue;
        }
        match leaves.last_mut() {
            Some((leaf, _, last)) if leaf == id => *last = place,
            _ => leaves.push((*id, place, place)),
        }
    }
    leaves
}

/// The leaves nearest to a place.
fn nearest(
    leaves: &[(NodeId, usize, usize)],
    place: usize,
) -> impl Iterator<Item = (NodeId, usize, usize)> {
    let mut near = leaves.to_vec();
    near.sort_by_key(|(_, first, last)| {
        first.saturating_sub(place).max(place.saturating_sub(*last))
    });
    near.into_iter().take(LEAVES_TRIED)
}

/// The order of entries in which the one at place `old` has become `new`, an entry that the tree already holds; and the
/// place of `new`.
pub(super) fn renamed(
    tree: &Tree,
    old: usize,
    new: EntryId,
    upcase: &UpcaseTable,
) -> (Vec<EntryId>, usize) {
    let mut list = tree.order.clone();
    if old < list.len() {
        list.remove(old);
    }
    let name = tree.entries.get(new).map(|entry| entry.name().to_vec());
    let name = name.unwrap_or_default();
    let goes_to = list.partition_point(|id| {
        tree.entries
            .get(*id)
            .is_some_and(|entry| upcase.collate(entry.name(), &name) == Ordering::Less)
    });
    list.insert(goes_to, new);
    (list, goes_to)
}

/// The layout of a rename: the entry at place `old` goes to place `goes_to` of `list`.
pub(super) fn of_rename(
    tree: &Tree,
    list: &[EntryId],
    (old, goes_to): (usize, usize),
    root_spare: usize,
) -> Result<Layout, String> {
    let mut best = arrange(tree, list, &tree.slots, root_spare);
    if best.as_ref().is_ok_and(|layout| layout.len() <= NEAR_NODES) {
        return best;
    }
    let leaves = leaves(tree);
    for (giver, first, last) in nearest(&leaves, old) {
        let in_block = tree.nodes.get(giver).is_some_and(|node| node.vcn.is_some());
        if first == last && in_block {
            continue;
        }
        let given = old.clamp(first, last);
        let mut fewer = tree.slots.clone();
        fewer.remove(given);
        for (taker, from, to) in nearest(&leaves, goes_to) {
            let start = from.saturating_sub(2);
            let mut own = fewer
                .iter()
                .enumerate()
                .skip(start)
                .take(to.saturating_add(3).saturating_sub(start))
                .filter(|(_, id)| **id == taker)
                .map(|(place, _)| place);
            let (Some(low), Some(high)) = (own.clone().next(), own.next_back()) else {
                continue;
            };
            let at = goes_to.clamp(low, high.saturating_add(1));
            let mut slots = fewer.clone();
            slots.insert(at, taker);
            let layout = arrange(tree, list, &slots, root_spare);
            let is_better = match (&layout, &best) {
                (Ok(layout), Ok(best)) => layout.len() < best.len(),
                (Ok(_), Err(_)) => true,
                _ => false,
            };
            if is_better {
                best = layout;
            }
        }
    }
    best
}

/// The layout of an exchange: `first` and `second` take the places of two entries and keep their order.
pub(super) fn of_swap(
    tree: &Tree,
    (a, first): (usize, EntryId),
    (b, second): (usize, EntryId),
    root_spare: usize,
) -> Result<Layout, String> {
    let mut list = tree.order.clone();
    for (place, id) in [(a, first), (b, second)] {
        *list.get_mut(place).ok_or("no such place")? = id;
    }
    arrange(tree, &list, &tree.slots, root_spare)
}

/// The layout without the entries at `places`: for each, the nearest leaf slot is given up whose leaf keeps another entry,
/// and the entries between move by one. An entry of an inner node is covered by that: its nearest leaf slot is that of the
/// entry before or behind it.
pub(super) fn of_removal(
    tree: &Tree,
    list: &[EntryId],
    places: &[usize],
    root_spare: usize,
) -> Result<Layout, String> {
    let near: Vec<Vec<usize>> = places
        .iter()
        .map(|place| leaf_slots_near(tree, *place))
        .collect();
    let mut last = Err("no leaf can give up a slot".to_owned());
    // A file has one name in its directory, or two: a long one and its 8.3 partner.
    for distance in 0..SLOTS_TRIED {
        for first in 0..=distance {
            let ranks = [first, distance.saturating_sub(first)];
            if near.len() == 1 && first != distance {
                continue;
            }
            let given: Option<Vec<usize>> = near
                .iter()
                .zip(ranks)
                .map(|(slots, rank)| slots.get(rank).copied())
                .collect();
            let Some(given) = given.filter(|given| given.len() == places.len()) else {
                continue;
            };
            if given.iter().enumerate().any(|(at, slot)| {
                given
                    .iter()
                    .skip(at.saturating_add(1))
                    .any(|other| other == slot)
            }) {
                continue;
            }
            let slots: Vec<NodeId> = tree
                .slots
                .iter()
                .enumerate()
                .filter(|(place, _)| !given.contains(place))
                .map(|(_, id)| *id)
                .collect();
            last = arrange(tree, list, &slots, root_spare);
            if last.is_ok() {
                return last;
            }
        }
    }
    last
}

/// The order of entries without those at `places`.
pub(super) fn remaining(tree: &Tree, places: &[usize]) -> Vec<EntryId> {
    let kept = |(place, _): &(usize, &EntryId)| !places.contains(place);
    let all = tree.order.iter().enumerate();
    all.filter(kept).map(|(_, id)| *id).collect()
}

/// The leaf slots nearest to a place, nearest first.
fn leaf_slots_near(tree: &Tree, place: usize) -> Vec<usize> {
    let is_leaf = |place: usize| {
        tree.slots
            .get(place)
            .and_then(|id| tree.nodes.get(*id))
            .is_some_and(|node| node.is_leaf() && (node.vcn.is_none() || node.entries.len() > 1))
    };
    let mut found = Vec::new();
    for distance in 0..tree.slots.len() {
        let mut sides = vec![place.checked_sub(distance)];
        if distance > 0 {
            sides.push(place.checked_add(distance));
        }
        found.extend(sides.into_iter().flatten().filter(|place| is_leaf(*place)));
        if found.len() >= SLOTS_TRIED {
            break;
        }
    }
    found
}
