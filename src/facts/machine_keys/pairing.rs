//! Which key files signed which metabase files, and what that means for the live one.
//!
//! Keys that are tried are those of IIS's container and of unknown containers that were opened: Windows finds a key by its
//! file name, so a key under another container's name opens nothing. If IIS uses no metabase, nothing is read or tried.

use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::machine_keys::folders::{FolderKind, Folders};
use crate::facts::machine_keys::listing::{ListedKey, Listing, SignatureKey};
use crate::facts::machine_keys::live_metabase::Live;
use crate::facts::machine_keys::mapping::place;
use crate::facts::machine_keys::metabases::{
    self, Metabase, Metabases, Pairings, Signer, Tried, why,
};
use crate::facts::machine_keys::opening::{any_opens, named_opens, opens_metabase};
use crate::facts::{Context, Facts};
use crate::proof::pairing::Outcome;
use crate::proof::signature::PublicKey;

/// The metabase files and the keys that were tried on them.
#[derive(Debug)]
pub(crate) struct Pairing {
    /// The metabase files.
    pub(crate) metabases: Metabases,
    /// For each key that was tried its place in the listing.
    keys: Vec<usize>,
    /// A key of IIS that could not be tried, or a place that could hold one and could not be seen.
    untried: Option<Unknown>,
}

/// What the key files have to do with the live metabase.
#[derive(Debug, Clone)]
pub(crate) enum State {
    /// IIS uses no metabase.
    NotInUse(Evidence),
    /// It could not be decided.
    Unknown(Unknown),
    /// No key here signed it.
    None,
    /// These did, by their places in the listing; one at least carries MachineGuid.
    MachineGuid(Vec<usize>),
    /// These did, and none carries MachineGuid.
    Other(Vec<usize>),
}

impl State {
    /// Whether a key file of this image signed the metabase.
    pub(crate) fn is_signed_here(&self) -> bool {
        matches!(self, Self::MachineGuid(_) | Self::Other(_))
    }
}

impl Pairing {
    /// Tries the keys of the listing on all metabase files and completes the proofs of the keys.
    pub(crate) fn test(
        context: &Context<'_>,
        live: &Live,
        folders: &Folders,
        listing: &mut Listing,
    ) -> Self {
        let (mut keys, mut public_keys, mut untried) = (Vec::new(), Vec::new(), None);
        for (index, listed) in listing.list.iter().enumerate() {
            match public_key(context, listed) {
                Ok(None) => {}
                Ok(Some(key)) => {
                    keys.push(index);
                    public_keys.push(key);
                }
                Err(unknown) => untried = untried.or(Some(unknown)),
            }
        }
        untried = untried.or_else(|| listing.unseen(folders).cloned());
        let metabases = metabases::collect(context, live, &public_keys);
        let pairing = Self {
            metabases,
            keys,
            untried,
        };
        pairing.complete_proofs(listing);
        pairing
    }

    fn complete_proofs(&self, listing: &mut Listing) {
        for tried in &self.metabases.tried {
            let Ok(pairings) = &tried.result else {
                continue;
            };
            for (index, signed) in self.keys.iter().zip(&pairings.signed) {
                let Some(listed) = listing.list.get_mut(*index) else {
                    continue;
                };
                let proof = &mut listed.key.proof;
                if tried.is_live {
                    proof.signed_metabase = signed.outcome.as_str();
                }
                if signed.outcome == Outcome::Paired {
                    proof.paired_with.push(tried.path.to_string());
                }
                let speaks = signed.outcome == Outcome::Paired
                    || (tried.is_live && signed.outcome == Outcome::NotPaired);
                proof.by_inference |= speaks && pairings.by_inference;
            }
            if tried.is_live {
                for listed in &mut listing.list {
                    if listed.is_iis_key && matches!(listed.signature, SignatureKey::None) {
                        let outcome = pairings.without_keys.unwrap_or(Outcome::NotPaired);
                        listed.key.proof.signed_metabase = outcome.as_str();
                    }
                }
            }
        }
    }

    /// The keys, by their places in the listing, that signed this file whole.
    fn signers<'p>(&'p self, pairings: &'p Pairings) -> impl Iterator<Item = usize> + 'p {
        self.keys
            .iter()
            .zip(&pairings.signed)
            .filter(|(_, signed)| signed.outcome == Outcome::Paired)
            .map(|(index, _)| *index)
    }

