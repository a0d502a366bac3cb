//! Registry hives: the base block and hive bins through `nt-hive`, and what that crate lacks.

mod hive;
mod key;
mod value;

pub use hive::{Hive, HiveLog};
pub use key::Key;
pub use value::{KeyValue, ValueKind};
