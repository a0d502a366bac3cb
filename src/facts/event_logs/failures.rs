//! What the logs tell of services that failed: which, when, with which code, and which known event that is.
//!
//! The facts `evt.signatures` and `evt.service_failures` say that something happened; who looks for a cause also needs the
//! times, the codes, and the failures of services that have nothing to do with IIS, for these look alike (event 7023 is the
//! same for all services). Failures that say the same are one entry with its first and last time.

use std::collections::HashMap;

use serde::Serialize;

use crate::artifact::event_log::{EventRecord, EventTime};
use crate::base::redact;
use crate::evidence::{Evidence, Locator};
use crate::facts::event_logs::msdtc::Mended;
use crate::facts::event_logs::names::{SCM, ServiceNames, Subject, is_failure};
use crate::facts::event_logs::reach::LogReach;
use crate::facts::event_logs::read::Logs;
use crate::facts::event_logs::signatures::{SIGNATURES, Signature, codes};
use crate::facts::iis;

/// Ids of the Service Control Manager that mean a failure of a service.
pub(crate) const FAILURES: [u32; 16] = [
    7000, 7001, 7002, 7003, 7009, 7017, 7018, 7019, 7020, 7021, 7022, 7023, 7024, 7031, 7034, 7038,
];
/// Most kinds of failures of services that nobody here asks for; those of IIS and its neighbours do not give way to them.
const OTHER_KINDS_MAX: usize = 256;
/// Most kinds of failures of IIS and its neighbours, and of known events.
const KNOWN_KINDS_MAX: usize = 2_000;
/// The longest name that a log gives to what failed, in characters.
const SUBJECT_CHARS_MAX: usize = 120;

/// The failures that the logs tell of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Failures {
    /// Each kind, in the order of its first record; the numbers of records make that order, not the clock.
    pub kinds: Vec<Failure>,
    /// Records of further kinds that are not kept.
    pub not_kept: u64,
    /// How far back each log goes that was read.
    pub reach: Vec<LogReach>,
}

/// One kind of failure that a log tells of: source, id, subject and code are the same each time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// When it happened first, as far as the logs go back; `None` where the record has no time.
    pub first: Option<EventTime>,
    /// When it happened last.
    pub last: Option<EventTime>,
    /// Set if no record of this kind has a time that fits the order of its log: the clock was set.
    pub clock_doubted: bool,
    /// How many records say it.
    pub count: u64,
    /// The source of the event.
    pub source: String,
    /// The id of the event.
    pub event_id: u32,
    /// The key of the service, if it is one of IIS and its neighbours.
    pub service: Option<&'static str>,
    /// Set if the log names the service in a language that is not known: it may be one of IIS.
    pub service_unclear: bool,
    /// What the log names: a service, or a path of the metabase; empty where it names nothing.
    pub subject: String,
    /// The code that the event gives.
    pub code: Option<u32>,
    /// The known event that it is, as `evt.signatures` names it.
    pub signature: Option<&'static str>,
    /// The computer that the last record names.
    pub computer: String,
    /// What mended it since, as far as the logs tell (failures of MSDTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mended: Option<Mended>,
    /// The place of the last record.
    #[serde(skip)]
    pub evidence: Evidence,
}

impl Failure {
    /// What a record tells, if it tells of a failure; its place is put later.
    fn of(record: &EventRecord, names: &ServiceNames) -> Option<Self> {
        let signature = SIGNATURES
            .iter()
            .find(|signature| signature.is(record, names));
        let is_scm = record.is(SCM, record.event_id);
        if signature.is_none() && !is_failure(record) && of_metabase(record).is_none() {
            return None;
        }
        let time = record.time.filter(|time| time.to_rfc3339().is_some());
        let subject = record.string(usize::from(is_scm && record.event_id == 7009));
        let named = if is_scm {
            names.subject(record)
        } else {
            names
                .key_of(&record.source)
                .map_or(Subject::Other, Subject::Known)
        };
        Some(Self {
            first: time,
            last: time,
            clock_doubted: false,
            count: 1,
            source: record.source.clone(),
            event_id: record.event_id,
            service: match named {
                Subject::Known(key) => Some(key),
                Subject::Other | Subject::Unclear => None,
            },
            service_unclear: named == Subject::Unclear,
            subject: redact::secrets(subject.unwrap_or_default())
                .chars()
                .take(SUBJECT_CHARS_MAX)
                .collect(),
            code: code(record, is_scm, signature.and_then(Signature::code)),
            signature: signature.map(|signature| signature.id),
            computer: record.computer.clone(),
            mended: None,
            evidence: Evidence::at(Locator::default()),
        })
    }