    /// The metabase files as reports list them.
    pub(crate) fn view(&self, listing: &Listing) -> Vec<Metabase> {
        self.metabases
            .tried
            .iter()
            .map(|tried| self.view_of(tried, listing))
            .collect()
    }

    fn view_of(&self, tried: &Tried, listing: &Listing) -> Metabase {
        let mut view = Metabase {
            path: tried.path.to_string(),
            kind: tried.kind,
            is_live: tried.is_live,
            may_be_live: tried.may_be_live,
            session_key_blobs: None,
            data_blobs: None,
            signed_by: Vec::new(),
            outcome: "unknown",
            fault: None,
            by_inference: false,
        };
        let pairings = match &tried.result {
            Ok(pairings) => pairings,
            Err(unknown) => {
                view.fault = Some(unknown.detail.clone());
                return view;
            }
        };
        view.session_key_blobs = Some(pairings.session_keys as u64);
        view.data_blobs = Some(pairings.properties as u64);
        view.by_inference = pairings.by_inference;
        view.signed_by = self
            .signers(pairings)
            .filter_map(|index| listing.list.get(index))
            .map(|listed| Signer {
                name: listed.key.name.clone(),
                path: listed.key.path.clone(),
            })
            .collect();
        match undecided(pairings) {
            _ if !view.signed_by.is_empty() => view.outcome = Outcome::Paired.as_str(),
            Some((outcome, fault)) => {
                view.outcome = outcome.as_str();
                view.fault = Some(fault);
            }
            None => match &self.untried {
                Some(unknown) => view.fault = Some(untried_text(unknown)),
                None => view.outcome = Outcome::NotPaired.as_str(),
            },
        }
        view
    }

    /// What holds of the live metabase.
    pub(crate) fn state(
        &self,
        context: &Context<'_>,
        facts: &Facts,
        live: &Live,
        listing: &Listing,
    ) -> State {
        let path = match live {
            Ok(Ok(live)) => &live.path,
            Ok(Err(absent)) => return State::NotInUse(absent.clone()),
            Err(unknown) => return State::Unknown(unknown.clone()),
        };
        let locator = || context.installation.place(path);
        let unknown = |reason, detail: String| {
            State::Unknown(Unknown::new(
                reason,
                format!("the metabase: {detail}"),
                locator(),
            ))
        };
        let Some(tried) = self.metabases.live() else {
            return unknown(UnknownReason::NotProvided, "it is not there".to_owned());
        };
        let pairings = match &tried.result {
            Ok(pairings) => pairings,
            Err(unread) => return State::Unknown(unread.clone()),
        };
        let signers: Vec<usize> = self.signers(pairings).collect();
        if !signers.is_empty() {
            return by_name(context, listing, signers);
        }
        if let Some((outcome, detail)) = undecided(pairings) {
            let reason = match outcome {
                Outcome::NoBlob | Outcome::ClearText => UnknownReason::NotProvided,
                Outcome::Portable => UnknownReason::Unsupported,
                _ => UnknownReason::Corrupt,
            };
            return unknown(reason, detail);
        }
        if let Some(unseen) = &self.untried {
            return State::Unknown(unseen.clone());
        }
        if keeps_keys_in_the_registry(facts) {
            return unknown(
                UnknownReason::Unsupported,
                "no key file signed it, and Windows NT 4.0 keeps its keys in the registry, which is not tested"
                    .to_owned(),
            );
        }
        State::None
    }

