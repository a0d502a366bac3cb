//! `goldseal check`: the verdict on each installation of each image, and the exit code.

use std::path::PathBuf;

use goldseal::base::contain::contain;
use goldseal::evidence::{Evidence, Fact, Locator, Value};
use goldseal::facts::shared_identities::{self, Subject};
use goldseal::facts::{self, Collected, vocabulary};
use goldseal::image::{Image, Installation};
use goldseal::report::{
    CheckReport, Entry, ErrorReport, ImageInfo, across_text, check_text, error_text,
};
use goldseal::rules::{self, Catalogue, Verdict};

use crate::cli::args::{CheckArgs, FailOn, Question};
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::cli::rules::load_catalogue;
use crate::cli::{Exit, Failure, open};

/// A fact that the operator vouches for.
struct Assertion {
    fact: String,
    value: Value,
    text: String,
}

/// Where an entry comes from, for the comparison of images.
struct Origin {
    entry: usize,
    image: usize,
    host: Option<(u64, u64)>,
    registry: Option<String>,
}

pub(crate) fn run(args: &CheckArgs, output: &mut Output) -> Result<Exit, Failure> {
    let sources = sources(args)?;
    let catalogue = load_catalogue(&args.rules)?;
    let assertions = args
        .assertions
        .iter()
        .map(|text| parse_assertion(text))
        .collect::<Result<Vec<_>, _>>()?;
    let options = open::options(args.source.allow_backing_anywhere);
    let mut progress = Progress::new(output, sources.len());
    let mut entries = Vec::new();
    let mut origins = Vec::new();
    let mut exit = Exit::Safe;
    for (number, image) in sources.iter().enumerate() {
        let source = open::source(image.as_deref(), &args.source);
        progress.next(&source.as_typed());
        match open::open(&source, &options) {
            Err(error) => {
                entries.push(Entry::Error(ErrorReport::of_error(
                    &source.as_typed(),
                    &error,
                )));
                exit = exit.worse(Exit::Failed);
            }
            Ok(image) => {
                let found = check_image(&image, args, &catalogue, &assertions)?;
                let host = source.image.as_deref().and_then(open::host_identity);
                for (entry, registry) in found {
                    exit = exit.worse(exit_of(&entry, args));
                    let entry_number = entries.len();
                    origins.push(Origin {
                        entry: entry_number,
                        image: number,
                        host,
                        registry,
                    });
                    entries.push(entry);
                }
                open::say_reads(&image, output);
            }
        }
    }
    drop(progress);
    if sources.len() > 1 {
        compare_images(&mut entries, &origins);
    }
    write(&entries, sources.len(), output)?;
    Ok(exit)
}

fn sources(args: &CheckArgs) -> Result<Vec<Option<PathBuf>>, Failure> {
    let loose = args.source.loose().is_any();
    if args.images.is_empty() {
        return if loose {
            Ok(vec![None])
        } else {
            Err(Failure::Usage(
                "name at least one IMAGE, or artefacts by option (--system FILE ...)".to_owned(),
            ))
        };
    }
    if loose && args.images.len() > 1 {
        return Err(Failure::Usage(
            "artefacts named by option go with one IMAGE only".to_owned(),
        ));
    }
    Ok(args.images.iter().cloned().map(Some).collect())
}

/// An entry, and the digest of its registry where several images are compared.
type Checked = (Entry, Option<String>);

fn check_image(
    image: &Image,
    args: &CheckArgs,
    catalogue: &Catalogue,
    assertions: &[Assertion],
) -> Result<Vec<Checked>, Failure> {
    let failed = |report| Ok(vec![(Entry::Error(report), None)]);
    if image.installations.is_empty() {
        return failed(ErrorReport::new(
            ImageInfo::of_image(image),
            "no_windows",
            &open::no_windows(image),
        ));
    }
    let wanted: Vec<&Installation> = match args.source.installation {
        None => image.installations.iter().collect(),
        Some(number) => match image.installations.get(number) {
            Some(installation) => vec![installation],
            None if args.images.len() > 1 => {
                // The other images have it, perhaps; their reports are not lost.
                return failed(ErrorReport::new(
                    ImageInfo::of_image(image),
                    "no_such_installation",
                    &open::no_such_installation(image, number),
                ));
            }
            None => return Err(Failure::Usage(open::no_such_installation(image, number))),
        },
    };
    Ok(wanted
        .into_iter()
        .map(|installation| check_installation(image, installation, args, catalogue, assertions))
        .collect())
}

