//! Repair: the key file that belongs to the metabase gets the name that ends in the current MachineGuid.
//!
//! plan -> preview -> apply -> verify (-> undo). Planning and preview write nothing: [`RepairPlan::make`] finds the sectors
//! that would change, [`preview::after`] runs every check on the image seen through them. This module is the only one that
//! may import a writable device; `tests/tidy.rs` holds it to that.
//!
//! # Layout
//!
//! | file | what |
//! | --- | --- |
//! | `gate.rs` | why a repair is refused |
//! | `wanted.rs` | what is to be done, and the edits that do it |
//! | `bogus.rs` | the one file that may be removed |
//! | `others.rs` | the containers beside the proved one |
//! | `plan.rs` | from edits to the sectors and bytes that change |
//! | `preview.rs` | every check before and after |
//! | `neighbours.rs` | what the change does to the other installations of the image |
//! | `journal/` | old and new bytes of every sector, and how far a repair has come |
//! | `write.rs` | the order of a write, and the way back; `medium.rs` what it writes to |
//! | `files.rs`, `in_place.rs` | image and journal as files of the host |
//! | `pointer.rs` | where the journal is, if not beside the image |
//! | `directory.rs`, `removed.rs` | new names in a directory of the host, and a file that is removed |
//! | `copy.rs` | a repaired copy |
//! | `children.rs` | disks that build on the image |
//! | `full_hash.rs` | the digest of a whole image before and after |
//! | `backup.rs` | the copy of a file before it is removed |
//! | `trust.rs` | whose word a journal is |
//! | `saved.rs` | plans and patches as files |
//! | `in_use/`, `lock.rs`, `status.rs` | who else uses the image; a repair that was not finished |
//! | `ntfs/` | the edit engine of NTFS: gates, index as slots, staged blocks, check of the result |
//! | `fat/` | long names of FAT volumes: gates, places of the characters, check of the result |

pub mod backup;
pub mod bogus;
mod children;
pub mod copy;
mod directory;
pub mod fat;
mod files;
pub mod full_hash;
pub mod gate;
pub mod in_place;
pub mod in_use;
pub mod journal;
mod lock;
pub mod medium;
pub mod neighbours;
pub mod ntfs;
pub mod others;
pub mod plan;
mod pointer;
pub mod preview;
mod removed;
pub mod saved;
pub mod status;
mod trust;
pub mod wanted;
pub mod write;
#[cfg(test)]
mod write_tests;

pub use directory::Move;
pub use files::{journal_beside, read_small, write_new};
pub use full_hash::FullHash;
pub use gate::{Gate, Planned, Refusal};
pub use neighbours::Neighbour;
pub use ntfs::Edit;
pub use others::NotDone;
pub use plan::{ByteRange, RepairPlan};
pub use preview::{Checked, Preview};
pub use removed::Removed;
pub use wanted::{Action, Removal, Wanted};

/// Whether a file that begins so is kept for the way back or for another run: a journal, a pointer to one, a plan or a patch.
pub fn is_kept_file(head: &[u8]) -> bool {
    let dense: Vec<u8> = head
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let is_saved = |word: &str| dense.starts_with(format!("{{\"format\":\"{word}\"").as_bytes());
    head.starts_with(journal::MAGIC)
        || head.starts_with(pointer::HEAD)
        || is_saved(saved::PLAN)
        || is_saved(saved::PATCH)
}
