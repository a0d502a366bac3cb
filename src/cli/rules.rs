//! `goldseal rules` and `explain`: the catalogue, and one rule or fact in full.

use std::fs;
use std::path::{Path, PathBuf};

use goldseal::facts::vocabulary;
use goldseal::report::{FactReport, RuleReport, RulesReport, rules_text};
use goldseal::rules::{Catalogue, RULE_FILE_BYTES_MAX};

use crate::cli::args::{ExplainArgs, RulesArgs};
use crate::cli::output::Output;
use crate::cli::{Exit, Failure};

pub(crate) fn list(args: &RulesArgs, output: &mut Output) -> Result<Exit, Failure> {
    let catalogue = load_catalogue(&args.rules)?;
    let report = RulesReport::new(&catalogue);
    if output.is_json() {
        output.json(&report)?;
    } else {
        let style = output.style();
        output.text(&rules_text(&report, &style));
    }
    Ok(Exit::Safe)
}

pub(crate) fn explain(args: &ExplainArgs, output: &mut Output) -> Result<Exit, Failure> {
    let catalogue = load_catalogue(&args.rules)?;
    if let Some(rule) = catalogue.rule(&args.id) {
        if output.is_json() {
            output.json(&RuleReport::new(&catalogue, rule))?;
        } else {
            output.text(&format!(
                "{}: {}\n\n{}",
                rule.id,
                rule.title,
                rule.documentation(&catalogue)
            ));
        }
        return Ok(Exit::Safe);
    }
    if let Some(fact) = vocabulary::find(&args.id) {
        if output.is_json() {
            output.json(&FactReport::new(fact))?;
        } else {
            output.text(&format!("{}\n\n{}", fact.id, fact.documentation()));
        }
        return Ok(Exit::Safe);
    }
    Err(Failure::NotThere(format!(
        "{}: no rule and no fact has this id; `goldseal rules` lists the rules, `goldseal inspect IMAGE` the facts",
        args.id
    )))
}

/// The built-in catalogue with the rule files of `directories`.
pub(crate) fn load_catalogue(directories: &[PathBuf]) -> Result<Catalogue, Failure> {
    let mut files = Vec::new();
    for directory in directories {
        read_directory(directory, &mut files)?;
    }
    let built_in = Catalogue::built_in().map_err(|error| Failure::Failed(error.to_string()))?;
    if files.is_empty() {
        return Ok(built_in);
    }
    let named = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    built_in
        .with_files(named)
        .map_err(|error| Failure::Usage(error.to_string()))
}

fn read_directory(directory: &Path, files: &mut Vec<(String, String)>) -> Result<(), Failure> {
    let fail = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::Usage(format!("--rules {}: {error}", path.display()))
    };
    let entries = fs::read_dir(directory).map_err(|error| fail(directory, &error))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| fail(directory, &error))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
        {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(fail(directory, &"no file *.toml in it"));
    }
    paths.sort();
    for path in paths {
        let size = fs::metadata(&path)
            .map_err(|error| fail(&path, &error))?
            .len();
        if usize::try_from(size).map_or(true, |size| size > RULE_FILE_BYTES_MAX) {
            return Err(fail(
                &path,
                &format_args!("{size} bytes, at most {RULE_FILE_BYTES_MAX} are read"),
            ));
        }
        let text = fs::read_to_string(&path).map_err(|error| fail(&path, &error))?;
        files.push((path.display().to_string(), text));
    }
    Ok(())
}
