//! The links of the chain of proof, L0 to L10, each with what it showed or why it was not tested.

use serde::Serialize;

use crate::diagnosis::history;
use crate::evidence::{Fact, Unknown, Value};
use crate::facts::{Collected, MachineKey};

/// How a link came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// It holds.
    Holds,
    /// It does not hold.
    Fails,
    /// It was looked at and says neither.
    Open,
    /// It was not tested.
    NotTested,
    /// There is nothing here that it could be tested on.
    NotApplicable,
}

impl LinkState {
    /// The words for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Open => "open",
            Self::NotTested => "not tested",
            Self::NotApplicable => "not applicable",
        }
    }
}

/// One link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Its name, `L0` to `L10`.
    pub link: &'static str,
    /// What it asks.
    pub question: &'static str,
    /// How it came out.
    pub state: LinkState,
    /// Whether it rests on an inference and not on a published format.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_inference: bool,
    /// What was seen, or why it was not tested.
    pub detail: String,
}

/// All links of an installation, in the order of the chain.
pub(crate) fn of(collected: &Collected) -> Vec<Link> {
    let keys = Deciding::of(collected);
    let live = collected.metabases.iter().find(|metabase| metabase.is_live);
    vec![
        link(
            "L0",
            "what do the logs tell of MachineGuid and of failures",
            history::link(collected),
        ),
        link(
            "L1",
            "is a key file named for MachineGuid",
            names(collected),
        ),
        link(
            "L2",
            "are the key files whole",
            each(&keys, ["whole", "damaged"], |key| key.proof.well_formed),
        ),
        link(
            "L3",
            "do the key files hold the container that they are named for",
            each(
                &keys,
                ["named for its container", "named for another container"],
                |key| key.proof.name_consistent,
            ),
        ),
        link(
            "L4",
            "do the key files hold a signature and an exchange key",
            public_keys(&keys),
        ),
        Link {
            by_inference: live.is_some_and(|live| live.by_inference),
            ..link("L5", "which key signed the metabase", pairing(collected))
        },
        link(
            "L5'",
            "does the configuration of IIS 7 and later hold encrypted values",
            config(collected),
        ),
        link(
            "L6",
            "are the master keys of the key files in this image",
            each(
                &keys,
                [
                    "its master key is here",
                    "its master key is missing or damaged",
                ],
                |key| key.proof.master_key_present,
            ),
        ),
        link(
            "L7-L9",
            "do master key, private key, session key and a property open",
            opens(collected, &keys.list),
        ),
        link("L10", "may Windows open the key files", access(collected)),
    ]
}

fn link(link: &'static str, question: &'static str, (state, detail): (LinkState, String)) -> Link {
    Link {
        link,
        question,
        state,
        by_inference: false,
        detail,
    }
}

/// The files that decide: those that signed the live metabase, or else all of IIS's container.
struct Deciding<'c> {
    list: Vec<&'c MachineKey>,
    /// Why there may be others, where all decide.
    unread: Option<Unknown>,
}

impl<'c> Deciding<'c> {
    fn of(collected: &'c Collected) -> Self {
        let paired: Vec<&MachineKey> = collected
            .machine_keys
            .iter()
            .filter(|key| key.proof.signed_metabase == "paired")
            .collect();
        if !paired.is_empty() {
            return Self {
                list: paired,
                unread: None,
            };
        }
        let unread = match collected.facts.get("crypto.c23_files") {
            Some(Fact::Unknown(unknown)) => Some(unknown.clone()),
            _ => None,
        };
        Self {
            list: keys_of_iis(collected),
            unread,
        }
    }

    /// What is said where there is none.
    fn none(&self) -> (LinkState, String) {
        match &self.unread {
            Some(unread) => (LinkState::NotTested, not_read(unread)),
            None => (
                LinkState::NotApplicable,
                "there is no key file of IIS".to_owned(),
            ),
        }
    }

    /// The answer of the files that were read; without a failure among them, those that were not leave it open.
    fn with_unread(&self, (state, mut detail): (LinkState, String)) -> (LinkState, String) {
        let Some(unread) = &self.unread else {
            return (state, detail);
        };
        detail.push_str("; ");
        detail.push_str(&not_read(unread));
        let state = match state {
            LinkState::Holds => LinkState::NotTested,
            other => other,
        };
        (state, detail)
    }
}

fn not_read(unread: &Unknown) -> String {
    format!(
        "not every key file could be read: {}: {}",
        unread.evidence.locator, unread.detail
    )
}

