//! Tests of the catalogue as a whole: every rule is complete, none passes silently.

use crate::facts::{Facts, sources, vocabulary};
use crate::rules::rule_file::example_facts;
use crate::rules::{Catalogue, Outcome, Rule, Severity, Verdict, Verdicts, built_in, run};

fn catalogue() -> Catalogue {
    Catalogue::built_in_with_examples().unwrap()
}

#[test]
fn every_rule_and_every_example_of_the_catalogue_holds() {
    // The loader checks the examples of each file.
    assert_eq!(catalogue().rules().len(), built_in::FILES.len());
}

#[test]
fn the_rules_of_a_check_are_those_of_the_files_but_for_their_examples() {
    let mut with = catalogue().rules().to_vec();
    for rule in &mut with {
        rule.examples.clear();
    }
    assert_eq!(Catalogue::built_in().unwrap().rules(), with);
}

#[test]
fn no_rule_is_clear_where_no_fact_is_known() {
    let findings = run(&catalogue(), &Facts::new());
    for finding in &findings {
        assert_eq!(finding.outcome, Outcome::Unknown, "{}", finding.rule);
        assert!(!finding.missing.is_empty(), "{}", finding.rule);
    }
    let verdicts = Verdicts::of(&findings);
    assert_eq!(verdicts.clone, Verdict::Inconclusive);
    assert_eq!(verdicts.seal, Verdict::Inconclusive);
}

#[test]
fn every_rule_has_an_example_of_each_outcome_that_it_can_have() {
    for rule in catalogue().rules() {
        for outcome in Outcome::ALL {
            let wanted = outcome != Outcome::NotApplicable || rule.scope.is_some();
            let there = rule
                .examples
                .iter()
                .any(|example| example.expect == outcome);
            assert_eq!(there, wanted, "{}: {}", rule.id, outcome.as_str());
        }
    }
}

#[test]
fn every_source_of_the_catalogue_is_in_the_table() {
    for rule in catalogue().rules() {
        for id in &rule.sources {
            assert!(sources::find(id).is_some(), "{}: source {id}", rule.id);
        }
    }
}

#[test]
fn every_file_is_named_for_its_rule_and_every_replaced_rule_exists() {
    let catalogue = catalogue();
    for (rule, (name, _)) in catalogue.rules().iter().zip(built_in::FILES) {
        assert_eq!(format!("{}.toml", rule.id), *name);
        for older in &rule.supersedes {
            assert!(
                catalogue.rule(older).is_some(),
                "{} replaces {older}",
                rule.id
            );
        }
    }
}

#[test]
fn no_blocking_rule_rests_on_memory() {
    for rule in catalogue().rules() {
        if rule.severity == Severity::Blocks {
            assert_ne!(rule.confidence, vocabulary::Grade::Memory, "{}", rule.id);
        }
    }
}

/// Each fact of each fired example, made unknown: the rule may stay fired or become unknown, never clear.
#[test]
fn the_bad_state_of_a_blocking_rule_rests_on_no_fact_from_memory() {
    for rule in catalogue().rules() {
        if rule.severity == Severity::Blocks {
            for id in rule.when.facts() {
                let grade = vocabulary::find(id).unwrap().grade;
                assert_ne!(grade, vocabulary::Grade::Memory, "{}: {id}", rule.id);
            }
        }
    }
}

#[test]
fn losing_sight_of_a_fact_never_turns_a_fired_rule_into_a_pass() {
    for rule in catalogue().rules() {
        let fired = rule
            .examples
            .iter()
            .filter(|example| example.expect == Outcome::Fired);
        for example in fired {
            for hidden in rule.facts() {
                let mut less = example.clone();
                less.facts.retain(|(id, _)| id != hidden);
                less.absent.retain(|id| id != hidden);
                let outcome = outcome_of(rule, &example_facts(&less));
                let kept = matches!(outcome, Outcome::Fired | Outcome::Unknown);
                assert!(kept, "{} without {hidden}: {outcome:?}", rule.id);
            }
        }
    }
}

fn outcome_of(rule: &Rule, facts: &Facts) -> Outcome {
    crate::rules::finding::decide(rule, facts).outcome
}

#[test]
fn a_finding_has_the_keys_of_the_report_in_their_order() {
    let catalogue = catalogue();
    let rule = catalogue.rule("key-001").unwrap();
    let finding = crate::rules::finding::decide(rule, &example_facts(&rule.examples[0]));
    let json = serde_json::to_string(&finding).unwrap();
    let keys = [
        "\"rule\":\"KEY-001\"",
        "\"title\":",
        "\"severity\":\"blocks\"",
        "\"questions\":[\"clone\",\"seal\"]",
        "\"outcome\":\"fired\"",
        "\"message\":",
        "\"remedy\":",
        "\"sources\":[\"KB884872\",\"MS-IMSA\"]",
        "\"evidence\":[{\"fact\":",
        "\"missing\":[]",
    ];
    let places: Vec<_> = keys.iter().map(|key| json.find(key)).collect();
    assert!(
        places.is_sorted() && places.iter().all(Option::is_some),
        "{json}"
    );
    assert!(
        json.contains("\"value\":\"other\",\"location\":\"example\""),
        "{json}"
    );
}

#[test]
fn an_unknown_finding_names_the_facts_that_would_decide_and_no_others() {
    let catalogue = catalogue();
    let rule = catalogue.rule("KEY-001").unwrap();
    let example = rule
        .examples
        .iter()
        .find(|example| example.name.starts_with("the names are right"))
        .unwrap();
    let finding = crate::rules::finding::decide(rule, &example_facts(example));
    assert_eq!(finding.missing, ["key.pairing"]);
    assert!(
        finding.message.starts_with("not decided: key.pairing"),
        "{}",
        finding.message
    );
}
