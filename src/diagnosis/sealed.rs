//! A sealed image of Vista and later whose copies lose their keys: what happens on each copy, by which proof, what to do.

use crate::diagnosis::ask::{said, word, yes_no};
use crate::diagnosis::cause::{Seen, relevant, uses_no_metabase};
use crate::diagnosis::hindrance;
use crate::facts::Collected;
use crate::facts::machine_keys::copies_get_another_guid;

/// Whether copies of a sealed image lose what the configuration of IIS 7 and later holds encrypted.
pub(crate) fn loses_encrypted_config(collected: &Collected) -> bool {
    copies_get_another_guid(&collected.facts)
        && yes_no(collected, "iis.config_encrypted") == Some(true)
}

/// What happens on the copies of a sealed image of Vista and later, and by which proof.
pub(crate) fn sentence(seen: &Seen<'_>) -> String {
    let collected = seen.collected;
    let state = said(collected, "sysprep.image_state");
    let specialize = format!(
        "the image is sealed ({state}), and set-up (the specialize pass) gives every copy another MachineGuid at its first boot"
    );
    let others = hindrance::beside_sealing(&relevant(seen));
    let besides = if others.is_empty() {
        String::new()
    } else {
        format!("; besides: {}", hindrance::said(&others))
    };
    if uses_no_metabase(collected) {
        return format!(
            "IIS uses no metabase here, and its configuration holds encrypted values that no copy can open: {specialize}, by which Windows no longer finds the keys of IIS 7 and later{besides}"
        );
    }
    let name = match word(collected, "key.pairing") {
        Some("machine_guid") => {
            "carries MachineGuid, so IIS opens it here, in the state before its first boot"
        }
        _ => "does not carry the MachineGuid of the image either",
    };
    let encrypted = if loses_encrypted_config(collected) {
        "; the encrypted values in the configuration of IIS are lost there as well"
    } else {
        ""
    };
    format!(
        "IIS cannot open its metabase on any copy of this image: {} signed it and {name}; {specialize}, so Windows no longer finds that key there and IIS Admin ends with 0x80090006; this happens on each of them{encrypted}{besides}",
        said(collected, "key.paired_files")
    )
}

/// What to do with a sealed image of Vista and later whose copies will get another MachineGuid each.
pub(crate) fn steps(collected: &Collected) -> Vec<String> {
    let mut steps = vec![
        "A rename in this image does not last: it is sealed, and set-up (the specialize pass) gives every copy another MachineGuid at its first boot",
    ];
    if !uses_no_metabase(collected) {
        steps.extend([
            "For the image: go back to the state before sealing, remove the IIS 6 metabase (IIS 6 Management Compatibility) if nothing needs it, or install IIS after deployment, and seal again",
            "For a copy that is deployed: shut it down after its first boot and repair its disk, or remove and add the IIS 6 metabase feature on it; settings of SMTP and of the old metabase are then lost",
        ]);
    }
    if loses_encrypted_config(collected) {
        steps.push("For the encrypted values in the configuration of IIS: take them out before sealing (IIS-012 lists them) and set them again after deployment, on copies that are deployed as well (KB942060)");
    }
    steps.into_iter().map(str::to_owned).collect()
}
