//! What the logs show: known failures, names that changed, services installed anew, boots, updates.

use crate::artifact::event_log::{EventRecord, EventTime};
use crate::base::bytes::hex;
use crate::base::distinct;
use crate::base::redact;
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::event_logs::IDS;
use crate::facts::event_logs::failures::{Failures, told_in};
use crate::facts::event_logs::marks::CloneMarks;
use crate::facts::event_logs::names::{Subject, is_failure};
use crate::facts::event_logs::read::{Logs, Seen};
use crate::facts::event_logs::signatures::SIGNATURES;
use crate::facts::{Context, Facts};

/// Most entries of a list.
const LIST_MAX: usize = 1000;
/// The longest text of a record in evidence, in characters.
const RAW_CHARS_MAX: usize = 200;

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
    /// What is said of the logs as a whole: clocks that run backwards.
    pub(crate) notes: Vec<String>,
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
        failures: told_in(&logs),
        marks: CloneMarks::of(&logs),
        notes: logs
            .clock()
            .iter()
            .map(|unknown| format!("{}: {}", unknown.evidence.locator, unknown.detail))
            .collect(),
    }
}

impl Logs {
    /// The place of a record, and what it says.
    pub(crate) fn evidence(&self, seen: &Seen, count: usize) -> Evidence {
        let record = &seen.record;
        let mut evidence = match self.file_of(seen) {
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
                let place = self.evidence(self.at(found.last)?, found.count);
                Some((found.item, place))
            })
            .collect()
    }

    fn signatures(&self) -> Vec<(String, Evidence)> {
        let mut found = Vec::new();
        for signature in SIGNATURES {
            let matching: Vec<&Seen> = self
                .seen()
                .filter(|seen| signature.is(&seen.record, self.names()))
                .collect();
            if let Some(last) = matching.last() {
                found.push((signature.id.to_owned(), self.evidence(last, matching.len())));
            }
        }
        found
    }

    fn service_failures(&self) -> Vec<(String, Evidence)> {
        let lines = self.seen().enumerate().filter_map(|(index, seen)| {
            let record = &seen.record;
            if !is_failure(record) {
                return None;
            }
            match self.names().subject(record) {
                Subject::Known(service) => Some((format!("{} {service}", record.event_id), index)),
                Subject::Other | Subject::Unclear => None,
            }
        });
        self.distinct(lines)
    }

    fn renames(&self) -> Vec<(String, Evidence)> {
        let lines = self.seen().enumerate().filter_map(|(index, seen)| {
            let record = &seen.record;
            let (old, new) = (record.string(0)?, record.string(1)?);
            record
                .is("EventLog", 6011)
                .then(|| (format!("{old} -> {new}"), index))
        });
        self.distinct(lines)
    }

    fn updates(&self) -> Vec<(String, Evidence)> {
        let lines = self.seen().enumerate().filter_map(|(index, seen)| {
            let update = seen.record.string(1)?;
            seen.record
                .is("NtServicePack", 4377)
                .then(|| (update.to_owned(), index))
        });
        self.distinct(lines)
    }

    fn computer_names(&self) -> Vec<(String, Evidence)> {
        let lines = self.seen().enumerate().filter_map(|(index, seen)| {
            let name = seen.record.computer.as_str();
            (!name.is_empty()).then(|| (name.to_owned(), index))
        });
        self.distinct(lines)
    }

    /// The evidence that some logs show nothing of a kind.
    fn nothing_in_all(&self, logs: &[&str]) -> Evidence {
        let all: Vec<Evidence> = logs.iter().map(|log| self.nothing_in(log)).collect();
        let raw: Vec<&str> = all
            .iter()
            .filter_map(|evidence| evidence.raw.as_deref())
            .collect();
        let searched = all.iter().flat_map(|evidence| evidence.searched.clone());
        let first = self.nothing_in(logs.first().copied().unwrap_or_default());
        first.searched(searched.collect()).raw(raw.join("; "))
    }

    fn msdtc_reinstalls(&self) -> Vec<Evidence> {
        let pairs = self.reinstalls();
        pairs
            .iter()
            .map(|pair| self.evidence(pair.installed, 1))
            .collect()
    }

    /// Whether set-up says that it has upgraded a Windows; unknown where it says nothing.
    fn upgraded(&self) -> Fact {
        let said = self
            .of("Microsoft-Windows-Setup", 2003)
            .filter_map(|seen| Some((was_upgrade(&seen.record)?, seen)))
            .last();
        match said {
            Some((upgrade, seen)) => Fact::found(upgrade, self.evidence(seen, 1)),
            None => match self.why_unseen("System") {
                Some(unknown) => Fact::Unknown(unknown),
                None => Fact::Absent(self.nothing_in("System")),
            },
        }
    }

    fn count(&self, log: &'static str, found: Vec<Evidence>) -> Fact {
        if let Some(mut unknown) = self.why_unseen(log) {
            if !found.is_empty() {
                unknown.detail = format!("{}; it shows {}", unknown.detail, found.len());
            }
            return Fact::Unknown(unknown);
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
        // Lists of failures of services also rest on the names of services.
        let of_services = ["evt.service_failures", "evt.signatures"].contains(&id);
        let unseen = unseen.or_else(|| self.unclear().filter(|_| of_services).cloned());
        let cut = (items.len() > LIST_MAX).then(|| Unknown {
            reason: UnknownReason::LimitExceeded,
            detail: format!("{} entries, the first {LIST_MAX} are listed", items.len()),
            evidence: self.nothing_in(logs.first().copied().unwrap_or_default()),
        });
        let (texts, places): (Vec<String>, Vec<Evidence>) = items
            .into_iter()
            .take(LIST_MAX)
            .map(|(text, place)| (redact::secrets(&text).into_owned(), place))
            .unzip();
        let mut places = places.into_iter();
        let fact = match (places.next(), &unseen) {
            (Some(first), _) => Fact::found_in(Value::texts(texts), first, places),
            (None, Some(unknown)) => Fact::Unknown(unknown.clone()),
            (None, None) => Fact::found(Value::List(Vec::new()), self.nothing_in_all(logs)),
        };
        facts.put(id, fact);
        if let Some(unknown) = unseen.or(cut) {
            facts.mark_incomplete(id, unknown);
        }
    }
}

