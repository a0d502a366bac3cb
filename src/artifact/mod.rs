//! Parsers of artefacts: bytes in, typed values out. None of them reads an image or holds an opinion.

pub mod app_compat_cache;
pub mod crypto_blob;
pub mod descriptor_accounts;
pub mod dpapi_blob;
pub mod event_log;
pub mod fba_log;
pub mod machine_key;
pub mod mam;
pub mod master_key_file;
pub mod metabase;
pub mod pe_version;
pub mod prefetch;
pub mod registry;
pub mod security_descriptor;
pub mod setup_inf;
pub mod simple_blob;
pub mod text_log;
pub mod user_assist;
