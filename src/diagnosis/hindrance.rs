//! What keeps IIS from starting although the right key is in its place: links that fail and rules that block.
//!
//! The pairing proves which key opens the metabase. Access lists, EFS and the bugs that the rules on IIS know of are no part
//! of that proof, so nothing is called healthy while one of them stands.

use crate::diagnosis::checks::{Check, CheckState};
use crate::diagnosis::forecast;
use crate::diagnosis::links::{Link, LinkState};
use crate::facts::Collected;
use crate::rules::{Finding, Outcome, Severity};

/// Rules on the rights of key files.
const ACCESS_RULES: [&str; 2] = ["KEY-004", "KEY-005"];
/// Rules on IIS that speak of its start. The others say which installations may be cloned, or what a clone loses.
const START_RULES: [&str; 1] = ["IIS-010"];
/// The rule on keys that speaks of the copies of a sealed image and of no start here.
const OF_COPIES: &str = "KEY-010";
/// The link on the rights of key files.
const ACCESS_LINK: &str = "L10";

/// One thing that keeps IIS from starting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hindrance {
    /// The rule, link or check.
    pub(crate) id: String,
    /// Whether it is that Windows may not open the key file.
    pub(crate) is_access: bool,
    /// The link or the rule, and what it says.
    what: String,
    /// What to do about it.
    remedy: String,
}

/// Checks that keep IIS from starting if they come out badly.
const START_CHECKS: [&str; 2] = ["services", "service_order"];

/// All that findings, checks and links show, rules first.
pub(crate) fn of(
    collected: &Collected,
    links: &[Link],
    checks: &[Check],
    findings: &[Finding],
) -> Vec<Hindrance> {
    let blocks = |finding: &&Finding| {
        finding.outcome == Outcome::Fired
            && finding.severity == Severity::Blocks
            && (finding.rule.starts_with("KEY-") || START_RULES.contains(&finding.rule.as_str()))
            && finding.rule != OF_COPIES
            && (finding.rule != "IIS-010" || forecast::has_met_iischema_update(collected))
    };
    let rules = findings.iter().filter(blocks).map(|finding| Hindrance {
        id: finding.rule.clone(),
        is_access: ACCESS_RULES.contains(&finding.rule.as_str()),
        what: format!("{}: {}", finding.rule, finding.message),
        remedy: finding.remedy.clone(),
    });
    let checks = checks
        .iter()
        .filter(|check| check.state == CheckState::Bad && START_CHECKS.contains(&check.check))
        .map(|check| Hindrance {
            id: check.check.to_owned(),
            is_access: false,
            what: check.detail.clone(),
            remedy: format!(
                "Let the service start again, or mend its dependency: {}",
                check.detail
            ),
        });
    let links = links
        .iter()
        .filter(|link| link.state == LinkState::Fails)
        .map(|link| Hindrance {
            id: link.link.to_owned(),
            is_access: link.link == ACCESS_LINK,
            what: format!("{} fails: {}", link.link, link.detail),
            remedy: if link.link == ACCESS_LINK {
                "Give SYSTEM and Administrators full control of the folder of the machine keys and of its files, and ownership to Administrators".to_owned()
            } else {
                format!("Mend what link {} shows, or restore the file from a backup", link.link)
            },
        });
    rules.chain(checks).chain(links).collect()
}

/// Whether it is a service that cannot start.
pub(crate) fn is_of_start(hindrance: &Hindrance) -> bool {
    START_CHECKS.contains(&hindrance.id.as_str())
}

/// Those that a rename of keys leaves as they are: neither the mapping itself nor the link that shows it.
pub(crate) fn beside_names(hindrances: &[Hindrance]) -> Vec<Hindrance> {
    const OF_NAMES: [&str; 5] = ["KEY-001", "KEY-009", "L1", "L5", "L6"];
    let is_another = |one: &&Hindrance| !OF_NAMES.contains(&one.id.as_str());
    hindrances.iter().filter(is_another).cloned().collect()
}

/// Those that set-up on a copy of a sealed image leaves as they are: it gives the copy a MachineGuid.
pub(crate) fn beside_sealing(hindrances: &[Hindrance]) -> Vec<Hindrance> {
    let others = beside_names(hindrances).into_iter();
    others.filter(|one| one.id != "KEY-003").collect()
}

/// All of them in words.
pub(crate) fn said(hindrances: &[Hindrance]) -> String {
    let said: Vec<&str> = hindrances.iter().map(|one| one.what.as_str()).collect();
    said.join("; ")
}

/// The steps against them; where a rule on access speaks, its link adds no step.
pub(crate) fn remedies(hindrances: &[Hindrance]) -> Vec<String> {
    let has_rule = hindrances
        .iter()
        .any(|one| ACCESS_RULES.contains(&one.id.as_str()));
    hindrances
        .iter()
        .filter(|one| !(has_rule && one.id == ACCESS_LINK))
        .map(|one| one.remedy.clone())
        .collect()
}
