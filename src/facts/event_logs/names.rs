//! Which service an event of the Service Control Manager is about.
//!
//! From Windows 10 on the data of these events is the name of the service's key (measured: 7000 and 7023 of netprofm,
//! Spooler, UI0Detect), from Windows 7 on that of 7036 too, with the state behind a slash. It comes first. Otherwise the
//! event has only the display name, which is localised: it is compared with the names of the keys, with the English display
//! names, and with those that the registry of the same installation gives. Vista and later keep `@file,-number` there, the
//! place of a text in a library, which is not read: a name in another language than English is then neither that of a
//! service of IIS nor that of another one, unless the registry knows it as that of another one.

use std::collections::BTreeSet;

use crate::artifact::event_log::EventRecord;
use crate::base::utf16;
use crate::evidence::Unknown;
use crate::facts::event_logs::failures::FAILURES;
use crate::facts::iis;
use crate::facts::services::services_key;
use crate::facts::{Context, HiveName};

/// The source of the Service Control Manager.
pub(crate) const SCM: &str = "Service Control Manager";
/// Most bytes of the name of a service's key with its NUL (the Service Control Manager allows 256 characters) and a state.
const KEY_BYTES_MAX: usize = 2 * 260;
/// Most services whose names are compared.
const SERVICES_MAX: usize = 16_384;
/// Most names that are not known and are kept; every further one counts as not known too.
const NAMES_MAX: usize = 1_000;
/// The primary language English in the identifier of a language.
const ENGLISH: u32 = 0x09;

/// A service as logs name it.
#[derive(Debug, Clone, Copy)]
struct ServiceName {
    /// The name of its key.
    key: &'static str,
    /// Its English display names.
    display: &'static [&'static str],
}

/// The services beside those of IIS that signatures and service failures speak of.
const OTHERS: [ServiceName; 3] = [
    ServiceName {
        key: "MSDTC",
        display: &["Distributed Transaction Coordinator"],
    },
    ServiceName {
        key: "CertSvc",
        display: &[
            "Certificate Services",
            "Active Directory Certificate Services",
            "Certificate Authority",
        ],
    },
    ServiceName {
        key: "Psysdup2",
        display: &[],
    },
];

/// All services that are told apart from others.
fn services() -> impl Iterator<Item = ServiceName> {
    let of_iis = iis::SERVICES.iter().map(|service| ServiceName {
        key: service.key,
        display: service.display,
    });
    of_iis.chain(OTHERS)
}

/// The service that an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// One of IIS or of those beside it, by the name of its key.
    Known(&'static str),
    /// Another service, or none.
    Other,
    /// The name is in a language that is not known: it may be that of a service of IIS.
    Unclear,
}

/// The names of services in one installation.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServiceNames {
    /// The key of a service and a display name that the registry gives it.
    registered: Vec<(&'static str, String)>,
    /// Why a name that is not known may be that of a service of IIS, if it may.
    open: Option<String>,
    /// Names that events gave to services and that may be those of IIS, in lower case.
    unclear: BTreeSet<String>,
    /// If there were more of them than are kept: the names of services that are not of IIS, in lower case. Any other name may
    /// be one of IIS.
    beyond: Option<BTreeSet<String>>,
}

impl ServiceNames {
    /// The display names that the registry gives the services.
    pub(crate) fn of(context: &Context<'_>) -> Self {
        let mut names = Self::default();
        for service in services() {
            let key = context.in_control_set(&format!("Services\\{}", service.key));
            let name = key.and_then(|key| context.text(HiveName::System, &key, "DisplayName"));
            match name {
                Ok(Some(found)) if found.value.starts_with('@') => {
                    names.open.get_or_insert_with(|| {
                        format!("the display name of {} is {}", service.key, found.value)
                    });
                }
                Ok(Some(found)) => names.registered.push((service.key, found.value)),
                // Without a display name the Service Control Manager says the name of the key.
                Ok(None) => {}
                Err(unknown) => {
                    names.open.get_or_insert_with(|| {
                        format!("its display name was not seen: {}", unknown.detail)
                    });
                }
            }
        }
        names
    }

