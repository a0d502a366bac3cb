//! The proofs of keys: functions on bytes, each one link of the chain from a key file to a metabase.
//!
//! File names and times suggest which key belongs to a metabase; these functions prove it. None of them reads an image, and
//! none holds an opinion on what to do: they say what holds, what does not, and what could not be tested.

pub mod signature;