    /// Puts the facts of the pairing; the answer is the state that they show.
    pub(crate) fn put(
        &self,
        context: &Context<'_>,
        facts: &mut Facts,
        state: &State,
        listing: &Listing,
    ) {
        let live = self.metabases.live().map(|tried| tried.evidence.clone());
        let fact = |value: Value, keys: &[usize]| {
            let places = keys
                .iter()
                .filter_map(|index| listing.list.get(*index))
                .map(|listed| place(context, listed));
            let first = live
                .clone()
                .unwrap_or_else(|| Evidence::at(context.installation.locator.clone()));
            Fact::found_in(value, first, places)
        };
        let (word, keys) = match state {
            State::NotInUse(absent) => {
                for id in ["key.pairing", "key.opens_metabase", "key.paired_files"] {
                    facts.put(id, Fact::Absent(absent.clone()));
                }
                facts.put("key.opened_copies", Fact::Absent(absent.clone()));
                return;
            }
            State::Unknown(unknown) => {
                for id in ["key.pairing", "key.opens_metabase", "key.paired_files"] {
                    facts.put(id, Fact::Unknown(unknown.clone()));
                }
                facts.put("key.opened_copies", self.opened_copies(context, listing));
                return;
            }
            State::None => ("none", &[][..]),
            State::MachineGuid(keys) => ("machine_guid", keys.as_slice()),
            State::Other(keys) => ("other", keys.as_slice()),
        };
        let names = keys
            .iter()
            .filter_map(|index| listing.list.get(*index))
            .map(|listed| listed.key.name.clone());
        facts.put("key.pairing", fact(Value::text(word), keys));
        facts.put("key.paired_files", fact(Value::texts(names), keys));
        let metabase = self
            .metabases
            .live()
            .and_then(|tried| tried.result.as_ref().ok());
        let judged = match (state, metabase) {
            (State::MachineGuid(_), Some(metabase)) => named_opens(keys, listing, metabase),
            (_, Some(metabase)) => any_opens(keys, listing, metabase),
            (_, None) => Ok(false),
        };
        let opens = match judged {
            Ok(opens) => fact(Value::Bool(opens), keys),
            Err((reason, detail)) => Fact::Unknown(Unknown::new(
                reason,
                detail,
                context.installation.locator.clone(),
            )),
        };
        facts.put("key.opens_metabase", opens);
        facts.put("key.opened_copies", self.opened_copies(context, listing));
    }

    /// `key.opened_copies`: copies of the metabase that a key here opens.
    fn opened_copies(&self, context: &Context<'_>, listing: &Listing) -> Fact {
        let opened: Vec<&Tried> = self
            .metabases
            .tried
            .iter()
            .filter(|tried| !tried.is_live)
            .filter(|tried| {
                tried.result.as_ref().is_ok_and(|pairings| {
                    self.signers(pairings)
                        .filter_map(|index| listing.list.get(index))
                        .any(|listed| opens_metabase(listed, pairings, false) == Ok(true))
                })
            })
            .collect();
        // Of one that may be the live one it is not known whether it is a copy.
        if let (Some(_), Some(unknown)) = (
            opened.iter().find(|tried| tried.may_be_live),
            &self.metabases.in_use_unknown,
        ) {
            return Fact::Unknown(unknown.clone());
        }
        let paths = Value::texts(opened.iter().map(|tried| tried.path.to_string()));
        let mut places = opened.iter().map(|tried| tried.evidence.clone());
        if let Some(first) = places.next() {
            return Fact::found_in(paths, first, places);
        }
        if let Some(unknown) = self.unseen_copy(context, listing) {
            return Fact::Unknown(unknown);
        }
        let tried = self.metabases.tried.iter();
        let searched = tried.map(|tried| tried.path.to_string()).collect();
        let place = context.installation.locator.clone();
        Fact::found(paths, Evidence::at(place).searched(searched))
    }

    /// What could still be a copy that a key here opens: one that could not be read or decided, or any, for a key that could
    /// not be tried.
    fn unseen_copy(&self, context: &Context<'_>, listing: &Listing) -> Option<Unknown> {
        let mut can_be_tried = false;
        for tried in self.metabases.tried.iter().filter(|tried| !tried.is_live) {
            let unknown = |reason, detail: String| {
                let detail = format!("{}: {detail}", tried.path);
                Some(Unknown::new(
                    reason,
                    detail,
                    context.installation.place(&tried.path),
                ))
            };
            let pairings = match &tried.result {
                Ok(pairings) => pairings,
                Err(unread) => return unknown(unread.reason, unread.detail.clone()),
            };
            can_be_tried |= pairings.without_keys.is_none();
            let signers: Vec<usize> = self.signers(pairings).collect();
            for listed in signers.iter().filter_map(|index| listing.list.get(*index)) {
                if let Err((reason, detail)) = opens_metabase(listed, pairings, false) {
                    return unknown(reason, detail);
                }
            }
            if signers.is_empty()
                && let Some((Outcome::Unknown(_), detail)) = undecided(pairings)
            {
                return unknown(UnknownReason::Corrupt, detail);
            }
        }
        if let Some(note) = self.metabases.notes.first() {
            return Some(Unknown::new(
                UnknownReason::NotProvided,
                note.clone(),
                context.installation.locator.clone(),
            ));
        }
        self.untried.as_ref().filter(|_| can_be_tried).cloned()
    }
}

