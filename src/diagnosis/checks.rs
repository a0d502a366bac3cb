//! The state of everything that IIS needs beside the right key: metabase, rights, hotfix, services, MSDTC.
//!
//! Each check is a fact in a sentence. It is `ok`, `bad`, `unknown` with the reason, or not about this installation; what
//! follows from it is said elsewhere.

use serde::Serialize;

use crate::diagnosis::ask;
use crate::evidence::{Fact, Value};
use crate::facts::services::SERVE;
use crate::facts::{Collected, hotfix as hotfix_audit};

/// Most files of the hotfix that are named.
const FILES_NAMED_MAX: usize = 5;
/// `Start` of a disabled service.
const DISABLED: i64 = 4;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// As it should be.
    Ok,
    /// Not as it should be.
    Bad,
    /// It could not be seen.
    Unknown,
    /// It is not about this installation.
    NotApplicable,
}

impl CheckState {
    /// The words for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Bad => "bad",
            Self::Unknown => "unknown",
            Self::NotApplicable => "not applicable",
        }
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// What was looked at, as a word for programs.
    pub check: &'static str,
    /// How it came out.
    pub state: CheckState,
    /// What was seen, or why it could not be.
    pub detail: String,
    /// The deciding place.
    pub location: String,
    /// What it rests on, one line each: of the hotfix every file of its table, whatever the check says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
}

/// All checks, in a fixed order.
pub(crate) fn of(collected: &Collected) -> Vec<Check> {
    vec![
        check(
            collected,
            "metabase",
            "iis.metabase_state",
            |value| match text(value) {
                "ok" => (CheckState::Ok, "the metabase is whole".to_owned()),
                word => (CheckState::Bad, format!("the metabase is {word}")),
            },
        ),
        Check {
            items: hotfix_audit::lines(&collected.facts),
            ..check(collected, "hotfix", "hotfix.kb884872", |value| {
                hotfix(collected, text(value))
            })
        },
        check(
            collected,
            "iischema_update",
            "iis.iischema_update_backup",
            |value| {
                match value {
                Value::Bool(true) if ask::is_xp(collected) => (
                    CheckState::Bad,
                    "MetaBack holds Iischema-update.md0 (KB889073)".to_owned(),
                ),
                Value::Bool(true) => (
                    CheckState::Ok,
                    "MetaBack holds Iischema-update.md0; KB889073 is about Windows XP and not about this Windows"
                        .to_owned(),
                ),
                _ => (
                    CheckState::Ok,
                    "MetaBack holds no Iischema-update.md0".to_owned(),
                ),
            }
            },
        ),
        check(collected, "access", "crypto.machinekeys_acl", |value| {
            match text(value) {
                "ok" => (
                    CheckState::Ok,
                    "owner and access lists of the key files are right".to_owned(),
                ),
                "weak" => (
                    CheckState::Ok,
                    "Windows may open the key files; others may more than they need".to_owned(),
                ),
                _ => (
                    CheckState::Bad,
                    "SYSTEM or Administrators lack full control of the key files, or the owner is another"
                        .to_owned(),
                ),
            }
        }),
        check(
            collected,
            "efs",
            "crypto.machinekeys_efs",
            |value| match value {
                Value::Bool(true) => (
                    CheckState::Bad,
                    "the folder of the machine keys or a key file is encrypted by EFS".to_owned(),
                ),
                _ => (CheckState::Ok, "no key file is encrypted by EFS".to_owned()),
            },
        ),
        check(
            collected,
            "provider",
            "crypto.default_csp_override",
            |value| match value {
                Value::Bool(true) => (
                    CheckState::Bad,
                    "the profile of the system names another default key provider (Q311861)"
                        .to_owned(),
                ),
                _ => (
                    CheckState::Ok,
                    "the default key provider is used".to_owned(),
                ),
            },
        ),
        check(collected, "services", "iis.services", services),
        check(collected, "service_order", "svc.iis_errors", |value| {
            order(collected, value)
        }),
        check(collected, "msdtc", "msdtc.start", |value| {
            msdtc(collected, value)
        }),
        check(collected, "msdtc_log", "msdtc.log", |value| {
            match text(value) {
                "there" => (CheckState::Ok, "the log of MSDTC is there".to_owned()),
                word => (CheckState::Bad, format!("the log of MSDTC is {word}")),
            }
        }),
        check(collected, "cluster", "cluster.installed", |value| {
            match value {
                Value::Bool(true) => (
                    CheckState::Bad,
                    "the Cluster service is set up; where IIS is a resource of a cluster, the cluster starts it"
                        .to_owned(),
                ),
                _ => (CheckState::Ok, "no cluster is set up".to_owned()),
            }
        }),
    ]
}

/// Checks that do not decide a cause and can still keep IIS or what it works with from starting if they come out badly.
const DOUBTFUL: [&str; 3] = ["provider", "msdtc", "msdtc_log"];

/// Those that came out badly.
pub(crate) fn doubtful(checks: &[Check]) -> impl Iterator<Item = &Check> {
    let is_doubtful =
        |check: &&Check| check.state == CheckState::Bad && DOUBTFUL.contains(&check.check);
    checks.iter().filter(is_doubtful)
}

/// The check of that name.
pub(crate) fn find<'c>(checks: &'c [Check], name: &str) -> Option<&'c Check> {
    checks.iter().find(|check| check.check == name)
}

