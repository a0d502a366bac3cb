//! The three ways in which Windows is sealed, told by version and embedded kind.

use crate::evidence::{Evidence, Locator, Unknown, Value, Version};
use crate::facts::Facts;
use crate::facts::read::{corrupt, earlier, windows_version};

/// How an installation is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    /// XP Embedded and its relatives, NT Embedded 4.0: setupcn.exe or setupcl.exe at the next boot.
    Embedded,
    /// NT 4.0 to Server 2003: Sysprep with mini-setup.
    BeforeVista,
    /// Vista and later, Embedded Standard 7 included: Sysprep with ImageState.
    Vista,
}

/// The embedded kinds that fbreseal seals.
pub(crate) const FBRESEAL_KINDS: [&str; 4] = ["xpe", "wepos", "wes2009", "posready2009"];
/// Windows NT Embedded 4.0.
const NT_EMBEDDED: &str = "nt_embedded";

/// Major and minor version of Windows Vista.
const VISTA: [u64; 2] = [6, 0];

/// The generation of the installation.
pub(crate) fn of(facts: &Facts) -> Result<Generation, Unknown> {
    let (version, _) = windows_version(facts)?;
    if version >= Version::from_parts(&VISTA) {
        return Ok(Generation::Vista);
    }
    let kind = embedded_kind(facts)?;
    if kind == NT_EMBEDDED || FBRESEAL_KINDS.contains(&kind.as_str()) {
        return Ok(Generation::Embedded);
    }
    Ok(Generation::BeforeVista)
}

/// The fact os.embedded_kind.
pub(crate) fn embedded_kind(facts: &Facts) -> Result<String, Unknown> {
    match earlier(facts, "os.embedded_kind")? {
        Some((Value::Text(kind), _)) => Ok(kind.clone()),
        Some((_, evidence)) => Err(corrupt("os.embedded_kind is no text", evidence.clone())),
        None => Err(corrupt(
            "os.embedded_kind is not there",
            Evidence::at(Locator::new("os.embedded_kind")),
        )),
    }
}
