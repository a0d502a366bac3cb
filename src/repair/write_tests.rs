//! Crash test: an image and a journal whose writes stop, tear and are reordered at every possible point.
//!
//! The model of a disk: what was synced is kept; of what was written since, any part may have reached the disk, in any order,
//! and the last write that was begun may be torn at any byte. The model is exhaustive over the point of the crash, over which
//! sectors reached the disk (all subsets, where there are few), and over where one of them is torn.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use crate::error::{Error, ErrorKind, Result};
use crate::repair::journal::{Entry, Header, Journal, State, digest};
use crate::repair::medium::Medium;
use crate::repair::write::{Extent, JournalStore, Undone, apply, extent, undo};

/// Bytes of the image of the model.
const IMAGE_BYTES: usize = 4096;
/// Places in a sector where a write is torn.
const TEARS: [usize; 2] = [100, 511];

/// A file that keeps what was synced apart from what was only written.
#[derive(Debug, Clone, Default)]
struct Kept {
    durable: Vec<u8>,
    pending: Vec<(usize, Vec<u8>)>,
}

impl Kept {
    /// What a reader sees while the system runs.
    fn seen(&self) -> Vec<u8> {
        let mut content = self.durable.clone();
        for (at, bytes) in &self.pending {
            put(&mut content, *at, bytes);
        }
        content
    }

    fn sync(&mut self) {
        self.durable = self.seen();
        self.pending.clear();
    }

    /// Every state in which a crash may leave the file.
    fn crashed(&self) -> Vec<Vec<u8>> {
        let mut results = BTreeSet::new();
        for subset in 0..1_usize << self.pending.len() {
            let mut content = self.durable.clone();
            for (index, (at, bytes)) in self.pending.iter().enumerate() {
                if subset >> index & 1 == 1 {
                    put(&mut content, *at, bytes);
                }
            }
            for (at, bytes) in &self.pending {
                for tear in TEARS {
                    for part in [0..tear, tear..bytes.len()] {
                        let mut torn = content.clone();
                        put(&mut torn, at + part.start, &bytes[part]);
                        results.insert(torn);
                    }
                }
            }
            results.insert(content);
        }
        results.into_iter().collect()
    }
}

fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if content.len() < at + bytes.len() {
        content.resize(at + bytes.len(), 0);
    }
    content[at..at + bytes.len()].copy_from_slice(bytes);
}

/// The machine: an image, a journal, and the number of operations until it stops.
#[derive(Debug, Clone)]
struct Machine {
    image: Kept,
    journal: Option<Kept>,
    left: usize,
    /// What the operation at the end does: stop everything, or fail alone.
    fails_once: bool,
}

impl Machine {
    fn step(&mut self) -> Result<()> {
        let failure = Err(Error::new(ErrorKind::Io, "the machine stops"));
        if self.left == 0 {
            if self.fails_once {
                self.left = usize::MAX;
            }
            return failure;
        }
        self.left = self.left.saturating_sub(1);
        Ok(())
    }
}

#[derive(Debug, Clone)]
struct Shared(Rc<RefCell<Machine>>);

impl Medium for Shared {
    fn len_bytes(&self) -> Result<u64> {
        Ok(u64::try_from(IMAGE_BYTES).unwrap())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let seen = self.0.borrow().image.seen();
        let at = usize::try_from(offset).unwrap();
        buf.copy_from_slice(&seen[at..at + buf.len()]);
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut machine = self.0.borrow_mut();
        let at = usize::try_from(offset).unwrap();
        // A write at which the machine stops may still have been on its way.
        let result = machine.step();
        if result.is_ok() || !machine.fails_once {
            machine.image.pending.push((at, bytes.to_vec()));
        }
        result
    }

    fn sync(&mut self) -> Result<()> {
        let mut machine = self.0.borrow_mut();
        machine.step()?;
        machine.image.sync();
        Ok(())
    }
}

impl JournalStore for Shared {
    fn create(&mut self, body: &[u8]) -> Result<()> {
        let mut machine = self.0.borrow_mut();
        machine.step()?;
        machine.journal = Some(Kept {
            durable: body.to_vec(),
            pending: Vec::new(),
        });
        Ok(())
    }

    fn put_state(&mut self, offset: u64, state: &[u8]) -> Result<()> {
        let mut machine = self.0.borrow_mut();
        let at = usize::try_from(offset).unwrap();
        let result = machine.step();
        let fails_once = machine.fails_once;
        let journal = machine.journal.as_mut().unwrap();
        if result.is_ok() || !fails_once {
            journal.pending.push((at, state.to_vec()));
        }
        if result.is_ok() {
            journal.sync();
        }
        result
    }

    fn name(&self) -> String {
        "journal".to_owned()
    }
}

fn old() -> Vec<u8> {
    (0..IMAGE_BYTES)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect()
}

