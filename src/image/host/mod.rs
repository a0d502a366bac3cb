//! Files of the host: opened read-only, without touching their access times, never through a link that leads out.

mod file;
mod read_files;
mod tree;

pub use file::{HostKind, OpenedHostFile, open_image_file};
pub(crate) use read_files::note_read;
pub use read_files::was_read;
pub(crate) use tree::is_plain_name;
pub use tree::{HostEntry, HostEntryKind, HostTree};

/// How many bytes of a host path are kept in a message.
const PATH_TEXT_MAX: usize = 4096;

/// A host path as text for messages; bytes that are no UTF-8 become U+FFFD.
pub(crate) fn path_text(path: &std::path::Path) -> String {
    path.to_string_lossy().chars().take(PATH_TEXT_MAX).collect()
}
