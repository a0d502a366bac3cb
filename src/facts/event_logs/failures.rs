//! What the logs tell of services that failed: which, when, with which code, and which known event that is.
//!
//! The facts `evt.signatures` and `evt.service_failures` say that something happened; who looks for a cause also needs the
//! times, the codes, and the failures of services that have nothing to do with IIS, for these look alike (event 7023 is the
//! same for all services). Failures that say the same are one entry with its first and last time.

use serde::Serialize;

use crate::artifact::event_log::{EventRecord, EventTime};
use crate::evidence::Evidence;
use crate::facts::event_logs::signatures::{SCM, SIGNATURES, ServiceNames, codes};

/// Ids of the Service Control Manager that mean a failure of a service.
pub(crate) const FAILURES: [u32; 16] = [
    7000, 7001, 7002, 7003, 7009, 7017, 7018, 7019, 7020, 7021, 7022, 7023, 7024, 7031, 7034, 7038,
];
/// Most kinds of failures that are kept.
const KINDS_MAX: usize = 256;
/// The longest name that a log gives to what failed, in characters.
const SUBJECT_CHARS_MAX: usize = 120;

/// One kind of failure that a log tells of: source, id, subject and code are the same each time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// When it happened first, as far as the logs go back; `None` where the record has no time.
    pub first: Option<EventTime>,
    /// When it happened last.
    pub last: Option<EventTime>,
    /// How many records say it.
    pub count: u64,
    /// The source of the event.
    pub source: String,
    /// The id of the event.
    pub event_id: u32,
    /// The key of the service, if it is one of IIS and its neighbours.
    pub service: Option<&'static str>,
    /// What the log names: a service, or a path of the metabase; empty where it names nothing.
    pub subject: String,
    /// The code that the event gives.
    pub code: Option<u32>,
    /// The known event that it is, as `evt.signatures` names it.
    pub signature: Option<&'static str>,
    /// The computer that the last record names.
    pub computer: String,
    /// The place of the last record.
    #[serde(skip)]
    pub evidence: Evidence,
}

impl Failure {
    /// What a record tells, if it tells of a failure.
    pub(crate) fn of(
        record: &EventRecord,
        names: &ServiceNames,
        evidence: impl FnOnce() -> Evidence,
    ) -> Option<Self> {
        let signature = SIGNATURES
            .iter()
            .find(|signature| signature.is(record, names))
            .map(|signature| signature.id);
        let is_scm = record.is(SCM, record.event_id);
        if signature.is_none() && !(is_scm && FAILURES.contains(&record.event_id)) {
            return None;
        }
        let subject = record.string(usize::from(is_scm && record.event_id == 7009));
        Some(Self {
            first: record.time,
            last: record.time,
            count: 1,
            source: record.source.clone(),
            event_id: record.event_id,
            service: if is_scm {
                names.subject(record)
            } else {
                names.key_of(&record.source)
            },
            subject: subject
                .unwrap_or_default()
                .chars()
                .take(SUBJECT_CHARS_MAX)
                .collect(),
            code: code(record, is_scm),
            signature,
            computer: record.computer.clone(),
            evidence: evidence(),
        })
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.event_id == other.event_id
            && self.code == other.code
            && self.signature == other.signature
            && self.source.eq_ignore_ascii_case(&other.source)
            && self.subject == other.subject
    }
}

/// Failures in the order of their first record; `next` is later than all that are there.
pub(crate) fn add(failures: &mut Vec<Failure>, next: Failure) {
    let is_full = failures.len() >= KINDS_MAX;
    match failures.iter_mut().find(|known| known.says_the_same(&next)) {
        Some(known) => {
            known.count = known.count.saturating_add(1);
            known.last = next.last.or(known.last);
            known.first = known.first.or(next.first);
            known.computer = next.computer;
            known.evidence = next.evidence;
        }
        None if is_full => {}
        None => failures.push(next),
    }
}

/// The code that an event gives: of a service in the string behind its name, of others in the data.
fn code(record: &EventRecord, is_scm: bool) -> Option<u32> {
    if !is_scm {
        return record.data_u32();
    }
    let index = match record.event_id {
        7001 => 2,
        7000 | 7023 | 7024 => 1,
        _ => return None,
    };
    codes(record.string(index)?).first().copied()
}

#[cfg(test)]
mod tests {
    use crate::facts::event_logs::collect;
    use crate::facts::test_image::TestImage;

    #[test]
    fn each_failure_is_told_with_its_time_service_and_code() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/event_logs/");
        let log = std::fs::read(format!("{folder}kb884872_system.evt")).unwrap();
        let image =
            TestImage::new("5.0", "none").file("WINDOWS\\system32\\config\\SysEvent.Evt", log);
        let mut failures = Vec::new();
        image.with(|context, facts| failures = collect(context, facts));
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
