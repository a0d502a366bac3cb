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
use crate::repair::write::{
    Extent, Failure, JournalStore, Left, UndoFailure, Undone, apply, extent, undo,
};

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
    /// What of the image is broken, and after how many syncs of the image it breaks.
    broken: Vec<(Fault, usize)>,
    syncs: usize,
}

/// A part of the image that fails whenever it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Read(u64),
    Write(u64),
    Sync,
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

    fn ask(&self, fault: Fault) -> Result<()> {
        let is_broken = |(broken, from): &(Fault, usize)| *broken == fault && self.syncs >= *from;
        if self.broken.iter().any(is_broken) {
            return Err(Error::new(ErrorKind::Io, "the disk is broken here"));
        }
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
        self.0.borrow().ask(Fault::Read(offset))?;
        let seen = self.0.borrow().image.seen();
        let at = usize::try_from(offset).unwrap();
        buf.copy_from_slice(&seen[at..at + buf.len()]);
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut machine = self.0.borrow_mut();
        machine.ask(Fault::Write(offset))?;
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
        let broken = machine.ask(Fault::Sync);
        machine.syncs += 1;
        broken?;
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

    fn discard(&mut self) -> Result<()> {
        self.0.borrow_mut().journal = None;
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
            identity: None,
            actions: Vec::new(),
            moves: Vec::new(),
            full: None,
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
        broken: Vec::new(),
        syncs: 0,
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

fn run_undo(machine: &Shared) -> std::result::Result<Undone, UndoFailure> {
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
        if matches!(failure, Failure::Unmarked(_)) {
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

    fn discard(&mut self) -> Result<()> {
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
    assert!(matches!(failure, Err(Failure::PutBack(_))));
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

/// A disk for the journal that was filled by another program as soon as the journal was made.
struct Filled {
    bytes: u64,
}

impl JournalStore for Filled {
    fn create(&mut self, body: &[u8]) -> Result<()> {
        self.bytes = u64::try_from(body.len()).unwrap();
        Ok(())
    }

    fn discard(&mut self) -> Result<()> {
        Ok(())
    }

    fn put_state(&mut self, offset: u64, state: &[u8]) -> Result<()> {
        if offset + u64::try_from(state.len()).unwrap() > self.bytes {
            return Err(Error::new(ErrorKind::Io, "no space left"));
        }
        Ok(())
    }

    fn name(&self) -> String {
        "journal".to_owned()
    }
}

#[test]
fn the_states_of_a_journal_need_no_space_that_it_does_not_have() {
    let plan = plan(3);
    let machine = machine(old(), None, usize::MAX, false);
    let mut store = Filled { bytes: 0 };
    let mut journal = plan.clone();
    apply(&mut machine.clone(), &mut store, &mut journal, &mut || {
        Ok(())
    })
    .unwrap();
    undo(&mut machine.clone(), &mut store, &mut journal).unwrap();
    assert_eq!(journal.states.len(), 3);
}

/// A journal during whose making another program writes to the image.
struct Slow<'m>(&'m Shared);

impl JournalStore for Slow<'_> {
    fn create(&mut self, body: &[u8]) -> Result<()> {
        self.0.0.borrow_mut().image.durable[1025] ^= 1;
        self.0.clone().create(body)
    }

    fn discard(&mut self) -> Result<()> {
        self.0.clone().discard()
    }

    fn put_state(&mut self, offset: u64, state: &[u8]) -> Result<()> {
        self.0.clone().put_state(offset, state)
    }

    fn name(&self) -> String {
        "journal".to_owned()
    }
}

#[test]
fn a_journal_that_was_made_for_nothing_is_taken_away() {
    let machine = machine(old(), None, usize::MAX, false);
    let mut store = Slow(&machine);
    let mut journal = plan(3);
    let failure = apply(&mut machine.clone(), &mut store, &mut journal, &mut || {
        Ok(())
    });
    assert!(matches!(failure, Err(Failure::Untouched(_))), "{failure:?}");
    assert!(machine.0.borrow().journal.is_none());
}

/// Every fault of the image of a plan of two sectors, from the start and from after each sync.
fn faults() -> Vec<(Fault, usize)> {
    let kinds = [
        Fault::Read(0),
        Fault::Read(1024),
        Fault::Write(0),
        Fault::Write(1024),
        Fault::Sync,
    ];
    kinds
        .into_iter()
        .flat_map(|fault| (0..3).map(move |from| (fault, from)))
        .collect()
}

/// What the image really holds.
fn really(machine: &Shared, plan: &Journal) -> Extent {
    machine.0.borrow_mut().broken.clear();
    extent(machine, plan).unwrap()
}

#[test]
fn a_repair_that_fails_says_what_the_image_holds() {
    let plan = plan(2);
    let mut seen = BTreeSet::new();
    for fault in faults() {
        for is_good in [true, false] {
            let machine = machine(old(), None, usize::MAX, false);
            machine.0.borrow_mut().broken.push(fault);
            let mut check = || {
                if is_good {
                    return Ok(());
                }
                Err(Error::corrupt("not as the preview"))
            };
            let mut journal = plan.clone();
            let failure = apply(
                &mut machine.clone(),
                &mut machine.clone(),
                &mut journal,
                &mut check,
            );
            let real = really(&machine, &plan);
            let word = match failure {
                Ok(()) => {
                    assert_eq!(real, Extent::New, "{fault:?}");
                    "done"
                }
                Err(Failure::Untouched(_)) => {
                    assert_eq!(real, Extent::Old, "{fault:?}");
                    assert!(machine.0.borrow().journal.is_none());
                    "untouched"
                }
                Err(Failure::PutBack(_)) => {
                    assert_eq!(real, Extent::Old, "{fault:?}");
                    "put back"
                }
                Err(Failure::HalfApplied(_, Left::Seen(said))) => {
                    assert_eq!(real, said, "{fault:?}");
                    "seen"
                }
                Err(Failure::HalfApplied(_, Left::Unknown(_))) => "unknown",
                Err(Failure::Unmarked(_)) => "unmarked",
            };
            seen.insert(word);
            if real != Extent::Old {
                run_undo(&machine).unwrap();
                assert_eq!(really(&machine, &plan), Extent::Old, "{fault:?}");
            }
        }
    }
    let all = ["done", "put back", "seen", "unknown", "untouched"];
    assert!(seen.iter().eq(all.iter()), "{seen:?}");
}

#[test]
fn an_undo_that_fails_says_what_the_image_holds_and_can_be_begun_anew() {
    let plan = plan(2);
    let mut seen = BTreeSet::new();
    for fault in faults() {
        let machine = machine(old(), None, usize::MAX, false);
        assert!(run_apply(&machine, &plan));
        machine.0.borrow_mut().syncs = 0;
        machine.0.borrow_mut().broken.push(fault);
        let result = run_undo(&machine);
        let real = really(&machine, &plan);
        seen.insert(match result {
            Ok(_) => {
                assert_eq!(real, Extent::Old, "{fault:?}");
                "done"
            }
            Err(UndoFailure::Untouched(_)) => {
                assert_eq!(real, Extent::New, "{fault:?}");
                "untouched"
            }
            Err(UndoFailure::OnTheWay(_, Left::Seen(said))) => {
                assert_eq!(real, said, "{fault:?}");
                "seen"
            }
            Err(UndoFailure::OnTheWay(_, Left::Unknown(_))) => "unknown",
            Err(failure) => panic!("{fault:?}: {failure:?}"),
        });
        run_undo(&machine).unwrap();
        assert_eq!(really(&machine, &plan), Extent::Old, "{fault:?}");
    }
    let all = ["done", "seen", "unknown", "untouched"];
    assert!(seen.iter().eq(all.iter()), "{seen:?}");
}

#[test]
fn a_read_that_fails_is_not_called_a_change() {
    let plan = plan(2);
    let machine = machine(old(), None, usize::MAX, false);
    assert!(run_apply(&machine, &plan));
    machine.0.borrow_mut().broken.push((Fault::Read(0), 0));
    assert!(matches!(run_undo(&machine), Err(UndoFailure::Untouched(_))));
    machine.0.borrow_mut().broken.clear();
    machine.0.borrow_mut().image.durable[7] ^= 1;
    assert!(matches!(run_undo(&machine), Err(UndoFailure::Changed(_))));
}

#[test]
fn of_many_foreign_sectors_the_first_are_named_and_the_others_counted() {
    let mut plan = plan(4);
    // Eleven more sectors, each of which holds something else.
    for number in 0..11_u64 {
        let mut entry = plan.entries[0].clone();
        entry.file_offset = 512 + number;
        plan.entries.push(entry);
    }
    let machine = machine(old(), None, usize::MAX, false);
    let text = extent(&machine, &plan).unwrap_err().to_string();
    assert_eq!(text.matches("0x").count(), 8, "{text}");
    assert!(text.contains("and 3 more"), "{text}");
}