fn keys_of_iis(collected: &Collected) -> Vec<&MachineKey> {
    let is_iis = |key: &&MachineKey| {
        key.container_hash.as_deref() == Some(crate::facts::machine_keys::IIS_KEY_HASH)
            && key.path.to_ascii_lowercase().contains("\\rsa\\")
    };
    collected.machine_keys.iter().filter(is_iis).collect()
}

fn names(collected: &Collected) -> (LinkState, String) {
    let guid = match collected.facts.get("crypto.machine_guid").map(Fact::get) {
        Some(Ok(Some((value, _)))) => format!("MachineGuid is {value}"),
        Some(Ok(None)) => "there is no MachineGuid".to_owned(),
        Some(Err(unknown)) => return (LinkState::NotTested, unknown.detail),
        None => return (LinkState::NotTested, String::new()),
    };
    match collected.facts.get("crypto.c23_state").map(Fact::get) {
        Some(Ok(Some((Value::Text(word), _)))) => match word.as_str() {
            "none" => (
                LinkState::NotApplicable,
                format!("{guid}; there is no key file of IIS 4 to 6"),
            ),
            "mismatch" => (LinkState::Fails, format!("{guid}; no key file carries it")),
            "match_only" => (
                LinkState::Holds,
                format!("{guid}; the only key file carries it"),
            ),
            _ => (
                LinkState::Holds,
                format!("{guid}; a key file carries it, and others lie beside it"),
            ),
        },
        Some(Err(unknown)) => (LinkState::NotTested, unknown.detail),
        _ => (LinkState::NotTested, guid),
    }
}

/// One answer for each deciding file, and the worst of them.
fn each(
    deciding: &Deciding<'_>,
    [holds, fails]: [&str; 2],
    answer: impl Fn(&MachineKey) -> Option<bool>,
) -> (LinkState, String) {
    let keys = &deciding.list;
    if keys.is_empty() {
        return deciding.none();
    }
    let answers: Vec<Option<bool>> = keys.iter().map(|key| answer(key)).collect();
    let state = if answers.contains(&Some(false)) {
        LinkState::Fails
    } else if answers.contains(&None) {
        LinkState::NotTested
    } else {
        LinkState::Holds
    };
    let shown = keys.iter().zip(&answers).map(|(key, answer)| {
        let word = match answer {
            Some(true) => holds,
            Some(false) => fails,
            None => "not tested",
        };
        format!("{}: {word}", key.name)
    });
    deciding.with_unread((state, shown.collect::<Vec<_>>().join("; ")))
}

fn public_keys(deciding: &Deciding<'_>) -> (LinkState, String) {
    let keys = &deciding.list;
    if keys.is_empty() {
        return deciding.none();
    }
    let shown: Vec<String> = keys.iter().map(|key| pairs_of(key)).collect();
    let state = if keys.iter().any(|key| key.proof.both_pairs == Some(false)) {
        LinkState::Fails
    } else if keys.iter().all(|key| key.proof.both_pairs == Some(true)) {
        LinkState::Holds
    } else {
        LinkState::Open
    };
    deciding.with_unread((state, shown.join("; ")))
}

/// The pairs that a file shows, and what it signs with.
fn pairs_of(key: &MachineKey) -> String {
    let signs = key.proof.signature_key.as_ref();
    let pairs = match (signs, &key.proof.exchange_key, key.proof.both_pairs) {
        (None, None, _) if key.proof.well_formed.is_none() => "not tested",
        (None, None, _) => "neither a signature nor an exchange key",
        (Some(_), None, _) => "signature key only",
        (None, Some(_), _) => "exchange key only",
        (Some(_), Some(_), Some(false)) => "both public keys, and not both private ones",
        (Some(_), Some(_), _) => "both signature and exchange key",
    };
    let signs = signs.map_or_else(String::new, |signs| {
        format!(
            ", signs with RSA {} bits, SHA-256 {}",
            signs.bits, signs.sha256
        )
    });
    format!("{}: {pairs}{signs}", key.name)
}

