//! The report of `keys`: the machine keys against MachineGuid.

use serde::Serialize;

use crate::facts::Collected;
use crate::image::Installation;
use crate::report::{ImageInfo, InstallationInfo, SCHEMA_VERSION, Style, Tool};

/// The machine keys of an installation.
#[derive(Debug, Serialize)]
pub struct KeysReport {
    schema_version: &'static str,
    tool: Tool,
    image: ImageInfo,
    installation: InstallationInfo,
}

impl KeysReport {
    /// Puts together what was collected of the keys.
    pub fn new(image: ImageInfo, installation: &Installation, _collected: &Collected) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool: Tool::THIS,
            image,
            installation: InstallationInfo::new(installation),
        }
    }
}

/// The keys for people.
pub fn keys_text(_report: &KeysReport, _style: &Style) -> String {
    String::new()
}