fn plan(sectors: usize) -> Journal {
    let image = old();
    let entries: Vec<Entry> = (0..sectors)
        .map(|number| {
            let at = number * 1024;
            let before = image[at..at + 512].to_vec();
            // A few bytes differ, as in a real sector.
            let mut after = before.clone();
            for place in [2, 99, 100, 101, 300, 510, 511] {
                after[place] ^= 0x55;
            }
            Entry {
                file_offset: u64::try_from(at).unwrap(),
                disk_offset: u64::try_from(at).unwrap(),
                before,
                after,
            }
        })
        .collect();
    Journal {
        header: Header {
            version: Header::VERSION,
            tool: String::new(),
            run_id: String::new(),
            created: 0,
            image: String::new(),
            image_bytes: u64::try_from(IMAGE_BYTES).unwrap(),
            layers: Vec::new(),
            volume_start: 0,
            serial: 0,
            removals: Vec::new(),
            backups: Vec::new(),
            actions: Vec::new(),
            moves: Vec::new(),
            old_sha256: digest(entries.iter().map(|entry| entry.before.as_slice())),
            new_sha256: digest(entries.iter().map(|entry| entry.after.as_slice())),
        },
        entries,
        states: Vec::new(),
    }
}

fn new(plan: &Journal) -> Vec<u8> {
    let mut image = old();
    for entry in &plan.entries {
        put(
            &mut image,
            usize::try_from(entry.file_offset).unwrap(),
            &entry.after,
        );
    }
    image
}

fn machine(image: Vec<u8>, journal: Option<Vec<u8>>, left: usize, fails_once: bool) -> Shared {
    let kept = |durable| Kept {
        durable,
        pending: Vec::new(),
    };
    Shared(Rc::new(RefCell::new(Machine {
        image: kept(image),
        journal: journal.map(kept),
        left,
        fails_once,
    })))
}

/// Every state of image and journal in which a crash may leave the machine.
fn crashes(machine: &Shared) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let machine = machine.0.borrow();
    let images = machine.image.crashed();
    let journals: Vec<Option<Vec<u8>>> = match &machine.journal {
        None => vec![None],
        Some(journal) => journal.crashed().into_iter().map(Some).collect(),
    };
    images
        .iter()
        .flat_map(|image| {
            journals
                .iter()
                .map(move |journal| (image.clone(), journal.clone()))
        })
        .collect()
}

fn run_apply(machine: &Shared, plan: &Journal) -> bool {
    let mut journal = plan.clone();
    apply(
        &mut machine.clone(),
        &mut machine.clone(),
        &mut journal,
        &mut || Ok(()),
    )
    .is_ok()
}

fn run_undo(machine: &Shared) -> Result<Undone> {
    let content = machine.0.borrow().journal.as_ref().unwrap().seen();
    let mut journal = Journal::parse(&content).unwrap();
    undo(&mut machine.clone(), &mut machine.clone(), &mut journal)
}

/// After a crash the image is all-old, or its journal leads back to all-old; a second undo says that there is nothing to do.
fn check_recovery(image: &[u8], journal: Option<Vec<u8>>) {
    let Some(journal) = journal else {
        assert!(image == old(), "written without a journal");
        return;
    };
    let recovered = machine(image.to_vec(), Some(journal), usize::MAX, false);
    run_undo(&recovered).unwrap();
    assert!(recovered.0.borrow().image.durable == old());
    assert_eq!(run_undo(&recovered).unwrap(), Undone::AlreadyOld);
}

/// Number of operations that `work` makes.
fn operations(work: impl Fn(&Shared)) -> usize {
    let machine = machine(old(), None, usize::MAX, false);
    work(&machine);
    let left = machine.0.borrow().left;
    usize::MAX - left
}

#[test]
fn a_crash_at_any_point_of_apply_leads_back() {
    let plan = plan(4);
    let all = operations(|machine| assert!(run_apply(machine, &plan)));
    assert_eq!(all, 1 + 4 + 1 + 1);
    let mut states = 0;
    for stop in 0..=all {
        let machine = machine(old(), None, stop, false);
        let done = run_apply(&machine, &plan);
        assert_eq!(done, stop == all);
        for (image, journal) in crashes(&machine) {
            states += 1;
            if let Some(content) = &journal
                && Journal::parse(content).unwrap().state() == Some(State::Committed)
            {
                assert!(image == new(&plan), "committed and not all-new");
            }
            check_recovery(&image, journal);
        }
    }
    assert!(states > 200, "{states}");
}

#[test]
fn a_crash_at_any_point_of_undo_leads_back_from_any_crash_of_apply() {
    let plan = plan(2);
    let all = operations(|machine| assert!(run_apply(machine, &plan)));
    let mut states = 0;
    for stop in 0..=all {
        let first = machine(old(), None, stop, false);
        run_apply(&first, &plan);
        for (image, journal) in crashes(&first) {
            let Some(journal) = journal else { continue };
            for stop in 0..8 {
                let second = machine(image.clone(), Some(journal.clone()), stop, false);
                let _ = run_undo(&second);
                for (image, journal) in crashes(&second) {
                    states += 1;
                    check_recovery(&image, journal);
                }
            }
        }
    }
    assert!(states > 1_000, "{states}");
}