fn pairing(collected: &Collected) -> (LinkState, String) {
    let fact = collected.facts.get("key.pairing").map(Fact::get);
    let live = collected.metabases.iter().find(|metabase| metabase.is_live);
    let inference = match live {
        Some(live) if live.by_inference => ", by inference from carved blobs",
        _ => "",
    };
    let counted = live.map_or_else(String::new, |live| {
        format!(
            "{} with {} and {}{inference}",
            live.path,
            counted_word(live.session_key_blobs, "session key", "session keys"),
            counted_word(live.data_blobs, "property", "properties")
        )
    });
    match fact {
        Some(Ok(Some((Value::Text(word), _)))) if word == "none" => (
            LinkState::Fails,
            format!("{counted}: signed by no key here"),
        ),
        Some(Ok(Some((Value::Text(_), _)))) => {
            let signers = live
                .map(|live| {
                    live.signed_by
                        .iter()
                        .map(|signer| signer.path.as_str())
                        .collect::<Vec<_>>()
                        .join(", ")
                })
                .unwrap_or_default();
            (LinkState::Holds, format!("{counted}: signed by {signers}"))
        }
        Some(Ok(None)) => (LinkState::NotApplicable, "IIS uses no metabase".to_owned()),
        Some(Err(unknown)) if live.is_some_and(|live| live.session_key_blobs.is_some()) => {
            (LinkState::Open, unknown.detail)
        }
        Some(Err(unknown)) => (LinkState::NotTested, unknown.detail),
        _ => (LinkState::NotTested, "the metabase was not read".to_owned()),
    }
}

fn counted_word(count: Option<u64>, one: &str, many: &str) -> String {
    match count.unwrap_or(0) {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    }
}

fn config(collected: &Collected) -> (LinkState, String) {
    match collected.facts.get("iis.config_encrypted").map(Fact::get) {
        Some(Ok(Some((Value::Bool(true), _)))) => (
            LinkState::Open,
            "it does; a sealed image does not carry the keys for them".to_owned(),
        ),
        Some(Ok(Some(_))) => (LinkState::Holds, "it holds none".to_owned()),
        Some(Ok(None)) => (
            LinkState::NotApplicable,
            "this is not IIS 7 or later".to_owned(),
        ),
        Some(Err(unknown)) => (LinkState::NotTested, unknown.detail),
        None => (LinkState::NotTested, String::new()),
    }
}

fn opens(collected: &Collected, keys: &[&MachineKey]) -> (LinkState, String) {
    let files = match collected.facts.get("key.opens").map(Fact::get) {
        Some(Ok(Some((Value::Map(files), _)))) => files,
        Some(Ok(_)) => {
            return (
                LinkState::NotApplicable,
                "there is nothing to open".to_owned(),
            );
        }
        Some(Err(unknown)) => return (LinkState::NotTested, unknown.detail),
        None => {
            return (
                LinkState::NotTested,
                "private keys are not opened".to_owned(),
            );
        }
    };
    let of_keys = || {
        files
            .iter()
            .filter(|(path, _)| keys.iter().any(|key| key.path == **path))
    };
    let words: Vec<&str> = of_keys().flat_map(|(_, links)| words(links)).collect();
    let state = if words.contains(&"no") {
        LinkState::Fails
    } else if words.is_empty() || !words.contains(&"yes") {
        LinkState::NotTested
    } else if words.iter().all(|word| *word == "yes") {
        LinkState::Holds
    } else {
        LinkState::Open
    };
    let shown = of_keys().map(|(path, links)| format!("{path}: {links}"));
    let shown = shown.collect::<Vec<_>>().join("; ");
    if shown.is_empty() {
        return (state, "no key file of IIS was opened".to_owned());
    }
    (state, shown)
}

/// The links that are proved with secrets, as `key.opens` names them.
const LINKS_PROVED: [&str; 4] = ["master_key", "private_key", "session_key", "property"];

/// The answers of the links of one file.
fn words(links: &Value) -> Vec<&str> {
    match links {
        Value::Map(links) => links
            .iter()
            .filter(|(name, _)| LINKS_PROVED.contains(&name.as_str()))
            .filter_map(|(_, word)| match word {
                Value::Text(word) => Some(word.as_str()),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn access(collected: &Collected) -> (LinkState, String) {
    match collected.facts.get("crypto.machinekeys_acl").map(Fact::get) {
        Some(Ok(Some((Value::Text(word), _)))) => match word.as_str() {
            "ok" => (
                LinkState::Holds,
                "owner and access lists are right".to_owned(),
            ),
            "weak" => (
                LinkState::Holds,
                "Windows may; others may more than they need".to_owned(),
            ),
            _ => (
                LinkState::Fails,
                "SYSTEM or Administrators lack full control, or the owner is another".to_owned(),
            ),
        },
        Some(Ok(_)) => (
            LinkState::NotApplicable,
            "there is no folder of machine keys".to_owned(),
        ),
        Some(Err(unknown)) => (LinkState::NotTested, unknown.detail),
        None => (LinkState::NotTested, String::new()),
    }
}
