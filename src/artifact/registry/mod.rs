//! Registry hives: the base block and hive bins through `nt-hive`, and what that crate lacks.
//!
//! `nt-hive` answers the sorted look-up of a key. It is called behind a fence, and a miss is believed only after our own
//! reader has gone through the whole list. Our reader also gives what the crate keeps private: offsets, times, values of
//! every version, and the place of damage. Format: "Windows registry file format specification" (M. Suhanov) and
//! "Windows NT Registry File (REGF) format" (libregf).

mod base_block;
mod cells;
mod hive;
mod key;
mod key_node;
mod log;
mod log_new;
mod log_old;
mod marvin32;
mod names;
mod subkey_list;
mod value;
mod value_data;
mod value_list;
mod walk;

pub use hive::{Hive, HiveLog};
pub use key::Key;
pub use value::{KeyValue, ValueKind};
pub use walk::Walk;