fn check(
    collected: &Collected,
    check: &'static str,
    fact: &str,
    judge: impl FnOnce(&Value) -> (CheckState, String),
) -> Check {
    let (state, detail) = match collected.facts.get(fact).map(Fact::get) {
        Some(Ok(Some((value, _)))) => judge(value),
        Some(Ok(None)) => (
            CheckState::NotApplicable,
            "there is nothing of the kind here".to_owned(),
        ),
        Some(Err(unknown)) => (CheckState::Unknown, unknown.detail),
        None => (CheckState::Unknown, format!("{fact} was not collected")),
    };
    Check {
        check,
        state,
        detail,
        location: ask::place(collected, fact),
        items: Vec::new(),
    }
}

fn text(value: &Value) -> &str {
    match value {
        Value::Text(text) => text,
        _ => "",
    }
}

/// The state of the hotfix, with the files that decide.
fn hotfix(collected: &Collected, word: &str) -> (CheckState, String) {
    let what = match word {
        "not_applicable" => {
            return (
                CheckState::NotApplicable,
                "KB884872 is about Windows 2000".to_owned(),
            );
        }
        "fixed" => {
            let sum = hotfix_audit::summary(&collected.facts).unwrap_or_default();
            return (
                CheckState::Ok,
                format!(
                    "the files of KB884872 that are there have its versions or later ones, the four that decide among them ({sum})"
                ),
            );
        }
        "prerequisite_missing" => {
            "the hotfix of KB884872 needs Service Pack 3, which is not there; MachineGuid can be reset again"
        }
        "partly_fixed" => {
            "only a part of the files of KB884872 is there; MachineGuid can be reset again"
        }
        _ => "the hotfix of KB884872 is missing; MachineGuid can be reset again",
    };
    let evidence = collected
        .facts
        .get("hotfix.kb884872")
        .map(Fact::evidence)
        .unwrap_or_default();
    let older: Vec<String> = evidence
        .iter()
        .filter_map(|place| {
            let raw = place.raw.as_deref()?.strip_suffix(": older")?;
            let file = place.locator.steps().last()?.rsplit('\\').next()?;
            Some(format!("{file} {raw}"))
        })
        .collect();
    let mut shown: Vec<String> = older.iter().take(FILES_NAMED_MAX).cloned().collect();
    if older.len() > FILES_NAMED_MAX {
        shown.push(format!(
            "and {} more",
            older.len().saturating_sub(FILES_NAMED_MAX)
        ));
    }
    shown.extend(hotfix_audit::summary(&collected.facts));
    let files = if shown.is_empty() {
        String::new()
    } else {
        format!(" ({})", shown.join("; "))
    };
    (CheckState::Bad, format!("{what}{files}"))
}

/// Which of the services are disabled.
fn services(value: &Value) -> (CheckState, String) {
    let Value::Map(services) = value else {
        return (CheckState::NotApplicable, "no service of IIS".to_owned());
    };
    if services.is_empty() {
        return (
            CheckState::NotApplicable,
            "no service of IIS is installed".to_owned(),
        );
    }
    let is_disabled = |service: &Value| match service {
        Value::Map(keys) => matches!(keys.get("start"), Some(Value::Int(DISABLED))),
        _ => false,
    };
    let disabled: Vec<&str> = services
        .iter()
        .filter(|(name, service)| is_needed(name) && is_disabled(service))
        .map(|(name, _)| name.as_str())
        .collect();
    let names: Vec<&str> = services.keys().map(String::as_str).collect();
    if disabled.is_empty() {
        (
            CheckState::Ok,
            format!("none that IIS needs is disabled: {}", names.join(", ")),
        )
    } else {
        (
            CheckState::Bad,
            format!("disabled: {}", disabled.join(", ")),
        )
    }
}

/// What keeps services of IIS from starting by their order, and who may come before MSDTC.
fn order(collected: &Collected, errors: &Value) -> (CheckState, String) {
    let of_iis: Vec<&str> = match errors {
        Value::List(errors) => errors.iter().map(text).collect(),
        _ => Vec::new(),
    };
    if !of_iis.is_empty() {
        return (CheckState::Bad, of_iis.join("; "));
    }
    let racing = ask::list(collected, "svc.race_candidates").unwrap_or_default();
    if racing.is_empty() {
        (
            CheckState::Ok,
            "nothing in the order of services keeps IIS from starting".to_owned(),
        )
    } else {
        (
            CheckState::Ok,
            format!(
                "no dependency fails; these start without waiting for MSDTC, which matters on the first boot of a clone: {}",
                racing.join(", ")
            ),
        )
    }
}

/// Whether MSDTC may start, and who waits for it in vain.
fn msdtc(collected: &Collected, start: &Value) -> (CheckState, String) {
    if *start != Value::Int(DISABLED) {
        return (CheckState::Ok, "MSDTC is not disabled".to_owned());
    }
    let errors = ask::list(collected, "svc.graph_errors").unwrap_or_default();
    let waiting: Vec<&str> = errors
        .into_iter()
        .filter(|error| {
            let error = error.to_ascii_lowercase();
            error.ends_with(" depends on msdtc, which is disabled")
        })
        .collect();
    let waiting = if waiting.is_empty() {
        String::new()
    } else {
        format!("; {}", waiting.join("; "))
    };
    (
        CheckState::Bad,
        format!("MSDTC is disabled: transactions of COM+, of databases and of MSMQ fail{waiting}"),
    )
}

fn is_needed(service: &str) -> bool {
    SERVE.iter().any(|name| name.eq_ignore_ascii_case(service))
}
