//! `goldseal diagnose`: why IIS and its neighbours do not start here, and what would mend it.

use goldseal::diagnosis;
use goldseal::report::{DiagnoseReport, ImageInfo, diagnose_text};
use goldseal::rules::{self, Catalogue};

use crate::cli::args::OneImage;
use crate::cli::output::Output;
use crate::cli::{Exit, Failure, open};

pub(crate) fn run(args: &OneImage, output: &mut Output) -> Result<Exit, Failure> {
    let image = open::open_one(args.image.as_ref(), &args.source, output)?;
    let installation = open::installation(&image, args.source.installation, output)?;
    let collected = open::collect(installation, args.prove, |_| true);
    let catalogue = Catalogue::built_in().map_err(|error| Failure::Failed(error.to_string()))?;
    let findings = rules::run(&catalogue, &collected.facts);
    let report = DiagnoseReport::new(
        ImageInfo::of_installation(&image, installation),
        installation,
        &collected.notes,
        diagnosis::diagnose(&collected, &findings),
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
