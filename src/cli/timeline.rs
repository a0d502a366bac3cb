//! `goldseal timeline`: identity, sealing and failure events of every source in one order of time.

use goldseal::artifact::event_log::Text;
use goldseal::base::limits::Limits;
use goldseal::facts::{self, Context};
use goldseal::report::{ImageInfo, TimelineReport, timeline_text};
use goldseal::timeline::{Filter, Kind, Source, Timeline};

use crate::cli::args::TimelineArgs;
use crate::cli::events::time;
use crate::cli::output::Output;
use crate::cli::rules::load_catalogue;
use crate::cli::{Exit, Failure, open};

pub(crate) fn run(args: &TimelineArgs, output: &mut Output) -> Result<Exit, Failure> {
    let filter = filter(args)?;
    let catalogue = load_catalogue(&args.identities.rules)?;
    let image = open::open_one(args.image.as_ref(), &args.place)?;
    let installation = open::installation(&image, args.place.installation, output)?;
    let context =
        Context::new(installation, Limits::default()).with_identities(catalogue.identities());
    // The logs are read by the timeline itself.
    let collected = facts::collect_in(&context, |_| false);
    let timeline = Timeline::read(&context, &collected, &filter);
    let report = TimelineReport::new(
        ImageInfo::of_installation(&image, installation),
        installation,
        &collected.notes,
        timeline,
    );
    if output.is_json() {
        output.json(&report)?;
    } else {
        let style = output.style();
        output.text(&timeline_text(&report, &style));
    }
    open::say_reads(&image, output);
    Ok(Exit::Safe)
}

fn filter(args: &TimelineArgs) -> Result<Filter, Failure> {
    let at = |option: &str, text: Option<&String>, end: bool| {
        text.map(|text| time(option, text, end)).transpose()
    };
    Ok(Filter {
        sources: args
            .sources
            .iter()
            .filter_map(|word| Source::parse(word))
            .collect(),
        kinds: args
            .kinds
            .iter()
            .filter_map(|word| Kind::parse(word))
            .collect(),
        since: at("--since", args.since.as_ref(), false)?,
        until: at("--until", args.until.as_ref(), true)?,
        text: args.text.as_deref().map(Text::new),
    })
}
