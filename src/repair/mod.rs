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
//! | `plan.rs` | from names to the sectors and bytes that change |
//! | `preview.rs` | every check before and after |
//! | `ntfs/` | the edit engine of NTFS: gates, index as slots, staged blocks, check of the result |

pub mod gate;
pub mod ntfs;
pub mod plan;
pub mod preview;

pub use gate::{Gate, Planned, Refusal};
pub use ntfs::Edit;
pub use plan::{Action, ByteRange, RepairPlan};
pub use preview::Checked;