    /// Finds the names in these events that may be those of a service of IIS, and says why they cannot be told.
    pub(crate) fn settle<'r>(
        &mut self,
        context: &Context<'_>,
        records: impl Iterator<Item = &'r EventRecord>,
    ) -> Option<String> {
        let open = self.open.clone()?;
        let mut unknown: BTreeSet<String> = BTreeSet::new();
        let (mut first, mut is_full) = (None, false);
        for record in records.filter(|record| is_failure(record)) {
            let Some(name) = name_of(record).map(str::trim) else {
                continue;
            };
            if key_in_data(record).is_some() || name.is_empty() {
                continue;
            }
            match self.key_of(name) {
                // Who names one service in English names all of them so.
                Some(key) if is_english_name(key, name) => return None,
                Some(_) => {}
                None if unknown.len() < NAMES_MAX => {
                    first.get_or_insert_with(|| format!("{} \"{name}\"", record.event_id));
                    unknown.insert(name.to_lowercase());
                }
                None => is_full |= !unknown.contains(&name.to_lowercase()),
            }
        }
        if unknown.is_empty() || speaks_english(context).unwrap_or(false) {
            return None;
        }
        // A registry that cannot be read knows no other service.
        let others = other_names(context).unwrap_or_default();
        unknown.retain(|name| !others.contains(name));
        if unknown.is_empty() && !is_full {
            return None;
        }
        let more = if is_full { " and further ones" } else { "" };
        let text = format!(
            "names of failed services that cannot be told from those of IIS: {}{more}, the first in {}: {open}",
            unknown.len(),
            first.unwrap_or_default()
        );
        self.unclear = unknown;
        self.beyond = is_full.then_some(others);
        Some(text)
    }

    /// The key of the service that a text of a log names, if it is one that is known.
    pub(crate) fn key_of(&self, text: &str) -> Option<&'static str> {
        let text = text.trim();
        let known = services().find(|service| {
            service.key.eq_ignore_ascii_case(text) || is_english_name(service.key, text)
        });
        known.map(|service| service.key).or_else(|| {
            let text = text.to_lowercase();
            self.registered
                .iter()
                .find(|(_, display)| display.to_lowercase() == text)
                .map(|(key, _)| *key)
        })
    }

    /// The service that an event of the Service Control Manager is about.
    pub(crate) fn subject(&self, record: &EventRecord) -> Subject {
        if let Some(key) = key_in_data(record) {
            let known = services().find(|service| service.key.eq_ignore_ascii_case(&key));
            return known.map_or(Subject::Other, |service| Subject::Known(service.key));
        }
        let Some(name) = name_of(record) else {
            return Subject::Other;
        };
        match self.key_of(name) {
            Some(key) => Subject::Known(key),
            None if self.is_unclear(&name.trim().to_lowercase()) => Subject::Unclear,
            None => Subject::Other,
        }
    }

    fn is_unclear(&self, name: &str) -> bool {
        let is_beyond = |others: &BTreeSet<String>| !name.is_empty() && !others.contains(name);
        self.unclear.contains(name) || self.beyond.as_ref().is_some_and(is_beyond)
    }
}

/// Whether an event is one of the Service Control Manager that tells of a failure.
pub(crate) fn is_failure(record: &EventRecord) -> bool {
    FAILURES.contains(&record.event_id) && record.is(SCM, record.event_id)
}

fn is_english_name(key: &str, text: &str) -> bool {
    services().any(|service| {
        service.key == key
            && service
                .display
                .iter()
                .any(|name| name.eq_ignore_ascii_case(text))
    })
}

/// The display name that an event gives the service; 7009 has the time that was waited in front of it.
fn name_of(record: &EventRecord) -> Option<&str> {
    record.string(usize::from(record.event_id == 7009))
}

