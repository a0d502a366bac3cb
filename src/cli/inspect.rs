//! `goldseal inspect`: every fact with its place.

use goldseal::base::limits::Limits;
use goldseal::facts;
use goldseal::report::{ImageInfo, InspectReport, inspect_text};

use crate::cli::args::InspectArgs;
use crate::cli::output::Output;
use crate::cli::rules::load_catalogue;
use crate::cli::{Exit, Failure, open};

pub(crate) fn run(args: &InspectArgs, output: &mut Output) -> Result<Exit, Failure> {
    let catalogue = load_catalogue(&args.identities.rules)?;
    let args = &args.image;
    let image = open::open_one(args.image.as_ref(), &args.source)?;
    let installation = open::installation(&image, args.source.installation, output)?;
    let context = open::context_within(installation, args.prove, Limits::of_whole_volume())
        .with_identities(catalogue.identities());
    let collected = facts::collect_in(&context, |_| !args.no_logs);
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
