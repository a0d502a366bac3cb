//! The proofs of keys: functions on bytes, each one link of the chain from a key file to a metabase.
//!
//! File names and times suggest which key belongs to a metabase; these functions prove it. None of them reads an image, and
//! none holds an opinion on what to do: they say what holds, what does not, and what could not be tested.
//!
//! # Getting started
//!
//! - L2, the structure of a key file: [`key_file::structure`].
//! - L3, its name against the container inside: [`key_file::is_named_for_its_container`].
//! - L4, its public signature key: [`key_file::signature_key`], [`key_file::fingerprint`].
//! - L5, whether it signed a metabase: [`signature::PublicKey::new`], then [`pairing::pair`] with the
//!   [`MetabaseBlobs`](crate::artifact::metabase::MetabaseBlobs) of the file; for one blob [`signature::PublicKey::recover`].
//! - L7, with secrets: [`boot_key::BootKey::from_class_names`], [`lsa::LsaKey::open_nt5`] or
//!   [`open_nt6`](lsa::LsaKey::open_nt6), [`lsa::LsaKey::open_secret`], [`lsa::DpapiSystem::parse`],
//!   [`master_key::MasterKey::open`].
//! - L8: [`private_key::PrivateKey::open`]; for any DPAPI blob [`dpapi::open`].
//! - L9: [`session_key::SessionKey::unwrap`], then [`session_key::SessionKey::tries`] a property.
//! - L7 to L9 of one key file in order: [`opens::prove`].
//!
//! What L7 to L9 open is held in types that print as their length and are wiped when they go.

pub mod algorithms;
pub mod boot_key;
pub mod dpapi;
pub mod key_file;
pub mod lsa;
pub mod master_key;
pub mod opens;
pub mod pairing;
pub mod private_key;
pub mod secret;
pub mod session_key;
pub mod signature;