/// Whether an event of set-up says that it was an upgrade. The name of the field differs: `Install was an upgrade` on Server
/// 2008 R2, `Installwasanupgrade` on Windows 10 (both measured).
fn was_upgrade(record: &EventRecord) -> Option<bool> {
    let mut strings = record.strings.iter();
    let said = strings.find(|string| {
        let name = string.name.as_deref().unwrap_or_default();
        name.bytes()
            .filter(|byte| *byte != b' ')
            .eq(*b"Installwasanupgrade")
    })?;
    match said.text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::event_log::{EventString, Level};

    #[test]
    fn an_upgrade_is_told_in_the_words_of_each_windows() {
        let said = |name: &str, text: &str| {
            let string = EventString {
                name: Some(name.to_owned()),
                text: text.to_owned(),
            };
            was_upgrade(&EventRecord {
                time: None,
                written: None,
                channel: None,
                source: "Microsoft-Windows-Setup".to_owned(),
                provider: None,
                event_id: 2003,
                qualifiers: None,
                level: Level::Information,
                computer: String::new(),
                user_sid: None,
                record: 1,
                strings: vec![string],
                data: Vec::new(),
                offset: 0,
                recovered: false,
                damaged: false,
            })
        };
        // Measured on Server 2008 R2, and on Windows 10 and Server 2022.
        assert_eq!(said("Install was an upgrade", "true"), Some(true));
        assert_eq!(said("Installwasanupgrade", "false"), Some(false));
        assert_eq!(said("Host OS was Windows PE", "true"), None);
        assert_eq!(said("Install was an upgrade", "perhaps"), None);
    }
}
