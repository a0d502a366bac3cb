//! What a diagnosis says of facts and failures that are put together by hand.

use crate::diagnosis::{Cause, CheckState, Diagnosis, OpenQuestion, Place, Request, Standing};
use crate::evidence::{Evidence, Fact, Locator, Value};
use crate::facts::event_logs::{EventTime, Failure, LogReach, Mended};
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
    crate::diagnosis::diagnose(collected, &findings, &Request::default())
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
    let asked = |question: &OpenQuestion| question.question.contains("KB889073");
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

/// IIS Admin ended with the code of a wrong key, at an unknown time.
fn failure() -> Failure {
    Failure {
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
    }
}

/// A failure of MSDTC by its known event.
fn of_msdtc(event_id: u32, signature: &'static str) -> Failure {
    Failure {
        source: "MSDTC".to_owned(),
        event_id,
        service: Some("MSDTC"),
        subject: String::new(),
        code: None,
        signature: Some(signature),
        ..failure()
    }
}

fn commands_for(failure: Failure, log: &'static str) -> (Cause, Vec<String>) {
    let mut collected = collected([
        ("msdtc.log", Value::text(log)),
        ("id.computer_name", Value::text("GOLDEN")),
    ]);
    collected.failures.kinds.push(failure);
    let diagnosis = diagnosis_of(&collected);
    let commands = diagnosis.commands.into_iter().map(|one| one.command);
    (diagnosis.cause, commands.collect())
}

#[test]
fn what_the_logs_tell_of_msdtc_asks_for_a_command_only_while_it_stands() {
    let unreadable = || of_msdtc(4154, "EVT-4154-MSDTC");
    let (cause, commands) = commands_for(unreadable(), "there");
    assert_eq!(cause, Cause::Neighbour);
    assert_eq!(commands, ["msdtc -resetlog", "iisreset /restart"]);
    let mut started = unreadable();
    started.mended = Some(Mended {
        what: "MSDTC has started",
        time: None,
        record: 7,
    });
    assert_eq!(commands_for(started, "there"), (Cause::Healthy, Vec::new()));
    let mut elsewhere = of_msdtc(4101, "EVT-4101-MSDTC");
    elsewhere.computer = "MASTER".to_owned();
    assert_eq!(
        commands_for(elsewhere, "there"),
        (Cause::Healthy, Vec::new())
    );
    let (_, met) = commands_for(of_msdtc(4101, "EVT-4101-MSDTC"), "there");
    assert_eq!(met, ["msdtc -uninstall", "msdtc -install"]);
}

#[test]
fn a_log_of_msdtc_that_was_missing_once_and_is_there_now_is_not_made_anew() {
    let missing = || of_msdtc(4163, "EVT-4163-MSDTC");
    let has = |log| {
        commands_for(missing(), log)
            .1
            .contains(&"msdtc -resetlog".to_owned())
    };
    assert!(!has("there"));
    assert!(has("missing"));
}

#[test]
fn events_of_sealing_and_of_shared_identities_are_told_and_are_no_failure_to_start() {
    for (event_id, signature, word) in [
        (4454, "EVT-4454-MSDTC", "Sysprep"),
        (6167, "EVT-6167-LSASRV", "generalized"),
    ] {
        let mut collected = collected([]);
        let mut event = of_msdtc(event_id, signature);
        if event_id == 6167 {
            (event.source, event.service) = ("LsaSrv".to_owned(), None);
        }
        collected.failures.kinds.push(event);
        let diagnosis = diagnosis_of(&collected);
        assert_eq!(diagnosis.cause, Cause::Healthy);
        assert_eq!(diagnosis.commands, []);
        let told = &diagnosis.problem.failures[0];
        assert!(told.meaning.unwrap().contains(word) || told.remedy.unwrap().contains(word));
    }
}

/// How the alternative stands that the events are of another service, where a log tells of none.
fn silence(reach: LogReach) -> (Standing, String) {
    let mut collected = collected([("evt.service_failures", Value::List(Vec::new()))]);
    collected.failures.reach.push(reach);
    let alternatives = diagnosis_of(&collected).alternatives;
    let other = alternatives.iter().find(|one| one.cause == "other_service");
    let other = other.unwrap();
    (other.standing, other.by.clone())
}

