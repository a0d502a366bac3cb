//! Facts about MachineGuid and the machine key files (crypto.*, key.*).

use serde::Serialize;

use crate::facts::{Context, Facts};
use crate::image::filesystem::FileTimes;

/// A machine key file, as the report lists it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MachineKey {
    /// The name of the file.
    pub name: String,
    /// Its path inside the image.
    pub path: String,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// The part of the name before the underscore: the hash of the container's name.
    pub container_hash: Option<String>,
    /// The container, if its hash or the name in clear inside the file tells it.
    pub container_name: Option<String>,
    /// The part of the name after the underscore: the MachineGuid under which the key was made.
    pub guid: Option<String>,
    /// Whether that GUID is the MachineGuid of the registry; `None` if either is unknown.
    pub matches_machine_guid: Option<bool>,
    /// The eight NTFS times.
    pub times: FileTimes,
    /// Number of the MFT record, on NTFS.
    pub mft_record: Option<u64>,
    /// What is proved of the file.
    pub proof: Proof,
}

/// What is proved of a key file; links that were not tested are `null` or `unknown`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proof {
    /// The structure of the file holds.
    pub well_formed: Option<bool>,
    /// The container name in clear hashes to the name of the file.
    pub name_consistent: Option<bool>,
    /// The DPAPI master key that the private key needs is in this image.
    pub master_key_present: Option<bool>,
    /// Whether this key signed the live metabase.
    pub signed_metabase: &'static str,
    /// Whether that rests on blobs carved from a binary metabase.
    pub by_inference: bool,
    /// Every metabase file that this key signed.
    pub paired_with: Vec<String>,
    /// Owner and access list of the file: `ok`, `weak`, `broken` or `unknown`.
    pub acl: &'static str,
}

/// Collects this group and lists the key files.
pub(crate) fn collect(_context: &Context<'_>, _facts: &mut Facts) -> Vec<MachineKey> {
    Vec::new()
}
