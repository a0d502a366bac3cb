//! The catalogue against its directory, its documents, its worked examples, and rule files of an organisation.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails loudly"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use goldseal::evidence::{Evidence, Fact, Locator, Value, Version};
use goldseal::facts::Facts;
use goldseal::facts::vocabulary::{self, FactType};
use goldseal::rules::{self, Catalogue, Finding, Outcome, Question, Severity};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compares a generated file with what is there; `GOLDSEAL_BLESS=1` writes it.
fn check_generated(path: &Path, wanted: &str) {
    if std::env::var_os("GOLDSEAL_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, wanted).unwrap();
        return;
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == wanted,
        "{} is not current: run GOLDSEAL_BLESS=1 cargo test --test rules",
        path.display()
    );
}

#[test]
fn the_embedded_list_names_every_file_of_the_catalogue() {
    let directory = root().join("src/rules/catalogue");
    let mut names: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    let mut list = String::from(
        "//! The files of the catalogue, embedded. Written by the test that compares this list with the directory.\n\n\
         /// Name and content of every file, in the order of the ids.\n\
         pub(crate) const FILES: &[(&str, &str)] = &[\n",
    );
    for path in names {
        let name = path.file_name().unwrap().to_str().unwrap();
        list += &format!("    (\"{name}\", include_str!(\"catalogue/{name}\")),\n");
    }
    list += "];\n";
    check_generated(&root().join("src/rules/built_in.rs"), &list);
}

#[test]
fn the_page_of_rules_is_current() {
    let catalogue = Catalogue::built_in().unwrap();
    check_generated(
        &root().join("docs/rules.md"),
        &rules::catalogue_page(&catalogue),
    );
}

#[test]
fn the_page_of_facts_is_current() {
    check_generated(&root().join("docs/facts.md"), &vocabulary::page());
}

// ---- the texts of the catalogue ----------------------------------------------------------------------------------

/// A remedy that names a command of another version cannot be followed.
#[test]
fn every_command_that_a_rule_names_is_there() {
    for rule in Catalogue::built_in().unwrap().rules() {
        let note = rule.note.as_deref().unwrap_or("");
        for text in [&rule.statement, &rule.remedy, note] {
            for named in text.split("`goldseal ").skip(1) {
                let command = named.split([' ', '`']).next().unwrap();
                let help = Command::new(env!("CARGO_BIN_EXE_goldseal"))
                    .args([command, "--help"])
                    .output()
                    .unwrap();
                assert!(help.status.success(), "{}: goldseal {command}", rule.id);
            }
        }
    }
}

// ---- worked examples ---------------------------------------------------------------------------------------------

#[derive(serde::Deserialize)]
struct WorkedExamples {
    base_facts: BTreeMap<String, serde_json::Value>,
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    facts_changed: BTreeMap<String, serde_json::Value>,
    blocks: Vec<String>,
    blocks_seal_only: Vec<String>,
    warns: Vec<String>,
    informs: Vec<String>,
    not_decided: Vec<String>,
}

/// The expected lists come from the reference evaluator of the rule collection; its file names what changed since.
#[test]
fn all_worked_examples_are_decided_as_intended() {
    let text = fs::read_to_string(root().join("testdata/rules/worked_examples.json")).unwrap();
    let worked: WorkedExamples = serde_json::from_str(&text).unwrap();
    let catalogue = Catalogue::built_in().unwrap();
    assert_eq!(worked.cases.len(), 13);
    for case in &worked.cases {
        let mut facts = Facts::new();
        for (id, value) in worked.base_facts.iter().chain(&case.facts_changed) {
            facts.put(id, fact(id, value));
        }
        let findings = rules::run(&catalogue, &facts);
        let fired = |severity, clone| {
            ids(&findings, |finding| {
                finding.outcome == Outcome::Fired
                    && finding.severity == severity
                    && (severity != Severity::Blocks || finding.serves(Question::Clone) == clone)
            })
        };
        let name = &case.name;
        assert_eq!(fired(Severity::Blocks, true), case.blocks, "{name}: blocks");
        assert_eq!(
            fired(Severity::Blocks, false),
            case.blocks_seal_only,
            "{name}: blocks, seal only"
        );
        assert_eq!(fired(Severity::Warns, true), case.warns, "{name}: warns");
        assert_eq!(
            fired(Severity::Informs, true),
            case.informs,
            "{name}: informs"
        );
        let unknown = ids(&findings, |finding| finding.outcome == Outcome::Unknown);
        assert_eq!(unknown, case.not_decided, "{name}: not decided");
    }
}

fn ids(findings: &[Finding], wanted: impl Fn(&Finding) -> bool) -> Vec<String> {
    let found = findings.iter().filter(|finding| wanted(finding));
    found.map(|finding| finding.rule.clone()).collect()
}

