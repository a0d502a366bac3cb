//! `goldseal inspect`: every fact with its place.

use goldseal::report::{ImageInfo, InspectReport, inspect_text};

use crate::cli::args::OneImage;
use crate::cli::output::Output;
use crate::cli::{Exit, Failure, open};

pub(crate) fn run(args: &OneImage, output: &mut Output) -> Result<Exit, Failure> {
    let image = open::open_one(args.image.as_ref(), &args.source, output)?;
    let installation = open::installation(&image, args.source.installation, output)?;
    let collected = open::collect(installation, args.prove, |_| !args.no_logs);
    let report = InspectReport::new(
        ImageInfo::of_installation(&image, installation),
        installation,
        collected,
    );
    if output.is_json() {
        output.json(&report)?;
    } else {
        let style = output.style();
        output.text(&inspect_text(&report, &style));
    }
    open::say_reads(&image, output);
    Ok(Exit::Safe)
}
