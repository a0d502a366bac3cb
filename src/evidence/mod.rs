//! Facts and where they come from: found, absent and unknown are three different things everywhere.

mod fact;
mod locator;
mod value;

pub use fact::{Fact, Unknown, UnknownReason};
pub use locator::{Evidence, HiveState, Locator};
pub use value::{Value, Version};
