//! What the logs of set-up and Sysprep tell, as facts.

use std::collections::BTreeSet;

use crate::artifact::text_log::panther::SetupEvent;
use crate::artifact::text_log::setup_api::SealStep;
use crate::base::distinct;
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::gather::empty_evidence;
use crate::facts::setup_logs::IDS;
use crate::facts::setup_logs::devices::read_devices;
use crate::facts::setup_logs::files::{SetupLogs, ToldLine, read};
use crate::facts::{Context, Facts};

/// The fact of the first boots of a sealed image.
const MINI_SETUPS: &str = "setuplog.mini_setups";
/// Most entries of a list.
const LIST_MAX: usize = 1000;
/// The option that generalizes.
const GENERALIZE: &str = "GENERALIZE";

/// Says of every fact of this group that the logs were not read.
pub(crate) fn not_read(context: &Context<'_>, facts: &mut Facts) {
    let place = context
        .installation
        .place(&context.installation.windows("Panther"));
    for id in IDS {
        let unknown = Unknown::new(
            UnknownReason::NotProvided,
            "the set-up logs were not read: no rule asked for them, or --no-logs left them out",
            place.clone(),
        );
        facts.put(id, Fact::Unknown(unknown));
    }
}

/// Reads the logs and collects this group.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let mut logs = read(context);
    if logs.read.is_empty() {
        logs.unseen
            .push(not_there(context, "Panther", "no log of set-up is there"));
    }
    logs.put_list(
        context,
        facts,
        "setuplog.machine_guids",
        |event| match event {
            SetupEvent::MachineGuidAssigned(guid) => Some(guid.to_string()),
            _ => None,
        },
    );
    logs.put_list(
        context,
        facts,
        "setuplog.sysprep_failures",
        |event| match event {
            SetupEvent::ProviderFailed {
                file,
                function,
                code,
            } => Some(format!("{file},{function} 0x{code:08x}")),
            _ => None,
        },
    );
    let (fact, rest) = mini_setups(context);
    facts.put(MINI_SETUPS, fact);
    if let Some(rest) = rest {
        facts.mark_incomplete(MINI_SETUPS, rest);
    }
    let runs = logs.of(|event| *event == SetupEvent::RunBegins);
    facts.put("setuplog.sysprep_runs", logs.count(context, &runs));
    let generalize = SetupEvent::Option(GENERALIZE.to_owned());
    let runs = logs.of(|event| *event == generalize);
    facts.put("setuplog.generalize_runs", logs.count(context, &runs));
}

/// The reason of what rests on logs of which none is there: they say nothing, and not that nothing happened.
fn not_there(context: &Context<'_>, tail: &str, detail: &str) -> Unknown {
    let place = context
        .installation
        .place(&context.installation.windows(tail));
    Unknown::new(UnknownReason::NotProvided, detail, place)
}

/// The first boots of a sealed image of 2000 to 2003: mini-setup installs the devices anew.
/// Where a log was not read, why the number is a minimum.
fn mini_setups(context: &Context<'_>) -> (Fact, Option<Unknown>) {
    let logs = read_devices(context);
    let mut places: Vec<Evidence> = Vec::new();
    for device in &logs.bursts {
        if device.burst.seal == Some(SealStep::MiniSetup) {
            let text = format!("{}, {} sections", device.burst.first, device.burst.sections);
            places.push(device.evidence.clone().raw(text));
        }
    }
    let count = i64::try_from(places.len()).unwrap_or(i64::MAX);
    let mut places = places.into_iter();
    let fact = match (places.next(), logs.unseen.into_iter().next()) {
        (Some(first), unseen) => return (Fact::found_in(count, first, places), unseen),
        (None, Some(unknown)) => Fact::Unknown(unknown),
        (None, None) if logs.read.is_empty() => Fact::Unknown(not_there(
            context,
            "setupapi.log",
            "no log of device installation is there",
        )),
        (None, None) => {
            let log = context.installation.windows("setupapi.log");
            Fact::found(
                0_i64,
                empty_evidence(logs.read, &context.installation.place(&log)),
            )
        }
    };
    (fact, None)
}

