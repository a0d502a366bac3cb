//! Small types that every layer uses and that know nothing of images, artefacts or rules.

pub mod base64;
pub mod bytes;
pub mod contain;
pub mod distinct;
pub mod filetime;
pub mod guid;
pub mod limits;
pub mod redact;
pub mod utf16;
pub mod win_path;
