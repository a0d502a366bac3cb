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

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Cause, Diagnosis};
    use crate::evidence::{Evidence, Fact, Locator, Value};
    use crate::facts::{Collected, Facts};
    use crate::rules::{self, Catalogue};

    /// A server whose right key is in its place, with one more fact.
    fn diagnosed(id: &'static str, value: Value) -> (Cause, String, Vec<String>) {
        let diagnosis = diagnosed_with([(id, value)]);
        (diagnosis.cause, diagnosis.sentence, diagnosis.remedy)
    }

    fn diagnosed_with<const N: usize>(more: [(&'static str, Value); N]) -> Diagnosis {
        diagnosis_of(&collected(more))
    }

    fn collected<const N: usize>(more: [(&'static str, Value); N]) -> Collected {
        let found = |value| Fact::found(value, Evidence::at(Locator::new("test")));
        let mut facts = Facts::new();
        for (id, value) in [
            ("key.pairing", Value::text("machine_guid")),
            ("key.opens_metabase", Value::Bool(true)),
            ("iis.metabase_in_use", Value::Bool(true)),
            ("iis.installed", Value::Bool(true)),
            (
                "os.version",
                Value::Version(crate::evidence::Version::parse("5.1").unwrap()),
            ),
            ("os.sp", Value::Int(2)),
            ("crypto.machinekeys_acl", Value::text("ok")),
            ("crypto.machinekeys_efs", Value::Bool(false)),
            (
                "iis.services",
                Value::Map(std::collections::BTreeMap::new()),
            ),
            ("svc.graph_errors", Value::List(Vec::new())),
            ("svc.iis_errors", Value::List(Vec::new())),
        ]
        .into_iter()
        .chain(more)
        {
            facts.put(id, found(value));
        }
        facts.put(
            "sysprep.clone_tag",
            Fact::Absent(Evidence::at(Locator::new("test"))),
        );
        Collected {
            facts,
            ..Collected::default()
        }
    }

    fn diagnosis_of(collected: &Collected) -> Diagnosis {
        let catalogue = Catalogue::built_in().unwrap();
        let findings = rules::run(&catalogue, &collected.facts);
        crate::diagnosis::diagnose(collected, &findings, &crate::diagnosis::Request::default())
    }

    #[test]
    fn right_access_lists_are_healthy_and_broken_ones_are_the_cause() {
        let acl = |word| diagnosed("crypto.machinekeys_acl", Value::text(word));
        assert_eq!(acl("ok").0, Cause::Healthy);
        let (cause, sentence, remedy) = acl("broken");
        assert_eq!(cause, Cause::Access);
        assert!(
            sentence.contains("KEY-004") && sentence.contains("L10"),
            "{sentence}"
        );
        assert!(remedy[0].contains("full control"), "{remedy:?}");
    }

    #[test]
    fn a_folder_that_efs_encrypts_is_not_healthy() {
        let (cause, ..) = diagnosed("crypto.machinekeys_efs", Value::Bool(true));
        assert_eq!(cause, Cause::Access);
    }

    #[test]
    fn a_rule_on_cloning_alone_does_not_hinder_a_start() {
        // IIS-012: encrypted values are lost on a clone; here they open.
        let version = Value::Version(crate::evidence::Version::parse("10.0").unwrap());
        let encrypted = [
            ("iis.major_minor", version),
            ("iis.config_encrypted", Value::Bool(true)),
        ];
        let diagnosis = diagnosed_with(encrypted);
        assert!(
            diagnosis
                .findings
                .iter()
                .any(|finding| finding.rule == "IIS-012")
        );
        assert_eq!(diagnosis.cause, Cause::Healthy);
    }

    #[test]
    fn what_a_clone_will_meet_does_not_hinder_a_master_that_was_never_sealed() {
        let never_sealed = [
            ("iis.iischema_update_backup", Value::Bool(true)),
            ("sysprep.sealed", Value::Bool(false)),
            ("evt.signatures", Value::List(Vec::new())),
        ];
        let diagnosis = diagnosed_with(never_sealed);
        assert_eq!(diagnosis.cause, Cause::Healthy);
        assert_eq!(diagnosis.after_cloning[0].rule, "IIS-010");
    }

    #[test]
    fn a_disabled_service_is_the_cause_where_the_key_is_right() {
        let disabled = [("start".to_owned(), Value::Int(4))];
        let services = Value::Map([("IISADMIN".to_owned(), Value::Map(disabled.into()))].into());
        let diagnosis = diagnosed_with([("iis.services", services)]);
        assert_eq!(diagnosis.cause, Cause::Blocked);
        assert!(
            diagnosis.sentence.contains("disabled: IISADMIN"),
            "{}",
            diagnosis.sentence
        );
    }

    #[test]
    fn a_rename_that_is_not_enough_says_what_else_hinders() {
        let wrong_name = [
            ("key.pairing", Value::text("other")),
            ("crypto.machinekeys_acl", Value::text("broken")),
        ];
        let mut collected = collected(wrong_name);
        collected.plan.decision = crate::facts::machine_keys::Decision::RenameOnly;
        let diagnosis = diagnosis_of(&collected);
        assert_eq!(diagnosis.cause, Cause::WrongName);
        assert!(
            diagnosis.sentence.contains("not enough") && diagnosis.sentence.contains("KEY-004"),
            "{}",
            diagnosis.sentence
        );
        assert!(
            diagnosis
                .remedy
                .iter()
                .any(|step| step.contains("full control")),
            "{:?}",
            diagnosis.remedy
        );
    }

    #[test]
    fn iischema_update_is_the_cause_only_where_the_logs_tell_of_event_116() {
        let there = ("iis.iischema_update_backup", Value::Bool(true));
        let told = ("evt.signatures", Value::texts(["EVT-116-W3SVC"]));
        let diagnosis = diagnosed_with([there.clone(), told]);
        assert_eq!(diagnosis.cause, Cause::Blocked);
        assert!(
            diagnosis.sentence.contains("IIS-010"),
            "{}",
            diagnosis.sentence
        );
        assert!(
            diagnosis.remedy[0].contains("KB889073"),
            "{:?}",
            diagnosis.remedy
        );
        // Whether it was sealed is not known, and no event tells: the file alone is a question and no cause.
        let diagnosis = diagnosed_with([there]);
        assert_eq!(diagnosis.cause, Cause::Healthy);
        let asked =
            |question: &crate::diagnosis::OpenQuestion| question.question.contains("KB889073");
        assert!(diagnosis.open_questions.iter().any(asked));
    }

    #[test]
    fn a_right_key_whose_access_list_was_not_seen_is_not_called_healthy() {
        let mut collected = collected([]);
        let unknown = crate::evidence::Unknown::new(
            crate::evidence::UnknownReason::NotProvided,
            "no access lists",
            Locator::new("test"),
        );
        collected
            .facts
            .put("crypto.machinekeys_acl", Fact::Unknown(unknown));
        let diagnosis = diagnosis_of(&collected);
        assert_eq!(diagnosis.cause, Cause::Undecided);
        assert!(
            diagnosis.sentence.contains("no access lists"),
            "{}",
            diagnosis.sentence
        );
    }

    #[test]
    fn without_a_metabase_a_disabled_service_is_still_told() {
        let disabled = [("start".to_owned(), Value::Int(4))];
        let services = Value::Map([("WAS".to_owned(), Value::Map(disabled.into()))].into());
        let diagnosis = diagnosed_with([
            ("iis.metabase_in_use", Value::Bool(false)),
            ("iis.services", services),
        ]);
        assert_eq!(diagnosis.cause, Cause::Blocked);
        assert!(
            diagnosis.sentence.contains("IIS uses no metabase")
                && diagnosis.sentence.contains("disabled: WAS"),
            "{}",
            diagnosis.sentence
        );
        assert!(!diagnosis.remedy.is_empty());
    }

    #[test]
    fn an_undated_failure_of_iis_is_not_taken_for_an_old_one() {
        let mut collected = collected([]);
        let failure = crate::facts::event_logs::Failure {
            first: None,
            last: None,
            clock_doubted: false,
            count: 1,
            source: "Service Control Manager".to_owned(),
            event_id: 7024,
            service: Some("IISADMIN"),
            service_unclear: false,
            subject: "IIS Admin Service".to_owned(),
            code: Some(0x8009_0006),
            signature: Some("EVT-IISADMIN-80090006"),
            computer: "GOLDEN".to_owned(),
            mended: None,
            evidence: Evidence::at(Locator::new("test")),
        };
        collected.failures.kinds.push(failure);
        let diagnosis = diagnosis_of(&collected);
        assert_eq!(diagnosis.cause, Cause::Unexplained);
        assert!(
            diagnosis.sentence.contains("at an unknown time"),
            "{}",
            diagnosis.sentence
        );
    }

    #[test]
    fn where_artefacts_stand_in_no_repair_is_printed() {
        let mut collected = collected([("key.pairing", Value::text("other"))]);
        collected.plan.decision = crate::facts::machine_keys::Decision::RenameOnly;
        let commands = |stand_ins| {
            let request = crate::diagnosis::Request {
                image: Some("golden.vhd"),
                stand_ins,
                ..crate::diagnosis::Request::default()
            };
            let diagnosis = crate::diagnosis::diagnose(&collected, &[], &request);
            let of_host = diagnosis
                .commands
                .iter()
                .filter(|one| one.place == crate::diagnosis::Place::Host);
            (of_host.count(), diagnosis.remedy.join("; "))
        };
        assert_eq!(commands(false).0, 3);
        let (count, remedy) = commands(true);
        assert_eq!(count, 0);
        assert!(
            remedy.contains("stand in for those of an image"),
            "{remedy}"
        );
    }
}