impl SetupLogs {
    fn of(&self, wanted: impl Fn(&SetupEvent) -> bool) -> Vec<&ToldLine> {
        self.lines
            .iter()
            .filter(|line| wanted(&line.event))
            .collect()
    }

    fn nothing(&self, context: &Context<'_>) -> Evidence {
        let panther = context.installation.windows("Panther");
        empty_evidence(self.read.clone(), &context.installation.place(&panther))
    }

    /// Each text once, in the order of its last line, which is its place. An error stands in both logs.
    fn put_list(
        &self,
        context: &Context<'_>,
        facts: &mut Facts,
        id: &str,
        text_of: impl Fn(&SetupEvent) -> Option<String>,
    ) {
        let texts = self.lines.iter().enumerate();
        let texts = texts.filter_map(|(index, line)| Some((text_of(&line.event)?, index)));
        let mut found = distinct::occurrences(texts);
        found.sort_by_key(|text| text.last);
        let left_out = found.len().saturating_sub(LIST_MAX);
        let cut = (left_out > 0).then(|| Unknown {
            reason: UnknownReason::LimitExceeded,
            detail: format!("the last {LIST_MAX} are listed"),
            evidence: self.nothing(context),
        });
        let items = found.into_iter().skip(left_out).filter_map(|text| {
            let line = self.lines.get(text.last)?;
            Some((text.item, line.evidence.clone()))
        });
        let (texts, places): (Vec<String>, Vec<Evidence>) = items.unzip();
        let mut places = places.into_iter();
        let fact = match (places.next(), self.unseen.first()) {
            (Some(first), _) => Fact::found_in(Value::texts(texts), first, places),
            (None, Some(unknown)) => Fact::Unknown(unknown.clone()),
            (None, None) => Fact::found(Value::List(Vec::new()), self.nothing(context)),
        };
        facts.put(id, fact);
        if let Some(unknown) = self.unseen.first().or(cut.as_ref()) {
            facts.mark_incomplete(id, unknown.clone());
        }
    }

