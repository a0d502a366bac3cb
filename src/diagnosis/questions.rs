//! What cannot be decided from what was given, and what would decide it.

use serde::Serialize;

use crate::diagnosis::ask;
use crate::diagnosis::cause::{Cause, Seen};
use crate::diagnosis::commands;
use crate::diagnosis::forecast;
use crate::diagnosis::links::{Link, LinkState};
use crate::diagnosis::problem::{Problem, TimeSource};
use crate::evidence::{Fact, UnknownReason};
use crate::facts::Collected;

/// A question that stays open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenQuestion {
    /// The question.
    pub question: String,
    /// Why it is not decided.
    pub why: String,
    /// What would decide it.
    pub decided_by: String,
}

fn open(question: &str, why: impl Into<String>, decided_by: impl Into<String>) -> OpenQuestion {
    OpenQuestion {
        question: question.to_owned(),
        why: why.into(),
        decided_by: decided_by.into(),
    }
}

/// All that stays open, the weightiest first.
pub(crate) fn of(seen: &Seen<'_>, cause: Cause, links: &[Link]) -> Vec<OpenQuestion> {
    let (collected, problem) = (seen.collected, seen.problem);
    let mut questions = Vec::new();
    let uses_metabase = ask::yes_no(collected, "iis.metabase_in_use") != Some(false);
    if cause == Cause::Undecided {
        questions.push(open(
            "Can IIS open its metabase?",
            reason(collected),
            what_would_decide(seen),
        ));
    }
    if uses_metabase {
        questions.extend(keys(links, cause));
        questions.extend(iischema_update(collected));
        questions.extend(unexplained(cause, problem));
        if problem.source == TimeSource::Unknown
            && !matches!(cause, Cause::Healthy | Cause::SealedKeysLost)
        {
            questions.push(open(
                "When did the problem begin?",
                &problem.reason,
                "--problem-time TIME, or the event logs (--event-log FILE)",
            ));
        }
    }
    questions.extend(unknown_facts(collected));
    questions
}

/// What the chain of keys leaves open.
fn keys(links: &[Link], cause: Cause) -> Vec<OpenQuestion> {
    let named = |name: &str| links.iter().find(|link| link.link == name);
    let mut questions = Vec::new();
    let is_settled = matches!(
        cause,
        Cause::ForeignMetabase | Cause::KeyDoesNotOpen | Cause::MetabaseBroken
    );
    if let Some(opens) = named("L7-L9")
        && opens.state == LinkState::NotTested
        && !is_settled
    {
        questions.push(open(
            "Does the private key open here, from the boot key to a property of the metabase?",
            &opens.detail,
            "goldseal diagnose --prove-keys, with the hives SYSTEM and SECURITY and the folder Protect",
        ));
    }
    if let Some(pairing) = named("L5")
        && pairing.by_inference
        && matches!(pairing.state, LinkState::Holds | LinkState::Fails)
    {
        questions.push(open(
            "Does MetaBase.bin hold the blobs where and as they were carved?",
            "the layout of the file has no public description; the signature itself is not in doubt, 45 fixed bytes do not match by chance",
            "a start of a copy of the image",
        ));
    }
    questions
}

/// KB889073: the file is there, the logs do not tell of its failure, and the installation may be a deployed one.
fn iischema_update(collected: &Collected) -> Option<OpenQuestion> {
    let is_there = ask::yes_no(collected, "iis.iischema_update_backup") == Some(true);
    let is_open = !forecast::has_met_iischema_update(collected)
        && !forecast::was_never_sealed(collected)
        && ask::is_xp(collected);
    (is_there && is_open).then(|| {
        open(
            "Does Iischema-update.md0 keep IIS from starting (KB889073)?",
            "the file is in MetaBack and the installation may have been deployed from a Sysprep image; the logs do not tell of event 116",
            "the System log of a start after the deployment",
        )
    })
}

/// A failure of IIS that nothing here explains.
fn unexplained(cause: Cause, problem: &Problem) -> Option<OpenQuestion> {
    let last = problem.last_of_iis()?;
    (cause == Cause::Unexplained).then(|| {
        open(
            "Does IIS still fail as the logs tell?",
            format!(
                "{} {} is what a log tells of the past; the key, the metabase and the rights are as they should be now",
                last.failure.source, last.failure.event_id
            ),
            "a start of a copy of the image, and its event logs then",
        )
    })
}

