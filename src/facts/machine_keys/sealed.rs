//! Sealed images of Vista and later, in which no name of a key file lasts.
//!
//! Set-up gives every copy of a generalized image a MachineGuid of its own (specialize pass; setupact.log:
//! `CryptoSysPrep_Specialize: assigned CAPI machine guid`). Whatever MachineGuid the image holds, the old one, none or
//! another, is not the one that its copies will look for their keys by.

use crate::evidence::{Fact, Value};
use crate::facts::Facts;

/// Major version of Windows Vista.
const VISTA_MAJOR: u64 = 6;
/// What follows for a name of a key file in such an image.
pub const NO_NAME_LASTS: &str = "the image is sealed, and set-up (the specialize pass) gives every copy another MachineGuid at its first boot, so no name \
     of a key file in this image lasts; the disk of a copy can be repaired after its first boot";

/// Whether the image is generalized and its copies get another MachineGuid each; what is unknown is not said to be so.
pub fn copies_get_another_guid(facts: &Facts) -> bool {
    let is_vista = match facts.get("os.version").map(Fact::get) {
        Some(Ok(Some((Value::Version(version), _)))) => version
            .parts()
            .first()
            .is_some_and(|major| *major >= VISTA_MAJOR),
        _ => false,
    };
    let is_sealed = matches!(
        facts.get("sysprep.sealed").map(Fact::get),
        Some(Ok(Some((Value::Bool(true), _))))
    );
    is_vista && is_sealed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Evidence, Locator, Version};

    fn facts(version: &str, sealed: bool) -> Facts {
        let place = || Evidence::at(Locator::new("test"));
        let mut facts = Facts::new();
        let version = Value::Version(Version::parse(version).unwrap());
        facts.put("os.version", Fact::found(version, place()));
        facts.put("sysprep.sealed", Fact::found(sealed, place()));
        facts
    }

    #[test]
    fn only_copies_of_a_sealed_vista_or_later_get_another_guid() {
        assert!(copies_get_another_guid(&facts("6.0", true)));
        assert!(copies_get_another_guid(&facts("10.0", true)));
        assert!(!copies_get_another_guid(&facts("10.0", false)));
        assert!(!copies_get_another_guid(&facts("5.2", true)));
        assert!(!copies_get_another_guid(&Facts::new()));
    }
}