fn check_installation(
    image: &Image,
    installation: &Installation,
    args: &CheckArgs,
    catalogue: &Catalogue,
    assertions: &[Assertion],
) -> Checked {
    let info = ImageInfo::of_installation(image, installation);
    let checked = contain(&installation.locator.to_string(), || {
        let context =
            open::context(installation, args.prove).with_identities(catalogue.identities());
        let mut collected = facts::collect_in(&context, |facts| {
            let asked = |group| rules::ask_for(catalogue, facts, group);
            let groups = ["evt.", "setuplog.", "xpe.reseal_count"];
            !args.no_logs && groups.into_iter().any(asked)
        });
        let registry = (args.images.len() > 1)
            .then(|| context.registry_digest())
            .flatten();
        vouch(&mut collected, assertions);
        let findings = rules::run(catalogue, &collected.facts);
        Ok((collected, findings, registry))
    });
    match checked {
        Ok((collected, findings, registry)) => {
            let report = CheckReport::new(info, installation, collected, findings);
            (Entry::Check(Box::new(report)), registry)
        }
        Err(error) => {
            let report = ErrorReport::new(info, "parser_fault", &error.chain());
            (Entry::Error(report), None)
        }
    }
}

/// Tells every report which identities its installation shares with those of the other images.
fn compare_images(entries: &mut [Entry], origins: &[Origin]) {
    let mut compared = Vec::new();
    let mut subjects = Vec::new();
    for origin in origins {
        if let Some(Entry::Check(report)) = entries.get(origin.entry) {
            compared.push(origin.entry);
            subjects.push(Subject {
                image: origin.image,
                source: report.image.source.clone(),
                index: report.installation.index,
                host: origin.host,
                registry: origin.registry.clone(),
                facts: &report.facts,
            });
        }
    }
    let answers = shared_identities::compare(&subjects);
    drop(subjects);
    for (entry, answer) in compared.into_iter().zip(answers) {
        if let Some(Entry::Check(report)) = entries.get_mut(entry) {
            report.across_images = Some(answer);
        }
    }
}

/// Puts the operator's word where the image shows nothing, and says where it was not used.
fn vouch(collected: &mut Collected, assertions: &[Assertion]) {
    for assertion in assertions {
        let evidence =
            Evidence::at(Locator::new("--assert on the command line")).raw(&assertion.text);
        if !collected
            .facts
            .assert(&assertion.fact, assertion.value.clone(), evidence)
        {
            let why = match collected.facts.get(&assertion.fact) {
                Some(Fact::Found { asserted: true, .. }) => {
                    "an earlier one says otherwise".to_owned()
                }
                Some(Fact::Found { value, .. }) => format!("the image shows {value}"),
                _ => "the image shows that it is absent".to_owned(),
            };
            collected
                .notes
                .push(format!("--assert {} was not used: {why}", assertion.text));
        }
    }
}

fn parse_assertion(text: &str) -> Result<Assertion, Failure> {
    let (fact, value) = text.split_once('=').ok_or_else(|| {
        Failure::Usage(format!(
            "--assert {text}: expected FACT=VALUE, such as xpe.reseal_count=1"
        ))
    })?;
    let known = vocabulary::find(fact).ok_or_else(|| {
        Failure::Usage(format!(
            "--assert {text}: there is no fact {fact}; `goldseal inspect IMAGE` names all"
        ))
    })?;
    let value = vocabulary::parse_value(known, value)
        .map_err(|reason| Failure::Usage(format!("--assert {text}: {reason}")))?;
    Ok(Assertion {
        fact: fact.to_owned(),
        value,
        text: text.to_owned(),
    })
}

fn exit_of(entry: &Entry, args: &CheckArgs) -> Exit {
    let Entry::Check(report) = entry else {
        return Exit::Failed;
    };
    let question = match args.question {
        Question::Clone => rules::Question::Clone,
        Question::Seal => rules::Question::Seal,
    };
    let warned = args.fail_on == FailOn::Warns && rules::warned(&report.findings, question);
    match report.verdict.get(question) {
        Verdict::Unsafe => Exit::Unsafe,
        _ if warned => Exit::Unsafe,
        Verdict::Inconclusive => Exit::Inconclusive,
        Verdict::Safe => Exit::Safe,
    }
}

fn write(entries: &[Entry], images: usize, output: &mut Output) -> Result<(), Failure> {
    if output.is_json() {
        return match entries {
            [single] if images == 1 => output.json(single),
            many => output.json(&many),
        };
    }
    let style = output.style();
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            output.text("\n");
        }
        match entry {
            Entry::Check(report) => output.text(&check_text(report, &style)),
            Entry::Error(report) => output.text(&error_text(report, &style)),
        }
    }
    output.text(&across_text(entries, &style));
    Ok(())
}
