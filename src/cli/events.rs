//! `goldseal events`: the events of the System and Application logs, oldest first.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use goldseal::artifact::event_log::{Query, Text};
use goldseal::base::filetime::FileTime;
use goldseal::base::limits::Limits;
use goldseal::facts::Context;
use goldseal::facts::event_logs;
use goldseal::report::{EventEntry, EventsReport, ImageInfo, LogEntry, events_text};

use crate::cli::args::EventsArgs;
use crate::cli::output::Output;
use crate::cli::{Exit, Failure, open};

pub(crate) fn run(args: &EventsArgs, output: &mut Output) -> Result<Exit, Failure> {
    let query = query(args)?;
    let image = open::open_one(args.image.as_ref(), &args.place)?;
    let installation = open::installation(&image, args.place.installation, output)?;
    let context = Context::new(installation, Limits::default());
    let found = event_logs::find(&context);
    let mut logs = Vec::new();
    let mut events = Vec::new();
    for file in &found.files {
        let read = event_logs::read(&context, file, &query, &mut |record| {
            events.push(EventEntry::new(&file.log, record));
        });
        logs.push(LogEntry::new(file, read));
    }
    logs.extend(
        found
            .unseen
            .into_iter()
            .map(|(log, unknown)| LogEntry::unseen(&log, &unknown)),
    );
    // That no log is there is an answer; that none could be read is none.
    let exit = if logs.is_empty() || logs.iter().any(LogEntry::was_read) {
        Exit::Safe
    } else {
        Exit::Failed
    };
    let mut info = ImageInfo::of_installation(&image, installation);
    info.notes.extend(context.notes());
    let report = EventsReport::new(info, installation, logs, events);
    if output.is_json() {
        output.json(&report)?;
    } else {
        let style = output.style();
        output.text(&events_text(&report, &style));
    }
    open::say_reads(&image, output);
    Ok(exit)
}

fn query(args: &EventsArgs) -> Result<Query, Failure> {
    let mut query = Query::for_ids(args.ids.iter().copied());
    query.sources.clone_from(&args.sources);
    query.text = args.text.as_deref().map(Text::new);
    query.since = args
        .since
        .as_deref()
        .map(|text| time("--since", text, false))
        .transpose()?;
    query.until = args
        .until
        .as_deref()
        .map(|text| time("--until", text, true))
        .transpose()?;
    if let (Some(since), Some(until)) = (query.since, query.until)
        && since > until
    {
        return Err(Failure::Usage(
            "--since is after --until: no event can be between them".to_owned(),
        ));
    }
    Ok(query)
}

/// A time of RFC 3339, or a date: its first moment or, for an end, its last.
pub(crate) fn time(option: &str, text: &str, end: bool) -> Result<FileTime, Failure> {
    let date = || {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        let start = date.and_time(NaiveTime::MIN).and_utc();
        if end {
            start.checked_add_signed(TimeDelta::days(1) - TimeDelta::nanoseconds(100))
        } else {
            Some(start)
        }
    };
    let exact = || {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|time| time.to_utc())
    };
    let plain = || {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S")
            .ok()
            .map(|time| time.and_utc())
    };
    let parsed: Option<DateTime<Utc>> = exact().or_else(plain).or_else(date);
    parsed.and_then(FileTime::from_utc).ok_or_else(|| {
        Failure::Usage(format!(
            "{option} {text}: expected a date or a time of UTC, such as 2005-03-01 or 2005-03-01T08:00:00Z"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, end: bool) -> Option<String> {
        time("--since", text, end).ok()?.to_rfc3339()
    }

    #[test]
    fn a_date_is_its_first_moment_and_as_an_end_its_last() {
        assert_eq!(
            shown("2005-03-01", false).unwrap(),
            "2005-03-01T00:00:00.0000000Z"
        );
        assert_eq!(
            shown("2005-03-01", true).unwrap(),
            "2005-03-01T23:59:59.9999999Z"
        );
    }

    #[test]
    fn a_time_without_a_zone_is_utc() {
        assert_eq!(
            shown("2005-03-01T08:00:00", false),
            shown("2005-03-01T09:00:00+01:00", false)
        );
        assert_eq!(shown("1 March", false), None);
    }
}
