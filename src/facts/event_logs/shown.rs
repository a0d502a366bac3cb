//! What the logs show: known failures, names that changed, services installed anew, boots, updates.

use crate::artifact::event_log::{EventRecord, EventTime, LogSummary, Query};
use crate::base::bytes::hex;
use crate::base::distinct;
use crate::base::redact;
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::event_logs::IDS;
use crate::facts::event_logs::failures::{FAILURES, Failure, Failures};
use crate::facts::event_logs::files::{self, LogFile, LogFiles};
use crate::facts::event_logs::marks::CloneMarks;
use crate::facts::event_logs::signatures::{SCM, SERVICES, SIGNATURES, ServiceNames};
use crate::facts::{Context, Facts, HiveName};

/// Ids that are read beside those of the signatures and of failures: names, boots, installs, updates, upgrades, cleared logs.
const FURTHER_IDS: [u32; 11] = [
    104, 116, 2003, 4104, 4105, 4377, 6005, 6006, 6008, 6009, 6011,
];
/// Most records that are kept for the facts.
const RECORDS_MAX: usize = 200_000;
/// Most entries of a list.
const LIST_MAX: usize = 1000;
/// The longest text of a record in evidence, in characters.
const RAW_CHARS_MAX: usize = 200;

/// A record and the log that it is from.
#[derive(Debug)]
pub(crate) struct Seen {
    file: usize,
    pub(crate) record: EventRecord,
}

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    files: Vec<LogFile>,
    seen: Vec<Seen>,
    /// For each of System and Application, why it could not be seen.
    unseen: Vec<(&'static str, Unknown)>,
    names: ServiceNames,
}

/// Says of every fact of this group that the logs were not read.
pub(crate) fn not_read(context: &Context<'_>, facts: &mut Facts) {
    let place = context
        .installation
        .place(&context.installation.windows("system32"));
    for id in IDS {
        let unknown = Unknown::new(
            UnknownReason::NotProvided,
            "the event logs were not read: no rule asked for them, or --no-logs left them out",
            place.clone(),
        );
        facts.put(id, Fact::Unknown(unknown));
    }
}

/// What the logs tell beside the facts.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Every failure.
    pub(crate) failures: Failures,
    /// What boots of a clone have left.
    pub(crate) marks: CloneMarks,
}

/// As [`collect_all`], and tells the failures.
#[cfg(test)]
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) -> Failures {
    collect_all(context, facts).failures
}

/// Reads the logs, collects this group and tells every failure that they hold, and what boots of a clone have left.
pub(crate) fn collect_all(context: &Context<'_>, facts: &mut Facts) -> Told {
    let logs = Logs::read(context);
    logs.put_list(
        facts,
        "evt.signatures",
        &["System", "Application"],
        logs.signatures(),
    );
    logs.put_list(
        facts,
        "evt.service_failures",
        &["System"],
        logs.service_failures(),
    );
    logs.put_list(facts, "evt.renames", &["System"], logs.renames());
    logs.put_list(facts, "evt.updates", &["System"], logs.updates());
    logs.put_list(
        facts,
        "evt.computer_names",
        &["System"],
        logs.computer_names(),
    );
    let boots = logs
        .of("EventLog", 6005)
        .map(|seen| logs.evidence(seen, 1))
        .collect();
    facts.put("evt.boots", logs.count("System", boots));
    facts.put(
        "evt.msdtc_reinstalls",
        logs.count("Application", logs.msdtc_reinstalls()),
    );
    facts.put("evt.upgraded", logs.upgraded());
    Told {
        failures: logs.failures(),
        marks: CloneMarks::of(&logs),
    }
}