fn fact(id: &str, json: &serde_json::Value) -> Fact {
    let place = Evidence::at(Locator::new("worked example"));
    let kind = vocabulary::find(id)
        .unwrap_or_else(|| panic!("{id} is not in the vocabulary"))
        .kind;
    match json {
        serde_json::Value::Null => Fact::Absent(place),
        json => Fact::found(value(kind, json), place),
    }
}

fn value(kind: FactType, json: &serde_json::Value) -> Value {
    match kind {
        FactType::Bool => Value::Bool(json.as_bool().unwrap()),
        FactType::Int => Value::Int(json.as_i64().unwrap()),
        FactType::Text => Value::text(json.as_str().unwrap()),
        FactType::Version => Value::Version(Version::parse(json.as_str().unwrap()).unwrap()),
        FactType::List => Value::texts(
            json.as_array()
                .unwrap()
                .iter()
                .map(|item| item.as_str().unwrap()),
        ),
        FactType::Map => {
            let items = json.as_object().unwrap().keys();
            Value::Map(
                items
                    .map(|name| (name.clone(), Value::Bool(true)))
                    .collect(),
            )
        }
    }
}

// ---- rule files of an organisation -------------------------------------------------------------------------------

const GOOD: &str = r#"id = "ACME-001"
title = "no agent"
severity = "warns"
statement = "Every server has the agent."
message = "agents: {id.agents}"
remedy = "Install it."
confidence = "own"
sources = ["https://intranet.example/agent"]
scope = { fact = "os.version", op = ">=", value = "6.1" }
when = { all = [
    { fact = "id.agents", op = "absent" },
    { not = { fact = "os.domain_joined", op = "==", value = true } },
] }
"#;

fn load(text: &str) -> Result<Catalogue, String> {
    let catalogue = Catalogue::built_in().unwrap();
    catalogue
        .with_files([("acme.toml", text)])
        .map_err(|error| error.to_string())
}

/// The good file with one change must be refused at that line for that reason.
fn check_refused(from: &str, to: &str, message: &str) {
    let text = GOOD.replace(from, to);
    assert_ne!(text, GOOD, "{from} does not occur");
    let error = load(&text).expect_err(to);
    assert!(error.starts_with(message), "{error}");
}

#[test]
fn a_rule_of_an_organisation_is_decided_beside_the_others() {
    let catalogue = load(GOOD).unwrap();
    assert_eq!(catalogue.rules()[0].id, "ACME-001");
    assert_eq!(catalogue.rules()[0].questions, Question::ALL);
    let findings = rules::run(&catalogue, &Facts::new());
    assert_eq!(findings[0].outcome, Outcome::Unknown);
    assert_eq!(
        findings[0].missing,
        ["os.version", "id.agents", "os.domain_joined"]
    );
}

#[test]
fn an_id_that_is_taken_is_refused() {
    check_refused(
        "ACME-001",
        "KEY-001",
        "acme.toml:1: the id KEY-001 is taken by another rule",
    );
}

#[test]
fn a_fact_outside_of_the_vocabulary_is_refused() {
    check_refused(
        "\"os.domain_joined\"",
        "\"os.domain\"",
        "acme.toml:12: unknown fact \"os.domain\"",
    );
    check_refused(
        "{id.agents}",
        "{id.agent}",
        "acme.toml:5: unknown fact \"id.agent\"",
    );
}

#[test]
fn an_unknown_operator_is_refused() {
    check_refused("\">=\"", "\"=>\"", "acme.toml:9: unknown op \"=>\"");
}

#[test]
fn an_operator_that_does_not_fit_the_type_is_refused() {
    check_refused(
        "\"absent\"",
        "\"<\", value = 1",
        "acme.toml:11: op < does not fit id.agents, which is a list",
    );
}

#[test]
fn a_value_of_another_type_is_refused() {
    check_refused(
        "\"6.1\"",
        "6.1",
        "acme.toml:9: os.version is compared with a version in quotes",
    );
    check_refused(
        "value = true",
        "value = \"yes\"",
        "acme.toml:12: os.domain_joined is compared with true or false",
    );
}

#[test]
fn a_word_outside_of_the_set_of_a_fact_is_refused() {
    check_refused(
        "fact = \"os.version\", op = \">=\", value = \"6.1\"",
        "fact = \"os.product_type\", op = \"==\", value = \"Server\"",
        "acme.toml:9: os.product_type is never \"Server\", it is one of WinNT, ServerNT, LanmanNT",
    );
}

