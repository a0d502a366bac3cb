//! `goldseal keys`: the machine keys against MachineGuid.

use goldseal::report::{ImageInfo, KeysReport, keys_text};

use crate::cli::args::OneImage;
use crate::cli::output::Output;
use crate::cli::{Exit, Failure, open};

pub(crate) fn run(args: &OneImage, output: &mut Output) -> Result<Exit, Failure> {
    let image = open::open_one(args.image.as_ref(), &args.source)?;
    let installation = open::installation(&image, args.source.installation, output)?;
    let collected = open::collect(installation, args.prove, |_| false);
    let report = KeysReport::new(
        ImageInfo::of_installation(&image, installation),
        installation,
        &collected,
    );
    if output.is_json() {
        output.json(&report)?;
    } else {
        let style = output.style();
        output.text(&keys_text(&report, &style));
    }
    open::say_reads(&image, output);
    Ok(Exit::Safe)
}