/// Facts of a diagnosis that could not be seen.
fn unknown_facts(collected: &Collected) -> Vec<OpenQuestion> {
    [
        (
            "evt.service_failures",
            "What failed, when, and with which code?",
            "the event logs System and Application (--event-log FILE)",
        ),
        (
            "hotfix.kb884872",
            "Is the hotfix of KB884872 there?",
            "the files that are named, above all rsabase.dll, rsaenh.dll, dssbase.dll and dssenh.dll of system32",
        ),
        (
            "crypto.machinekeys_acl",
            "May Windows open the key files?",
            "the volume itself: a copy of the files has other access lists",
        ),
        (
            "iis.config_encrypted",
            "Does the configuration of IIS hold encrypted values?",
            "applicationHost.config and the folders of the sites",
        ),
    ]
    .into_iter()
    .filter_map(|(id, question, decided_by)| {
        let unknown = ask::unknown(collected, id)?;
        Some(open(question, &unknown.detail, decided_by))
    })
    .collect()
}

/// What must be seen, beside the right key, before an installation is called healthy: unknown is not fine.
const NEEDED: [(&str, &str); 4] = [
    ("crypto.machinekeys_acl", "the access list of the key files"),
    ("crypto.machinekeys_efs", "whether EFS encrypts them"),
    ("iis.services", "the services of IIS"),
    ("svc.iis_errors", "the order of the services"),
];

/// The first of those that was not seen.
pub(crate) fn unseen(collected: &Collected) -> Option<&'static str> {
    let is_unseen = |id: &str| matches!(collected.facts.get(id), None | Some(Fact::Unknown(_)));
    NEEDED
        .iter()
        .find(|(id, _)| is_unseen(id))
        .map(|(id, _)| *id)
}

fn what_it_is(id: &str) -> &'static str {
    NEEDED
        .iter()
        .find(|(needed, _)| *needed == id)
        .map_or("something", |(_, what)| *what)
}

/// Why nothing was decided, from the fact that decides first.
pub(crate) fn reason(collected: &Collected) -> String {
    for id in ["iis.metabase_in_use", "key.pairing", "key.opens_metabase"] {
        if let Some(Fact::Unknown(unknown)) = collected.facts.get(id) {
            return unknown.detail.clone();
        }
    }
    if let Some(id) = unseen(collected) {
        let why = ask::unknown(collected, id).map_or_else(
            || format!("{id} was not collected"),
            |one| one.detail.clone(),
        );
        return format!(
            "{} carries MachineGuid and signed it, and {} could not be seen: {why}",
            ask::said(collected, "key.paired_files"),
            what_it_is(id)
        );
    }
    "no fact on the pairing of key and metabase was found".to_owned()
}

/// What would decide whether IIS can open its metabase.
pub(crate) fn what_would_decide(seen: &Seen<'_>) -> String {
    let collected = seen.collected;
    let was_read = collected
        .metabases
        .iter()
        .any(|metabase| metabase.is_live && metabase.session_key_blobs > Some(0));
    if was_read && let Some(Fact::Unknown(unknown)) = collected.facts.get("key.pairing") {
        if unknown.reason == UnknownReason::Encrypted {
            return "the file without its encryption: take it off on a running copy of the image (cipher /d), as the account that encrypted the file or as a recovery agent; nothing offline can".to_owned();
        }
        return format!(
            "a look at a running copy of the image: if IIS starts there, `{} --assert key.pairing=machine_guid --assert key.opens_metabase=true` takes your word for it; key.pairing is machine_guid, other or none (whose signature the metabase carries: of the key file named for MachineGuid, of another one here, of no key here)",
            commands::on_image("check", seen.request)
        );
    }
    for (id, what) in [
        (
            "iis.metabase_in_use",
            "the hives SOFTWARE and SYSTEM of this installation",
        ),
        (
            "key.pairing",
            "a metabase with a signed session key, and every key file of its container",
        ),
        (
            "key.opens_metabase",
            "the folder system32\\Microsoft\\Protect\\S-1-5-18 with the master keys",
        ),
    ] {
        if let Some(Fact::Unknown(_)) = collected.facts.get(id) {
            return what.to_owned();
        }
    }
    match unseen(collected) {
        Some("iis.services" | "svc.iis_errors") => "the hive SYSTEM of this installation",
        Some(_) => "the volume itself, with the access lists and attributes of the key files",
        None => "a complete image",
    }
    .to_owned()
}
