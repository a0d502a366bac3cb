//! The limits that keep hostile input from taking memory or time without bound.
//!
//! Each is compared with a size from the image before memory is reserved or a loop is begun.

/// Limits of one run; the defaults are the published ones.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Limits {
    /// Largest registry hive that is read into memory, in bytes.
    pub hive_bytes_max: u64,
    /// Largest transaction log that is read into memory, in bytes.
    pub hive_log_bytes_max: u64,
    /// Largest ordinary artefact (INF, metabase, text log) that is read into memory, in bytes.
    pub artifact_bytes_max: u64,
    /// Largest event log that is read into memory, in bytes.
    pub event_log_bytes_max: u64,
    /// Largest key file that is read into memory, in bytes.
    pub key_file_bytes_max: u64,
    /// Most bytes of security descriptors in `$Secure` that are read, not counting their second copies.
    pub security_descriptor_bytes_max: u64,
    /// Largest MFT that is searched for encrypted files, in bytes.
    pub mft_search_bytes_max: u64,
    /// Most entries of one directory.
    pub directory_entries_max: usize,
    /// Most entries visited when a tree is searched.
    pub tree_entries_max: usize,
    /// Deepest directory level that is visited.
    pub directory_depth_max: usize,
    /// Most partitions of one disk, extended ones included.
    pub partitions_max: usize,
    /// Longest chain of differencing disks.
    pub parent_chain_max: usize,
    /// Most Windows installations in one image.
    pub installations_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hive_bytes_max: 256 << 20,
            hive_log_bytes_max: 128 << 20,
            artifact_bytes_max: 64 << 20,
            event_log_bytes_max: 512 << 20,
            key_file_bytes_max: 1 << 20,
            security_descriptor_bytes_max: 2 << 20,
            mft_search_bytes_max: 1 << 20,
            directory_entries_max: 2_000_000,
            tree_entries_max: 200_000,
            directory_depth_max: 64,
            partitions_max: 256,
            parent_chain_max: 32,
            installations_max: 32,
        }
    }
}

impl Limits {
    /// The limits of a command that looks at one image and is to tell all: descriptors and the MFT of any real volume are
    /// read whole. The defaults keep what a check reads apart from hives to a few MiB.
    pub fn of_whole_volume() -> Self {
        Self {
            security_descriptor_bytes_max: 64 << 20,
            mft_search_bytes_max: 4 << 30,
            ..Self::default()
        }
    }
}
