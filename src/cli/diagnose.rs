//! `goldseal diagnose`: why IIS and its neighbours do not start here, and what would mend it.

use goldseal::diagnosis::{self, Request};
use goldseal::report::{DiagnoseReport, ImageInfo, diagnose_text};
use goldseal::rules::{self, Catalogue};

use crate::cli::args::DiagnoseArgs;
use crate::cli::output::Output;
use crate::cli::{Exit, Failure, events, open};

pub(crate) fn run(args: &DiagnoseArgs, output: &mut Output) -> Result<Exit, Failure> {
    let problem_time = args
        .problem_time
        .as_deref()
        .map(|text| events::time("--problem-time", text, false))
        .transpose()?;
    let args = &args.image;
    let image = open::open_one(args.image.as_ref(), &args.source)?;
    let installation = open::installation(&image, args.source.installation, output)?;
    let collected = open::collect(installation, args.prove, |_| !args.no_logs);
    let catalogue = Catalogue::built_in().map_err(|error| Failure::Failed(error.to_string()))?;
    let findings = rules::run(&catalogue, &collected.facts);
    let source = args.image.as_ref().map(|path| path.display().to_string());
    let request = Request {
        image: source.as_deref(),
        // Event logs are no part of a plan; everything else that is named by option is.
        stand_ins: {
            let mut loose = args.source.loose();
            loose.event_logs.clear();
            loose.is_any()
        },
        allow_backing_anywhere: args.source.allow_backing_anywhere,
        installation: (image.installations.len() > 1).then_some(installation.index),
        problem_time,
    };
    let report = DiagnoseReport::new(
        ImageInfo::of_installation(&image, installation),
        installation,
        &collected.notes,
        diagnosis::diagnose(&collected, &findings, &request),
    );
    if output.is_json() {
        output.json(&report)?;
    } else {
        let style = output.style();
        output.text(&diagnose_text(&report, &style));
    }
    open::say_reads(&image, output);
    Ok(Exit::Safe)
}
