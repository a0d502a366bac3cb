//! Whether Windows can open the metabase with the key files that signed it (`key.opens_metabase`).
//!
//! Signing is not opening: IIS unwraps the session key with the exchange key, so a file must hold both pairs, its master key
//! must be here, and the wrapped session key must be a number below the modulus of the exchange key ([MS-IMSA] 2.2.2, Platform
//! SDK "Simple Key BLOBs"). Where two files carry the name that Windows looks for, both must open: which one it takes is not
//! known.

use crate::artifact::simple_blob::{Plausibility, RC4, RSA_KEYX, SimpleBlob};
use crate::evidence::UnknownReason;
use crate::facts::machine_keys::listing::{ListedKey, Listing};
use crate::facts::machine_keys::metabases::Pairings;
use crate::image::filesystem::ATTRIBUTE_ENCRYPTED;
use crate::proof::opens::{Answer, Opens};

/// An answer, or why there is none.
pub(crate) type Judged = Result<bool, (UnknownReason, String)>;

/// Whether Windows can open the private keys of a file: it is whole, its own container's, holds both pairs, is not encrypted
/// by EFS, and its master key is in the image; and where it was proved with secrets, it does open.
pub(crate) fn opens(listed: &ListedKey) -> Option<bool> {
    let proof = &listed.key.proof;
    if listed.metadata.has_attribute(ATTRIBUTE_ENCRYPTED) == Some(true)
        || proof.well_formed == Some(false)
        || proof.name_consistent == Some(false)
        || proof.both_pairs == Some(false)
    {
        return Some(false);
    }
    if proof.opens.as_ref().and_then(Opens::private_keys) == Some(false) {
        return Some(false);
    }
    match (proof.well_formed, proof.master_key_present) {
        (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => proof.both_pairs,
        _ => None,
    }
}

/// Whether a file that signed this metabase opens it; what was proved with secrets is of the live one only.
pub(crate) fn opens_metabase(listed: &ListedKey, metabase: &Pairings, is_live: bool) -> Judged {
    let proved = listed.key.proof.opens.as_ref().filter(|_| is_live);
    if proved.is_some_and(Opens::is_refuted) {
        return Ok(false);
    }
    let opens = opens(listed);
    if opens == Some(false) {
        return Ok(false);
    }
    if proved.is_none_or(|opens| opens.session_key != Answer::Yes)
        && !session_keys_fit(listed, metabase)?
    {
        return Ok(false);
    }
    if let Some(opens) = proved.filter(|opens| opens.property == Answer::No) {
        return Err((
            UnknownReason::Unsupported,
            format!(
                "{} opens the session key, and that opens no property: {}",
                listed.key.name,
                opens.reason.as_deref().unwrap_or("its proof says so")
            ),
        ));
    }
    opens.ok_or_else(|| {
        (
            UnknownReason::NotProvided,
            "the master key of the key file that signed the metabase could not be looked for, or its key pairs not read"
                .to_owned(),
        )
    })
}

/// Whether the exchange key of a file could have wrapped every session key; several that differ in that leave it open.
fn session_keys_fit(listed: &ListedKey, metabase: &Pairings) -> Judged {
    let unknown = |text: String| {
        let text = format!("{} and the session key: {text}", listed.key.name);
        (UnknownReason::Unsupported, text)
    };
    let Some(exchange) = &listed.exchange else {
        return Err(unknown("its exchange key could not be read".to_owned()));
    };
    if metabase.wrapped.len() != metabase.session_keys {
        return Err(unknown("there are too many to be looked at".to_owned()));
    }
    let mut fits = Vec::new();
    for blob in &metabase.wrapped {
        let blob = SimpleBlob::parse(blob).map_err(|error| unknown(error.chain()))?;
        if blob.wrapped_for != RSA_KEYX || blob.key_algorithm != RC4 {
            return Err(unknown(format!(
                "key of algorithm 0x{:04x} wrapped for 0x{:04x}, known are 0x{RC4:04x} and 0x{RSA_KEYX:04x}",
                blob.key_algorithm, blob.wrapped_for
            )));
        }
        fits.push(blob.block_fits(exchange) == Plausibility::Plausible);
    }
    match (fits.contains(&true), fits.contains(&false)) {
        (true, true) => Err(unknown("it fits some of several only".to_owned())),
        (_, wrong) => Ok(!wrong),
    }
}

/// Whether the live metabase is opened by one of the files that signed it, whatever their names.
pub(crate) fn any_opens(keys: &[usize], listing: &Listing, metabase: &Pairings) -> Judged {
    let mut any = Ok(false);
    for listed in keys.iter().filter_map(|index| listing.list.get(*index)) {
        match opens_metabase(listed, metabase, true) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(unknown) => any = Err(unknown),
        }
    }
    any
}

/// Whether the live metabase is opened by the file that carries MachineGuid, whichever of several Windows takes.
pub(crate) fn named_opens(keys: &[usize], listing: &Listing, metabase: &Pairings) -> Judged {
    let carriers: Vec<(usize, &ListedKey)> = listing
        .list
        .iter()
        .enumerate()
        .filter(|(_, listed)| listed.is_iis_key && listed.key.matches_machine_guid == Some(true))
        .collect();
    let mut answers = Vec::new();
    for (index, listed) in &carriers {
        answers.push(if keys.contains(index) {
            opens_metabase(listed, metabase, true)?
        } else if listed.key.proof.signed_metabase == "not_paired" {
            false
        } else {
            return Err((
                UnknownReason::Unsupported,
                format!(
                    "{} has the name of the key file that signed the metabase and could not be tried on it",
                    listed.key.path
                ),
            ));
        });
    }
    if answers.contains(&true) && answers.contains(&false) {
        let paths: Vec<&str> = carriers
            .iter()
            .map(|(_, listed)| listed.key.path.as_str())
            .collect();
        return Err((
            UnknownReason::Unsupported,
            format!(
                "{} have one name, and not all of them open the metabase; which one Windows opens is not known",
                paths.join(" and ")
            ),
        ));
    }
    Ok(answers.contains(&true))
}