    /// How many lines; the same moment in several logs counts once.
    fn count(&self, context: &Context<'_>, lines: &[&ToldLine]) -> Fact {
        if let Some(unknown) = self.unseen.first() {
            return Fact::Unknown(unknown.clone());
        }
        let mut times = BTreeSet::new();
        let counted: Vec<&ToldLine> = lines
            .iter()
            .filter(|line| line.time.is_none_or(|time| times.insert(time)))
            .copied()
            .collect();
        let count = i64::try_from(counted.len()).unwrap_or(i64::MAX);
        let mut places = counted
            .iter()
            .rev()
            .take(LIST_MAX)
            .map(|line| line.evidence.clone());
        match places.next() {
            Some(last) => Fact::found_in(count, last, places),
            None => Fact::found(0_i64, self.nothing(context)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_image::{TestImage, expect, first_evidence};

    const GUIDS: &str = "setuplog.machine_guids";
    const OLD: &str = "44d42aa2-dee4-4023-bea5-d2f166bbb42c";
    const NEW: &str = "1b2162a0-5d0b-4bd9-9b1e-5ac6b1d2a3c4";

    fn assigned(time: &str, guid: &str) -> String {
        format!(
            "{time}, Info                         capisp.dll::CryptoSysPrep_Specialize: assigned CAPI machine guid \"{guid}\"\r\n"
        )
    }

    fn vista() -> TestImage {
        TestImage::new("6.1", "none")
    }

    #[test]
    fn machine_guids_of_all_panther_folders_are_in_the_order_of_time() {
        let facts = vista()
            .file(
                "WINDOWS\\Panther\\setupact.log",
                assigned("2011-02-03 10:00:00", NEW),
            )
            .file(
                "WINDOWS\\Panther\\UnattendGC\\setupact.log",
                format!(
                    "2010-06-21 14:22:54, Info x\r\n{}",
                    assigned("2010-06-21 14:22:55", OLD)
                ),
            )
            .collect(&[collect]);
        expect(&facts, &[(GUIDS, &format!("{OLD}, {NEW}"))]);
        let first = first_evidence(&facts, GUIDS);
        assert_eq!((first.line, first.offset), (Some(2), Some(29)));
        assert!(
            first
                .raw
                .as_deref()
                .unwrap()
                .starts_with("2010-06-21 14:22:55, Info")
        );
        assert!(
            first
                .locator
                .to_string()
                .ends_with("UnattendGC\\setupact.log")
        );
    }

    #[test]
    fn without_a_log_or_with_one_that_cannot_be_read_all_is_unknown() {
        let facts = vista().collect(&[collect]);
        for id in IDS {
            expect(&facts, &[(id, "unknown:not_provided")]);
        }
        let empty = vista()
            .file("WINDOWS\\Panther\\setupact.log", "")
            .file("WINDOWS\\inf\\setupapi.app.log", "")
            .collect(&[collect]);
        expect(
            &empty,
            &[
                (GUIDS, "(none)"),
                ("setuplog.sysprep_runs", "0"),
                ("setuplog.mini_setups", "0"),
            ],
        );
        let facts = vista()
            .broken("WINDOWS\\System32\\Sysprep\\Panther\\setupact.log")
            .collect(&[collect]);
        expect(
            &facts,
            &[
                (GUIDS, "unknown:unreadable"),
                ("setuplog.sysprep_runs", "unknown:unreadable"),
            ],
        );
    }

    #[test]
    fn a_failed_provider_is_listed_once_although_both_logs_have_it() {
        let line = "2025-07-22 21:55:35, Error                 SYSPRP ActionPlatform::LaunchModule: Failure occurred \
                    while executing 'CryptoSysPrep_Specialize' from C:\\Windows\\System32\\capisp.dll; dwRet = 0x5\r\n";
        let facts = vista()
            .file("WINDOWS\\Panther\\UnattendGC\\setupact.log", line)
            .file("WINDOWS\\Panther\\UnattendGC\\setuperr.log", line)
            .collect(&[collect]);
        let failed = "capisp.dll,CryptoSysPrep_Specialize 0x00000005";
        expect(&facts, &[("setuplog.sysprep_failures", failed)]);
    }

    #[test]
    fn runs_of_sysprep_are_counted_by_their_headers_and_options() {
        let run = |time: &str| {
            format!(
                "{time}, Info SYSPRP ===   Beginning of a new sysprep run   ===\r\n\
                 {time}, Info [0x0f005f] SYSPRP ParseCommands:Found supported command line option 'GENERALIZE'\r\n"
            )
        };
        let facts = vista()
            .file(
                "WINDOWS\\System32\\Sysprep\\Panther\\setupact.log",
                format!(
                    "{}{}",
                    run("2011-02-03 10:00:00"),
                    run("2011-02-04 10:00:00")
                ),
            )
            .collect(&[collect]);
        expect(
            &facts,
            &[
                ("setuplog.sysprep_runs", "2"),
                ("setuplog.generalize_runs", "2"),
            ],
        );
    }

    #[test]
    fn mini_setup_in_the_log_of_device_installation_is_counted_with_its_place() {
        let log = "[SetupAPI Log]\r\n[2003/06/01 09:00:00 212.3]\r\n#-199 Executing \"C:\\WINDOWS\\system32\\setup.exe\" \
                   with command line: setup -newsetup -mini\r\n";
        let facts = TestImage::new("5.1", "none")
            .file("WINDOWS\\setupapi.log", log)
            .collect(&[collect]);
        expect(&facts, &[("setuplog.mini_setups", "1")]);
        let place = first_evidence(&facts, "setuplog.mini_setups");
        assert_eq!((place.line, place.offset), (Some(2), Some(16)));
    }

    #[test]
    fn logs_that_were_not_read_leave_every_fact_unknown() {
        let facts = vista().collect(&[not_read]);
        for id in IDS {
            expect(&facts, &[(id, "unknown:not_provided")]);
        }
    }
}