impl Logs {
    /// Reads the System and Application logs.
    pub(crate) fn read(context: &Context<'_>) -> Self {
        let LogFiles { files, unseen } = files::find(context);
        let mut logs = Self {
            names: service_names(context),
            ..Self::default()
        };
        let signature_ids = SIGNATURES.iter().flat_map(|signature| signature.events);
        let query = Query::for_ids(signature_ids.copied().chain(FURTHER_IDS).chain(FAILURES));
        let mut failed: Vec<(String, Unknown)> = unseen;
        let mut read: Vec<&'static str> = Vec::new();
        for (index, file) in files.iter().enumerate() {
            let mut channels: Vec<&'static str> = known_log(&file.log).into_iter().collect();
            let seen = &mut logs.seen;
            let mut is_full = false;
            let result = files::read(context, file, &query, &mut |record| {
                // A log that was named by option tells by its records which one it is.
                channels.extend(record.channel.as_deref().and_then(known_log));
                if record.is("EventLog", 6005) || record.is(SCM, record.event_id) {
                    channels.push("System");
                }
                if ["MSDTC", "COM+"]
                    .iter()
                    .any(|name| record.source.eq_ignore_ascii_case(name))
                {
                    channels.push("Application");
                }
                if seen.len() < RECORDS_MAX {
                    seen.push(Seen {
                        file: index,
                        record,
                    });
                } else {
                    is_full = true;
                }
            });
            match result {
                Ok(summary) => {
                    if let Some(unknown) = in_part(file, &summary, is_full) {
                        let named = channels
                            .iter()
                            .map(|log| ((*log).to_owned(), unknown.clone()));
                        failed.extend(named);
                    }
                    read.extend(channels);
                }
                Err(unknown) => failed.push((file.log.clone(), unknown)),
            }
        }
        for log in ["System", "Application"] {
            let failure = failed.iter().find(|(name, _)| name == log);
            if let Some((_, unknown)) = failure {
                logs.unseen.push((log, unknown.clone()));
            } else if !read.contains(&log) {
                logs.unseen.push((log, not_there(context, log)));
            }
        }
        logs.files = files;
        logs.order();
        logs
    }

    /// The records in the order of time.
    pub(crate) fn seen(&self) -> impl Iterator<Item = &Seen> {
        self.seen.iter()
    }

    /// The names of the services.
    pub(crate) fn names(&self) -> &ServiceNames {
        &self.names
    }