#[test]
fn a_write_that_fails_alone_is_put_back_at_once() {
    let plan = plan(3);
    let all = operations(|machine| assert!(run_apply(machine, &plan)));
    for fails in 0..all {
        let machine = machine(old(), None, fails, true);
        let mut journal = plan.clone();
        let failure = apply(
            &mut machine.clone(),
            &mut machine.clone(),
            &mut journal,
            &mut || Ok(()),
        )
        .unwrap_err();
        let seen = machine.0.borrow().image.seen();
        if matches!(failure, crate::repair::write::Failure::Unmarked(_)) {
            assert_eq!(fails, all - 1);
            assert!(seen == new(&plan));
        } else {
            assert!(seen == old(), "{fails} {failure:?}");
        }
    }
}

#[test]
fn an_image_that_fails_its_check_is_put_back() {
    let plan = plan(3);
    let machine = machine(old(), None, usize::MAX, false);
    let mut journal = plan.clone();
    let mut check = || Err(Error::corrupt("not as the preview"));
    let failure = apply(
        &mut machine.clone(),
        &mut machine.clone(),
        &mut journal,
        &mut check,
    );
    assert!(failure.is_err());
    assert!(machine.0.borrow().image.durable == old());
    assert_eq!(journal.state(), Some(State::RolledBack));
}

#[test]
fn an_image_that_changed_since_the_plan_is_not_written() {
    let plan = plan(3);
    let mut image = old();
    image[1024] ^= 1;
    let machine = machine(image.clone(), None, usize::MAX, false);
    assert!(!run_apply(&machine, &plan));
    assert!(machine.0.borrow().image.seen() == image);
    assert!(machine.0.borrow().journal.is_none());
}

#[test]
fn a_foreign_byte_stops_undo_and_is_left() {
    let plan = plan(2);
    let machine = machine(old(), None, usize::MAX, false);
    assert!(run_apply(&machine, &plan));
    let mut image = new(&plan);
    image[7] = image[7].wrapping_add(1);
    machine.0.borrow_mut().image.durable.clone_from(&image);
    assert!(run_undo(&machine).is_err());
    assert!(machine.0.borrow().image.seen() == image);
}

#[test]
fn a_part_of_the_old_image_under_a_repair_that_was_ended_is_a_foreign_change() {
    let plan = plan(2);
    let machine = machine(old(), None, usize::MAX, false);
    assert!(run_apply(&machine, &plan));
    let mut image = new(&plan);
    image[..512].copy_from_slice(&old()[..512]);
    machine.0.borrow_mut().image.durable.clone_from(&image);
    let content = machine.0.borrow().journal.as_ref().unwrap().seen();
    let journal = Journal::parse(&content).unwrap();
    assert_eq!(extent(&machine, &journal).unwrap(), Extent::Mixed);
    assert!(run_undo(&machine).is_err());
    assert!(machine.0.borrow().image.seen() == image);
}

/// A journal that is made, and whose disk is full from then on.
struct Full;

impl JournalStore for Full {
    fn create(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn put_state(&mut self, _: u64, _: &[u8]) -> Result<()> {
        Err(Error::new(ErrorKind::Io, "no space left"))
    }

    fn name(&self) -> String {
        "journal".to_owned()
    }
}

#[test]
fn an_image_is_put_back_also_where_its_journal_can_be_written_no_more() {
    let plan = plan(3);
    let machine = machine(old(), None, usize::MAX, false);
    let mut check = || Err(Error::corrupt("not as the preview"));
    let failure = apply(
        &mut machine.clone(),
        &mut Full,
        &mut plan.clone(),
        &mut check,
    );
    assert!(matches!(
        failure,
        Err(crate::repair::write::Failure::PutBack(_))
    ));
    assert!(machine.0.borrow().image.durable == old());
}

#[test]
fn an_undo_of_a_copy_that_was_not_repaired_leaves_the_journal_for_the_real_image() {
    let plan = plan(2);
    let real = machine(old(), None, usize::MAX, false);
    assert!(run_apply(&real, &plan));
    let before = real.0.borrow().journal.as_ref().unwrap().seen();
    let copy = machine(old(), Some(before.clone()), usize::MAX, false);
    assert_eq!(run_undo(&copy).unwrap(), Undone::AlreadyOld);
    assert!(copy.0.borrow().journal.as_ref().unwrap().seen() == before);
}

#[test]
fn a_repaired_copy_is_put_back_by_a_journal_that_was_used_before() {
    let plan = plan(2);
    let real = machine(old(), None, usize::MAX, false);
    assert!(run_apply(&real, &plan));
    assert_eq!(run_undo(&real).unwrap(), Undone::PutBack);
    let used = real.0.borrow().journal.as_ref().unwrap().seen();
    let copy = machine(new(&plan), Some(used), usize::MAX, false);
    assert_eq!(run_undo(&copy).unwrap(), Undone::PutBack);
    assert!(copy.0.borrow().image.durable == old());
}
