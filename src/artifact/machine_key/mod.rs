//! Machine key files: their names, the containers they belong to, and the head of a CryptoAPI key file.
//!
//! A key file is found by its name, so the name alone decides whether Windows opens it: HASH of the container, an
//! underscore, MachineGuid. Published sources: jensign.com "UniqueKeyContainer" for the names, the structure
//! `KULL_M_KEY_CAPI_BLOB` of mimikatz and the reader of dpapick3 for the file.

mod capi_file;
mod containers;
mod file_name;
mod rsa_public;

#[cfg(test)]
pub(crate) use capi_file::tests::file as test_file;
pub use capi_file::{CapiFile, HEAD_BYTES, PairPlaces};
pub use containers::{Container, IIS_CONTAINER, known_container};
pub use file_name::{IIS_KEY_HASH, KeyFileName, NameRule, container_hash};
pub use rsa_public::RsaPublic;