/// The name of the key in the data of an event, in front of the slash and the state that 7036 has behind it.
fn key_in_data(record: &EventRecord) -> Option<String> {
    let data = record.data.as_slice();
    if data.len() < 4 || data.len() > KEY_BYTES_MAX || !data.ends_with(&[0, 0]) {
        return None;
    }
    let text = utf16::decode_le(data);
    let name = text.trim_end_matches('\0');
    let name = name.split('/').next().unwrap_or(name);
    // Four bytes may be a number: one character is no name.
    let is_name = name.len() > 1 && name.chars().all(|character| !character.is_control());
    is_name.then(|| name.to_owned())
}

/// Whether the system has no language but English, by its set-up language and the list of its display languages.
fn speaks_english(context: &Context<'_>) -> Result<bool, Unknown> {
    let key = context.in_control_set("Control\\Nls\\Language")?;
    let installed = context.text(HiveName::System, &key, "InstallLanguage")?;
    let is_english = installed
        .and_then(|found| u32::from_str_radix(found.value.trim(), 16).ok())
        .is_some_and(|language| language & 0x3ff == ENGLISH);
    let key = context.in_control_set("Control\\MUI\\UILanguages")?;
    let others = match context.key(HiveName::System, &key)? {
        None => false,
        Some(found) => found
            .key
            .subkeys()
            .map_err(|error| Unknown::from_error(&error, found.evidence.locator.clone()))?
            .iter()
            .any(|key| {
                let name = key.name().unwrap_or_default();
                !name.to_ascii_lowercase().starts_with("en")
            }),
    };
    Ok(is_english && !others)
}