    /// Whether it is or may be of IIS or a neighbour, or is a known event.
    fn is_known(&self) -> bool {
        self.service.is_some() || self.service_unclear || self.signature.is_some()
    }

    /// Takes in a later record of the same kind.
    fn take(&mut self, next: Self) {
        self.count = self.count.saturating_add(1);
        self.computer = next.computer;
        // Times that fit the order of their log come before those that do not.
        if self.clock_doubted == next.clock_doubted || self.first.is_none() {
            self.clock_doubted = next.clock_doubted;
            self.first = self.first.or(next.first);
            self.last = next.last.or(self.last);
        } else if self.clock_doubted && next.first.is_some() {
            self.clock_doubted = false;
            self.first = next.first;
            self.last = next.last;
        }
    }
}

/// The service of IIS that could not open its place in the metabase (event 116 of its own source), whatever the code.
pub(crate) fn of_metabase(record: &EventRecord) -> Option<&str> {
    (record.event_id == 116 && iis::is_service(&record.source)).then_some(record.source.as_str())
}

/// What makes failures one kind: event, code, known event, source, subject.
type Kind = (u32, Option<u32>, Option<&'static str>, String, String);

/// Failures as they are gathered, in the order of the logs.
#[derive(Debug, Default)]
struct Gathered {
    failures: Failures,
    /// Where each kind stands, and its last record.
    places: HashMap<Kind, usize>,
    last: Vec<usize>,
    known: usize,
}

impl Gathered {
    /// Adds a failure that is later than all that are there; `index` is where its record stands.
    fn add(&mut self, next: Failure, index: usize) {
        let kind = (
            next.event_id,
            next.code,
            next.signature,
            next.source.to_ascii_lowercase(),
            next.subject.clone(),
        );
        if let Some(place) = self.places.get(&kind).copied() {
            if let (Some(known), Some(last)) =
                (self.failures.kinds.get_mut(place), self.last.get_mut(place))
            {
                known.take(next);
                *last = index;
            }
            return;
        }
        let others = self.failures.kinds.len().saturating_sub(self.known);
        let (there, limit) = if next.is_known() {
            (self.known, KNOWN_KINDS_MAX)
        } else {
            (others, OTHER_KINDS_MAX)
        };
        if there >= limit {
            self.failures.not_kept = self.failures.not_kept.saturating_add(1);
            return;
        }
        self.known = self.known.saturating_add(usize::from(next.is_known()));
        self.places.insert(kind, self.failures.kinds.len());
        self.failures.kinds.push(next);
        self.last.push(index);
    }
}

/// The failures that the logs tell of.
pub(crate) fn told_in(logs: &Logs) -> Failures {
    let mut gathered = Gathered::default();
    for (index, seen) in logs.seen().enumerate() {
        if let Some(mut failure) = Failure::of(&seen.record, logs.names()) {
            failure.clock_doubted = seen.clock_doubted;
            gathered.add(failure, index);
        }
    }
    let recoveries = logs.recoveries();
    let Gathered {
        mut failures, last, ..
    } = gathered;
    for (failure, index) in failures.kinds.iter_mut().zip(last) {
        let Some(seen) = logs.at(index) else {
            continue;
        };
        failure.evidence = logs.evidence(seen, 1);
        let is_msdtc = failure.service == Some("MSDTC") || failure.source.starts_with("MSDTC");
        if is_msdtc {
            failure.mended = recoveries.of(index, &seen.record);
        }
    }
    failures.reach = logs.reach().to_vec();
    failures
}

/// The code that an event gives: of a service in the string behind its name, of others in the data. A text can be read as
/// several numbers; `known` is the one by which the event was known.
fn code(record: &EventRecord, is_scm: bool, known: Option<u32>) -> Option<u32> {
    if known.is_some() {
        return known;
    }
    if !is_scm {
        return record.data_u32();
    }
    let index = match record.event_id {
        7001 => 2,
        7000 | 7023 | 7024 => 1,
        _ => return None,
    };
    let numbers = codes(record.string(index)?);
    let failure = numbers.iter().find(|number| **number >= 0x8000_0000);
    match failure.copied() {
        Some(number) if number >> 16 == 0x8007 => Some(number & 0xffff),
        Some(number) => Some(number),
        None => numbers.first().copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::event_log::{EventString, Level};
    use crate::facts::event_logs::collect;
    use crate::facts::test_image::TestImage;

    fn failure(service: &str, code: &str, seconds: u32) -> Option<Failure> {
        let text = |text: &str| EventString {
            name: None,
            text: text.to_owned(),
        };
        let record = EventRecord {
            time: Some(EventTime::Seconds(seconds)),
            written: None,
            channel: None,
            source: "Service Control Manager".to_owned(),
            provider: None,
            event_id: 7024,
            qualifiers: None,
            level: Level::Error,
            computer: "GOLDEN".to_owned(),
            user_sid: None,
            record: 1,
            strings: vec![text(service), text(code)],
            data: Vec::new(),
            offset: 0,
            recovered: false,
            damaged: false,
        };
        Failure::of(&record, &ServiceNames::default())
    }

    #[test]
    fn a_failure_of_iis_does_not_give_way_to_those_of_a_thousand_printers() {
        let mut gathered = Gathered::default();
        for number in 0..1_000 {
            let printer = failure(&format!("Printer {number}"), "%%2", 1_109_664_000);
            gathered.add(printer.unwrap(), number);
        }
        let of_iis = failure("IIS Admin Service", "2148073478", 1_109_664_001);
        gathered.add(of_iis.unwrap(), 1_000);
        let last = gathered.failures.kinds.last().unwrap();
        assert_eq!(last.service, Some("IISADMIN"));
        assert_eq!(gathered.failures.not_kept, 1_000 - 256);
    }

    #[test]
    fn a_code_is_the_one_by_which_the_event_is_known() {
        let code = |service: &str, text: &str| failure(service, text, 1).unwrap().code;
        // Eight digits are a decimal number too; the event is known by the other reading.
        assert_eq!(code("IIS Admin Service", "80090006"), Some(0x8009_0006));
        assert_eq!(code("Acme Agent", "80090006"), Some(0x8009_0006));
        assert_eq!(code("Acme Agent", "%%2147942403"), Some(3));
        assert_eq!(code("Acme Agent", "%%2"), Some(2));
    }

    #[test]
    fn a_record_without_a_time_is_not_of_1970() {
        let undated = failure("IIS Admin Service", "2148073478", 0).unwrap();
        assert_eq!((undated.first, undated.last), (None, None));
    }

    #[test]
    fn each_failure_is_told_with_its_time_service_and_code() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/event_logs/");
        let log = std::fs::read(format!("{folder}kb884872_system.evt")).unwrap();
        let image =
            TestImage::new("5.0", "none").file("WINDOWS\\system32\\config\\SysEvent.Evt", log);
        let mut failures = Vec::new();
        image.with(|context, facts| failures = collect(context, facts).kinds);
        let told: Vec<(u32, Option<&str>, Option<u32>)> = failures
            .iter()
            .map(|failure| (failure.event_id, failure.service, failure.code))
            .collect();
        assert_eq!(
            told,
            [
                (116, Some("W3SVC"), Some(3)),
                (116, Some("SMTPSVC"), Some(3)),
                (7023, Some("W3SVC"), Some(3)),
                (7024, Some("IISADMIN"), Some(0x8009_0006)),
                (7001, Some("W3SVC"), Some(1066)),
                // Another service with the same event: kept, and known as another one.
                (7023, None, Some(3)),
            ]
        );
        let first = failures[0].first.unwrap().to_rfc3339();
        assert_eq!(first.as_deref(), Some("2005-03-01T08:01:00Z"));
        assert_eq!(failures[5].subject, "Windows Time");
    }
}