#[test]
fn an_event_that_no_log_can_show_is_refused() {
    let refused = load(&GOOD.replace(
        "fact = \"id.agents\", op = \"absent\"",
        "fact = \"evt.signatures\", op = \"contains\", value = \"EVT-4101\"",
    ));
    let error = refused.unwrap_err();
    assert!(
        error.starts_with(
            "acme.toml:11: evt.signatures never holds \"EVT-4101\", it holds one of EVT-116-W3SVC,"
        ),
        "{error}"
    );
}

#[test]
fn a_key_outside_of_the_form_is_refused() {
    check_refused(
        "remedy",
        "remedies",
        "acme.toml:6: unknown field `remedies`",
    );
    check_refused(
        "op = \"absent\"",
        "op = \"absent\", when = 1",
        "acme.toml:11: unknown field `when`",
    );
}

#[test]
fn a_key_that_is_missing_is_refused() {
    check_refused(
        "remedy = \"Install it.\"\n",
        "",
        "acme.toml:1: missing field `remedy`",
    );
}

#[test]
fn text_that_is_not_toml_is_refused_with_its_line() {
    check_refused("title = \"no agent\"", "title = no agent", "acme.toml:2: ");
}

#[test]
fn a_blocking_rule_from_memory_is_refused() {
    let text = GOOD
        .replace("\"own\"", "\"memory\"")
        .replace("\"warns\"", "\"blocks\"");
    let error = load(&text).unwrap_err();
    assert!(
        error.starts_with("acme.toml:3: a rule that rests on memory alone never blocks"),
        "{error}"
    );
}

#[test]
fn an_example_that_does_not_hold_is_refused() {
    let example = "\n[[example]]\nname = \"an old server\"\nfacts = { \"os.version\" = \"5.2\" }\nexpect = \"fired\"\n";
    let error = load(&format!("{GOOD}{example}")).unwrap_err();
    assert!(
        error.starts_with(
            "acme.toml:15: example \"an old server\" expects fired, the rule answers not_applicable"
        ),
        "{error}"
    );
}

#[test]
fn conditions_nested_too_deep_are_refused_and_not_followed() {
    let deep = |count: usize| {
        let test = "{ fact = \"id.agents\", op = \"absent\" }";
        let nested = format!("{}{test}{}", "{ not = ".repeat(count), " }".repeat(count));
        let start = GOOD.find("when = ").unwrap();
        format!("{}when = {nested}\n", &GOOD[..start])
    };
    assert!(load(&deep(7)).is_ok());
    let error = load(&deep(8)).unwrap_err();
    assert!(error.contains("nested at most 8 deep"), "{error}");
    assert!(load(&deep(10_000)).is_err());
}

/// Refused with the line and a part of the reason.
fn check_identities_refused(text: &str, line: usize, message: &str) {
    let refused = Catalogue::empty()
        .with_files([("agents.toml", text)])
        .unwrap_err();
    assert_eq!(refused.line, line, "{refused}");
    assert!(refused.reason.contains(message), "{refused}");
}

#[test]
fn identities_of_an_organisation_are_added_to_the_table() {
    let text = "[[identity]]\nname = \"Contoso agent\"\nkey = 'Contoso\\Agent'\nvalue = \"Id\"\n\
                [[identity]]\nname = \"Contoso file\"\nfile = \"contoso.ini\"\nentry = \"Id\"\nagent = false\nshown = true\n";
    let catalogue = Catalogue::empty()
        .with_files([("agents.toml", text)])
        .unwrap();
    let [agent, file] = catalogue.identities() else {
        panic!("{:?}", catalogue.identities());
    };
    assert_eq!(
        (agent.name.as_str(), agent.is_agent, agent.is_shown),
        ("Contoso agent", true, false)
    );
    assert_eq!((file.is_agent, file.is_shown), (false, true));
}

#[test]
fn an_identity_without_a_place_or_with_a_name_that_is_taken_is_refused() {
    let row = |tail: &str| format!("[[identity]]\nname = \"a\"\n{tail}\n");
    check_identities_refused(&row("key = \"k\""), 1, "expected key and value");
    check_identities_refused(
        &row("key = \"k\"\nvalue = \"v\"\nhive = \"SAM\""),
        1,
        "SOFTWARE or SYSTEM",
    );
    check_identities_refused(
        &row("file = \"../x\"\nentry = \"e\""),
        1,
        "below the Windows folder",
    );
    check_identities_refused(&row("colour = \"red\""), 3, "unknown field");
    check_identities_refused(
        "[[identity]]\nname = \"tanium CLIENT\"\nkey = \"k\"\nvalue = \"v\"\n",
        1,
        "is taken",
    );
}

#[test]
fn a_file_above_the_limit_is_refused() {
    let text = format!("{GOOD}# {}\n", "x".repeat(rules::RULE_FILE_BYTES_MAX));
    assert!(load(&text).unwrap_err().contains("at most 262144 bytes"));
}