    /// The logs that could not be seen, with the reason.
    pub(crate) fn unseen(&self) -> &[(&'static str, Unknown)] {
        &self.unseen
    }

    /// Why logs could not be seen.
    pub(crate) fn into_unseen(self) -> Vec<Unknown> {
        self.unseen
            .into_iter()
            .map(|(_, unknown)| unknown)
            .collect()
    }

    /// By time; copies of a record that a ring has kept count once.
    fn order(&mut self) {
        self.seen.sort_by_key(|seen| {
            let time = seen.record.time.map_or(0, |time| time.filetime().0);
            (time, seen.file, seen.record.record, seen.record.offset)
        });
        self.seen.dedup_by(|later, earlier| {
            later.file == earlier.file
                && later.record.record == earlier.record.record
                && later.record.time == earlier.record.time
                && later.record.event_id == earlier.record.event_id
        });
    }

    /// The records of a source and id.
    pub(crate) fn of(&self, source: &'static str, id: u32) -> impl Iterator<Item = &Seen> {
        self.seen
            .iter()
            .filter(move |seen| seen.record.is(source, id))
    }

    /// The place of a record, and what it says.
    pub(crate) fn evidence(&self, seen: &Seen, count: usize) -> Evidence {
        let record = &seen.record;
        let mut evidence = match self.files.get(seen.file) {
            Some(file) => file.evidence.clone(),
            None => Evidence::at(crate::evidence::Locator::new("event log")),
        };
        evidence.locator = evidence
            .locator
            .step(format_args!("record {}", record.record));
        evidence.offset = Some(record.offset);
        let mut parts = vec![
            record
                .time
                .and_then(EventTime::to_rfc3339)
                .unwrap_or_else(|| "no time".to_owned()),
            format!("{} {}", record.source, record.event_id),
        ];
        parts.extend(
            record
                .strings
                .iter()
                .map(|string| redact::secrets(&string.text).into_owned()),
        );
        if let Some(data) = record.data_u32() {
            parts.push(format!("data {}", hex(&data.to_le_bytes())));
        }
        if record.recovered {
            parts.push("the log itself counts the record no more".to_owned());
        }
        if count > 1 {
            parts.push(format!("the last of {count}"));
        }
        let raw: String = parts.join("; ").chars().take(RAW_CHARS_MAX).collect();
        evidence.raw(raw)
    }

    /// Each text once, in the order of its first record, with the last record as its place.
    fn distinct(&self, items: impl Iterator<Item = (String, usize)>) -> Vec<(String, Evidence)> {
        distinct::occurrences(items)
            .into_iter()
            .filter_map(|found| {
                let place = self.evidence(self.seen.get(found.last)?, found.count);
                Some((found.item, place))
            })
            .collect()
    }

    fn signatures(&self) -> Vec<(String, Evidence)> {
        let mut found = Vec::new();
        for signature in SIGNATURES {
            let matching: Vec<&Seen> = self
                .seen
                .iter()
                .filter(|seen| signature.is(&seen.record, &self.names))
                .collect();
            if let Some(last) = matching.last() {
                found.push((signature.id.to_owned(), self.evidence(last, matching.len())));
            }
        }
        found
    }

    fn service_failures(&self) -> Vec<(String, Evidence)> {
        let lines = self.seen.iter().enumerate().filter_map(|(index, seen)| {
            let record = &seen.record;
            let is_failure = FAILURES.contains(&record.event_id) && record.is(SCM, record.event_id);
            let service = is_failure.then(|| self.names.subject(record)).flatten()?;
            Some((format!("{} {service}", record.event_id), index))
        });
        self.distinct(lines)
    }

    fn failures(&self) -> Failures {
        let mut found = Failures::default();
        for seen in &self.seen {
            let failure = Failure::of(&seen.record, &self.names, || self.evidence(seen, 1));
            if let Some(failure) = failure {
                found.add(failure);
            }
        }
        found
    }

    fn renames(&self) -> Vec<(String, Evidence)> {
        let lines = self.seen.iter().enumerate().filter_map(|(index, seen)| {
            let record = &seen.record;
            let (old, new) = (record.string(0)?, record.string(1)?);
            record
                .is("EventLog", 6011)
                .then(|| (format!("{old} -> {new}"), index))
        });
        self.distinct(lines)
    }

    fn updates(&self) -> Vec<(String, Evidence)> {
        let lines = self.seen.iter().enumerate().filter_map(|(index, seen)| {
            let update = seen.record.string(1)?;
            seen.record
                .is("NtServicePack", 4377)
                .then(|| (update.to_owned(), index))
        });
        self.distinct(lines)
    }

    fn computer_names(&self) -> Vec<(String, Evidence)> {
        let lines = self.seen.iter().enumerate().filter_map(|(index, seen)| {
            let name = seen.record.computer.as_str();
            (!name.is_empty()).then(|| (name.to_owned(), index))
        });
        self.distinct(lines)
    }

    /// MSDTC removed (4105) and installed again (4104): the second record of each pair. `MSDTC Client 2` 4104 is another
    /// event.
    pub(crate) fn reinstalls(&self) -> Vec<&Seen> {
        let mut removed = false;
        let mut pairs = Vec::new();
        for seen in &self.seen {
            if seen.record.source.eq_ignore_ascii_case("MSDTC") {
                match seen.record.event_id {
                    4105 => removed = true,
                    4104 if removed => {
                        removed = false;
                        pairs.push(seen);
                    }
                    _ => {}
                }
            }
        }
        pairs
    }

    fn msdtc_reinstalls(&self) -> Vec<Evidence> {
        let pairs = self.reinstalls();
        pairs
            .into_iter()
            .map(|seen| self.evidence(seen, 1))
            .collect()
    }

    /// Whether set-up says that it has upgraded a Windows; unknown where it says nothing.
    fn upgraded(&self) -> Fact {
        let said = self
            .of("Microsoft-Windows-Setup", 2003)
            .filter_map(|seen| {
                let named = |name: &str| {
                    let mut strings = seen.record.strings.iter();
                    strings.find(|string| string.name.as_deref() == Some(name))
                };
                let upgrade = named("Installwasanupgrade")?
                    .text
                    .eq_ignore_ascii_case("true");
                Some((upgrade, seen))
            })
            .last();
        match said {
            Some((upgrade, seen)) => Fact::found(upgrade, self.evidence(seen, 1)),
            None => match self.why_unseen("System") {
                Some(unknown) => Fact::Unknown(unknown.clone()),
                None => Fact::Absent(self.nothing_in("System")),
            },
        }
    }

    fn why_unseen(&self, log: &str) -> Option<&Unknown> {
        self.unseen
            .iter()
            .find(|(name, _)| *name == log)
            .map(|(_, unknown)| unknown)
    }

    /// The evidence that a log shows nothing of a kind.
    fn nothing_in(&self, log: &str) -> Evidence {
        let of_log = self.files.iter().filter(|file| file.log == log);
        let mut places = of_log.chain(&self.files).map(|file| file.evidence.clone());
        let first = places
            .next()
            .unwrap_or_else(|| Evidence::at(crate::evidence::Locator::new("event log")));
        let place = first.locator.to_string();
        first.searched(vec![place])
    }

    fn count(&self, log: &'static str, found: Vec<Evidence>) -> Fact {
        if let Some(unknown) = self.why_unseen(log) {
            return Fact::Unknown(unknown.clone());
        }
        let count = i64::try_from(found.len()).unwrap_or(i64::MAX);
        match found.into_iter().next_back() {
            Some(last) => Fact::found(count, last),
            None => Fact::found(0_i64, self.nothing_in(log)),
        }
    }

    /// A list that rests on these logs. With one of them unseen an empty list is unknown and any other incomplete.
    fn put_list(&self, facts: &mut Facts, id: &str, logs: &[&str], items: Vec<(String, Evidence)>) {
        let unseen = logs.iter().find_map(|log| self.why_unseen(log));
        let cut = (items.len() > LIST_MAX).then(|| Unknown {
            reason: UnknownReason::LimitExceeded,
            detail: format!("{} entries, the first {LIST_MAX} are listed", items.len()),
            evidence: self.nothing_in(logs.first().copied().unwrap_or_default()),
        });
        let (texts, places): (Vec<String>, Vec<Evidence>) =
            items.into_iter().take(LIST_MAX).unzip();
        let mut places = places.into_iter();
        let fact = match (places.next(), unseen) {
            (Some(first), _) => Fact::found_in(Value::texts(texts), first, places),
            (None, Some(unknown)) => Fact::Unknown(unknown.clone()),
            (None, None) => {
                let log = logs.first().copied().unwrap_or_default();
                Fact::found(Value::List(Vec::new()), self.nothing_in(log))
            }
        };
        facts.put(id, fact);
        if let Some(unknown) = unseen.or(cut.as_ref()) {
            facts.mark_incomplete(id, unknown.clone());
        }
    }
}

/// Why a log that was read may hold more than was seen.
fn in_part(file: &LogFile, summary: &LogSummary, is_full: bool) -> Option<Unknown> {
    let (reason, detail) = if is_full {
        let detail =
            format!("more than {RECORDS_MAX} records are of the kinds that are looked for");
        (UnknownReason::LimitExceeded, detail)
    } else if summary.truncated {
        let detail = "the file is shorter than its header says".to_owned();
        (UnknownReason::Corrupt, detail)
    } else if summary.damaged > 0 {
        let detail = format!("{} records or chunks are damaged", summary.damaged);
        (UnknownReason::Corrupt, detail)
    } else {
        return None;
    };
    Some(Unknown {
        reason,
        detail,
        evidence: file.evidence.clone(),
    })
}

fn known_log(name: &str) -> Option<&'static str> {
    ["System", "Application"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
}

fn not_there(context: &Context<'_>, log: &str) -> Unknown {
    let folder = context.installation.windows("system32\\config");
    Unknown::new(
        UnknownReason::NotProvided,
        format!("no event log {log} is there"),
        context.installation.place(&folder),
    )
}

/// The display names that the registry gives the services of the signatures.
fn service_names(context: &Context<'_>) -> ServiceNames {
    let mut names = ServiceNames::default();
    for service in SERVICES {
        let key = context.in_control_set(&format!("Services\\{}", service.key));
        let Ok(key) = key else {
            continue;
        };
        // A name that cannot be read leaves the other names of the service.
        if let Ok(Some(found)) = context.text(HiveName::System, &key, "DisplayName") {
            names.registered.push((service.key, found.value));
        }
    }
    names
}