/// The key that a file signs with, ready to be tried; an error only for a file of IIS, for others there is none.
fn public_key(context: &Context<'_>, listed: &ListedKey) -> Result<Option<PublicKey>, Unknown> {
    let place = || context.installation.place(&listed.path());
    let unknown = match &listed.signature {
        SignatureKey::None => return Ok(None),
        SignatureKey::Key(key) => match PublicKey::new(key) {
            Ok(key) => return Ok(Some(key)),
            Err(error) => Unknown::from_error(&error, place()),
        },
        // There may be very many of these, and no place is made up for each.
        _ if !listed.is_iis_key => return Ok(None),
        SignatureKey::Unread(unknown) => unknown.clone(),
        SignatureKey::NotOpened => Unknown::new(
            UnknownReason::LimitExceeded,
            "the file was not opened, there are very many",
            place(),
        ),
    };
    if listed.is_iis_key {
        Err(unknown)
    } else {
        Ok(None)
    }
}

/// Why no key that was tried decides, for a file that none signed whole.
fn undecided(pairings: &Pairings) -> Option<(Outcome, String)> {
    if let Some(outcome) = pairings.without_keys {
        return Some((outcome, why(outcome).to_owned()));
    }
    let partly = pairings
        .signed
        .iter()
        .find(|signed| matches!(signed.outcome, Outcome::Unknown(_)))?;
    let mut text = why(partly.outcome).to_owned();
    if let Some(properties) = partly.properties {
        text.push_str(&format!(
            " ({properties} of {} properties are signed)",
            pairings.properties
        ));
    }
    Some((partly.outcome, text))
}

fn untried_text(unknown: &Unknown) -> String {
    format!(
        "no key that was tried signed it, and one could not be tried: {}: {}",
        unknown.evidence.locator, unknown.detail
    )
}

/// NT 4.0 has no folder of machine keys of its own; where the version is not known, it may be that.
fn keeps_keys_in_the_registry(facts: &Facts) -> bool {
    let is_later = matches!(
        facts.get("os.version").map(Fact::get),
        Some(Ok(Some((Value::Version(version), _)))) if version.parts().first() >= Some(&5)
    );
    let has_none = match facts.get("crypto.registry_key_containers").map(Fact::get) {
        Some(Ok(None)) => true,
        Some(Ok(Some((Value::List(containers), _)))) => containers.is_empty(),
        _ => false,
    };
    !(is_later && has_none)
}

/// Whether those that signed carry MachineGuid. Of two files of one name of which one signed, Windows may open the other.
fn by_name(context: &Context<'_>, listing: &Listing, signers: Vec<usize>) -> State {
    let is_named =
        |listed: &ListedKey| listed.is_iis_key && listed.key.matches_machine_guid == Some(true);
    let keys = || {
        signers
            .iter()
            .filter_map(|index| Some((*index, listing.list.get(*index)?)))
    };
    if let Some((_, listed)) =
        keys().find(|(_, listed)| listed.key.matches_machine_guid.is_none() && listed.is_iis_key)
    {
        return State::Unknown(Unknown::new(
            UnknownReason::NotProvided,
            "MachineGuid is not known, so the name of the file that signed the metabase cannot be judged",
            context.installation.place(&listed.path()),
        ));
    }
    let named: Vec<(usize, &ListedKey)> = keys().filter(|(_, listed)| is_named(listed)).collect();
    if named.is_empty() {
        return State::Other(signers);
    }
    // MachineKeys is the usual place and S-1-5-18 the second one; which Windows opens is known only if they agree.
    let in_machine_keys = named
        .iter()
        .any(|(_, listed)| listed.kind == FolderKind::RsaMachineKeys);
    let rival = listing.iis_keys().find(|listed| {
        is_named(listed)
            && !(in_machine_keys && listed.kind != FolderKind::RsaMachineKeys)
            && !named.iter().any(|(_, other)| other.path() == listed.path())
    });
    match rival {
        Some(rival) => State::Unknown(Unknown::new(
            UnknownReason::Unsupported,
            format!(
                "{} has the name of the key file that signed the metabase and did not sign it; which of the two Windows opens is not known",
                rival.key.path
            ),
            context.installation.place(&rival.path()),
        )),
        None => State::MachineGuid(named.into_iter().map(|(index, _)| index).collect()),
    }
}
