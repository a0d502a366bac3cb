//! `goldseal` opens an offline Windows image and answers, with evidence, whether it may be cloned and whether it may be
//! sealed.

#![forbid(unsafe_code)]

// Helpers of tests/support speak of the crate by its name, in unit tests too.
#[cfg(test)]
extern crate self as goldseal;

pub mod artifact;
pub mod base;
pub mod diagnosis;
pub mod error;
pub mod evidence;
pub mod facts;
pub mod image;
pub mod proof;
pub mod repair;
pub mod report;
pub mod rules;
pub mod timeline;

pub use error::{Error, ErrorKind, Result};