#[test]
fn a_log_rules_out_by_its_silence_only_where_it_goes_back_to_the_installation() {
    let whole = LogReach {
        log: "System",
        records: 9,
        begins: Some(EventTime::Seconds(1_109_542_443)),
        oldest_record: Some(1),
        ends: None,
        gap: None,
        has_wrapped: false,
        evidence: Evidence::at(Locator::new("test")),
    };
    let (standing, by) = silence(whole.clone());
    assert_eq!(standing, Standing::RuledOut);
    assert!(by.contains("goes back to 2005-02-27T22:14:03Z"), "{by}");
    let (standing, by) = silence(LogReach {
        oldest_record: Some(4_000),
        has_wrapped: true,
        ..whole.clone()
    });
    assert_eq!(standing, Standing::Open);
    assert!(
        by.contains("record 4000, older ones were overwritten"),
        "{by}"
    );
    let (standing, by) = silence(LogReach {
        gap: Some("the System log holds no record".to_owned()),
        ..whole
    });
    assert_eq!(standing, Standing::Open);
    assert!(by.contains("holds no record"), "{by}");
}

#[test]
fn another_key_provider_beside_a_failure_of_iis_is_open_and_has_its_remedy() {
    let mut collected = collected([("crypto.default_csp_override", Value::Bool(true))]);
    collected.failures.kinds.push(failure());
    let diagnosis = diagnosis_of(&collected);
    assert_eq!(diagnosis.cause, Cause::Unexplained);
    assert!(
        diagnosis
            .sentence
            .contains("possibly the cause: the profile of the system"),
        "{}",
        diagnosis.sentence
    );
    assert!(
        diagnosis.remedy[0].contains("Q311861"),
        "{:?}",
        diagnosis.remedy
    );
    let provider = diagnosis
        .alternatives
        .iter()
        .find(|one| one.cause == "provider");
    assert_eq!(provider.unwrap().standing, Standing::Open);
}

#[test]
fn a_fault_of_a_service_that_iis_does_not_wait_for_does_not_hinder_iis() {
    let fault = || Value::texts(["AcmeTx depends on MSDTC, which is disabled"]);
    let (cause, ..) = diagnosed("svc.graph_errors", fault());
    assert_eq!(cause, Cause::Healthy);
    let (cause, sentence, _) = diagnosed("svc.iis_errors", fault());
    assert_eq!(cause, Cause::Blocked);
    assert!(sentence.contains("AcmeTx"), "{sentence}");
}

#[test]
fn a_disabled_msdtc_is_told_with_who_waits_for_it() {
    let diagnosis = diagnosed_with([
        ("msdtc.start", Value::Int(4)),
        (
            "svc.graph_errors",
            Value::texts(["AcmeTx depends on MSDTC, which is disabled"]),
        ),
    ]);
    let check = diagnosis.checks.iter().find(|check| check.check == "msdtc");
    let check = check.unwrap();
    assert_eq!(check.state, CheckState::Bad);
    assert!(check.detail.contains("AcmeTx"), "{}", check.detail);
}

#[test]
fn an_undated_failure_of_iis_is_not_taken_for_an_old_one() {
    let mut collected = collected([]);
    let failure = failure();
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
        let request = Request {
            image: Some("golden.vhd"),
            stand_ins,
            ..Request::default()
        };
        let diagnosis = crate::diagnosis::diagnose(&collected, &[], &request);
        let of_host = diagnosis
            .commands
            .iter()
            .filter(|one| one.place == Place::Host);
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

/// A sealed Windows 10 or its server, with more facts.
fn sealed<const N: usize>(more: [(&'static str, Value); N]) -> Diagnosis {
    let version = Value::Version(crate::evidence::Version::parse("10.0").unwrap());
    let mut collected = collected(more);
    let place = || Evidence::at(Locator::new("test"));
    for (id, value) in [
        ("os.version", version),
        ("sysprep.sealed", Value::Bool(true)),
    ] {
        collected.facts.put(id, Fact::found(value, place()));
    }
    diagnosis_of(&collected)
}

#[test]
fn copies_of_a_sealed_image_lose_the_key_whatever_name_it_has_here() {
    for pairing in ["machine_guid", "other"] {
        let diagnosis = sealed([("key.pairing", Value::text(pairing))]);
        assert_eq!(diagnosis.cause, Cause::SealedKeysLost, "{pairing}");
    }
    let diagnosis = sealed([("key.pairing", Value::text("none"))]);
    assert_eq!(diagnosis.cause, Cause::ForeignMetabase);
}

#[test]
fn copies_of_a_sealed_image_lose_the_encrypted_values_of_iis_7() {
    let config = |encrypted| {
        sealed([
            ("iis.metabase_in_use", Value::Bool(false)),
            ("iis.config_encrypted", Value::Bool(encrypted)),
        ])
    };
    let diagnosis = config(true);
    assert_eq!(diagnosis.cause, Cause::SealedKeysLost);
    assert!(
        diagnosis
            .remedy
            .iter()
            .any(|step| step.contains("KB942060")),
        "{:?}",
        diagnosis.remedy
    );
    assert_eq!(config(false).cause, Cause::NoMetabase);
}