/// The names of all services but the known ones, in lower case: of their keys, and their display names where the registry
/// has them as text.
fn other_names(context: &Context<'_>) -> Result<BTreeSet<String>, Unknown> {
    let mut names = BTreeSet::new();
    let Some(found) = context.key(HiveName::System, &services_key(context)?)? else {
        return Ok(names);
    };
    let keys = found
        .key
        .subkeys()
        .map_err(|error| Unknown::from_error(&error, found.evidence.locator.clone()))?;
    for key in keys.iter().take(SERVICES_MAX) {
        // A name that cannot be read is none that is known.
        let Ok(name) = key.name() else {
            continue;
        };
        if services().any(|service| service.key.eq_ignore_ascii_case(&name)) {
            continue;
        }
        names.insert(name.to_lowercase());
        if let Ok(Some(value)) = key.value("DisplayName")
            && let Some(display) = value.string()
        {
            names.insert(display.trim().to_lowercase());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::event_log::{EventString, Level};
    use crate::facts::test_hive::TestHive;
    use crate::facts::test_image::TestImage;

    fn event(name: &str, data: &[u8]) -> EventRecord {
        EventRecord {
            time: None,
            written: None,
            channel: None,
            source: SCM.to_owned(),
            provider: None,
            event_id: 7023,
            qualifiers: None,
            level: Level::Error,
            computer: "GOLDEN".to_owned(),
            user_sid: None,
            record: 1,
            strings: vec![EventString {
                name: None,
                text: name.to_owned(),
            }],
            data: data.to_vec(),
            offset: 0,
            recovered: false,
            damaged: false,
        }
    }

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn a_service_is_known_by_key_by_english_name_and_by_the_name_in_the_registry() {
        let names = ServiceNames {
            registered: vec![("IISADMIN", "IIS-Verwaltungsdienst".to_owned())],
            ..ServiceNames::default()
        };
        assert_eq!(names.key_of("iisadmin"), Some("IISADMIN"));
        assert_eq!(names.key_of("IIS Admin Service"), Some("IISADMIN"));
        assert_eq!(names.key_of("IIS-VERWALTUNGSDIENST"), Some("IISADMIN"));
        assert_eq!(names.key_of("IIS"), None);
    }

    #[test]
    fn every_service_of_iis_is_known() {
        for service in iis::SERVICES {
            let names = ServiceNames::default();
            for name in service.display {
                assert_eq!(names.key_of(name), Some(service.key));
            }
            assert_eq!(
                names.subject(&event(service.key, &[])),
                Subject::Known(service.key)
            );
        }
    }

    #[test]
    fn the_key_in_the_data_comes_before_the_name() {
        let names = ServiceNames::default();
        let subject = |name: &str, data: &[u8]| names.subject(&event(name, data));
        let was = wide("WAS\0");
        assert_eq!(subject("Aktivierungsdienst", &was), Subject::Known("WAS"));
        assert_eq!(
            subject("Aktivierungsdienst", &wide("w3svc/4\0")),
            Subject::Known("W3SVC")
        );
        // The data names another service: the text does not stand against it.
        assert_eq!(
            subject("IIS Admin Service", &wide("netprofm\0")),
            Subject::Other
        );
        // A number is no name.
        for data in [&[0x41_u8, 0, 0, 0][..], &[3, 0, 0, 0], &[5, 0, 7, 0, 0, 0]] {
            assert_eq!(
                subject("IIS Admin Service", data),
                Subject::Known("IISADMIN"),
                "{data:?}"
            );
        }
    }

    /// A German Windows of Vista's kind: display names are places of texts.
    fn german(language: &str) -> TestHive {
        TestHive::new()
            .number("Select", "Current", 1)
            .text(
                "ControlSet001\\Services\\IISADMIN",
                "DisplayName",
                "@%windir%\\system32\\inetsrv\\iisres.dll,-30007",
            )
            .text(
                "ControlSet001\\Services\\Acme",
                "DisplayName",
                "Acme-Dienst",
            )
            .text(
                "ControlSet001\\Control\\Nls\\Language",
                "InstallLanguage",
                language,
            )
    }

    fn settled(hive: TestHive, records: &[EventRecord]) -> (Option<String>, Vec<Subject>) {
        let mut answer = (None, Vec::new());
        let image =
            TestImage::new("6.1", "none").file("WINDOWS\\system32\\config\\SYSTEM", hive.bytes());
        image.with(|context, _| {
            let mut names = ServiceNames::of(context);
            let why = names.settle(context, records.iter());
            answer = (why, records.iter().map(|one| names.subject(one)).collect());
        });
        answer
    }

    #[test]
    fn a_name_that_the_registry_does_not_give_as_text_may_be_that_of_iis() {
        let records = [
            event("IIS-Verwaltungsdienst", &[]),
            event("Acme-Dienst", &[]),
            event("acme", &[]),
        ];
        let (why, subjects) = settled(german("0407"), &records);
        assert_eq!(subjects, [Subject::Unclear, Subject::Other, Subject::Other]);
        let why = why.unwrap();
        assert!(
            why.contains("of IIS: 1, the first in 7023 \"IIS-Verwaltungsdienst\"")
                && why.contains("iisres.dll,-30007"),
            "{why}"
        );
    }

    #[test]
    fn a_name_behind_more_unknown_ones_than_are_kept_may_be_that_of_iis_too() {
        let mut records: Vec<EventRecord> = (0..NAMES_MAX)
            .map(|number| event(&format!("Dienst {number}"), &[]))
            .collect();
        records.push(event("Acme-Dienst", &[]));
        records.push(event("IIS-Verwaltungsdienst", &[]));
        let (why, subjects) = settled(german("0407"), &records);
        assert_eq!(subjects.last(), Some(&Subject::Unclear));
        assert_eq!(subjects[NAMES_MAX], Subject::Other);
        let why = why.unwrap();
        assert!(why.contains("of IIS: 1000 and further ones,"), "{why}");
        records.truncate(NAMES_MAX);
        let (why, _) = settled(german("0407"), &records);
        assert!(why.unwrap().contains("of IIS: 1000, "));
    }

    #[test]
    fn on_an_english_windows_a_name_that_is_not_known_is_another_service() {
        let records = [event("Windows Time", &[])];
        assert_eq!(
            settled(german("0409"), &records),
            (None, vec![Subject::Other])
        );
        let second = "ControlSet001\\Control\\MUI\\UILanguages\\de-DE";
        let both = german("0409").number(second, "Type", 274);
        assert_eq!(settled(both, &records).1, [Subject::Unclear]);
        let heard = [event("Windows Time", &[]), event("IIS Admin Service", &[])];
        assert_eq!(settled(german("0407"), &heard).0, None);
    }
}
