//! Known events by source, id, insertion strings and data; never by localised text.
//!
//! Which service an event is about is told by [`ServiceNames`]. An error code is compared as a number, however it is spelled:
//! decimal with or without sign, hexadecimal, behind `%%`, or as the HRESULT of a code of Windows.

use crate::artifact::event_log::EventRecord;
use crate::facts::event_logs::names::{SCM, ServiceNames, Subject};

/// One known event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signature {
    /// Its id, as `evt.signatures` lists it.
    pub(crate) id: &'static str,
    /// The names of its source.
    pub(crate) sources: &'static [&'static str],
    /// The ids that it can have.
    pub(crate) events: &'static [u32],
    /// What else has to hold.
    pub(crate) test: Test,
}

/// What has to hold beyond source and id.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Test {
    /// Nothing.
    Any,
    /// A string with that path, and the data is that code if one is given.
    Path(&'static str, Option<u32>),
    /// The service, by the name of its key.
    Service(&'static str),
    /// The service ended with that code.
    ServiceCode(&'static str, u32),
    /// Some string holds that code.
    Code(u32),
}

const MSDTC: &[&str] = &["MSDTC", "MSDTC Client"];

/// The Local Security Authority: its provider, and the name of its older manifest.
const LSASRV: &[&str] = &["LsaSrv", "Microsoft-Windows-LSA", "LSA"];

/// All known events, in the order of their ids within a source.
pub(crate) const SIGNATURES: [Signature; 31] = [
    signature(
        "EVT-116-W3SVC",
        &["W3SVC"],
        &[116],
        Test::Path("/LM/W3SVC", Some(3)),
    ),
    signature(
        "EVT-116-SMTPSVC",
        &["SMTPSVC"],
        &[116],
        Test::Path("/LM/SMTPSVC", Some(3)),
    ),
    signature(
        "EVT-116-MSFTPSVC",
        &["MSFTPSVC"],
        &[116],
        Test::Path("/LM/MSFTPSVC", None),
    ),
    signature(
        "EVT-7000-PSYSDUP2",
        &[SCM],
        &[7000],
        Test::Service("Psysdup2"),
    ),
    signature("EVT-7022-W3SVC", &[SCM], &[7022], Test::Service("W3SVC")),
    signature(
        "EVT-7023-W3SVC-PATH",
        &[SCM],
        &[7023],
        Test::ServiceCode("W3SVC", 3),
    ),
    signature(
        "EVT-7023-W3SVC-EXISTS",
        &[SCM],
        &[7023],
        Test::ServiceCode("W3SVC", 0x8009_000F),
    ),
    signature(
        "EVT-7024-CERTSVC",
        &[SCM],
        &[7024],
        Test::ServiceCode("CertSvc", 0x8009_0016),
    ),
    signature(
        "EVT-7024-MSDTC",
        &[SCM],
        &[7024],
        Test::ServiceCode("MSDTC", 0xC000_1006),
    ),
    signature(
        "EVT-IISADMIN-80090005",
        &[SCM],
        &[7023, 7024],
        Test::ServiceCode("IISADMIN", 0x8009_0005),
    ),
    signature(
        "EVT-IISADMIN-80090006",
        &[SCM],
        &[7023, 7024],
        Test::ServiceCode("IISADMIN", 0x8009_0006),
    ),
    signature(
        "EVT-IISADMIN-8009000B",
        &[SCM],
        &[7023, 7024],
        Test::ServiceCode("IISADMIN", 0x8009_000B),
    ),
    signature(
        "EVT-IISADMIN-8009000D",
        &[SCM],
        &[7023, 7024],
        Test::ServiceCode("IISADMIN", 0x8009_000D),
    ),
    signature(
        "EVT-IISADMIN-8009000F",
        &[SCM],
        &[7023, 7024],
        Test::ServiceCode("IISADMIN", 0x8009_000F),
    ),
    signature(
        "EVT-IISADMIN-80090016",
        &[SCM],
        &[7023, 7024],
        Test::ServiceCode("IISADMIN", 0x8009_0016),
    ),
    signature(
        "EVT-IISADMIN-80090020",
        &[SCM],
        &[7023, 7024],
        Test::ServiceCode("IISADMIN", 0x8009_0020),
    ),
    signature(
        "EVT-IISADMIN-800CC819",
        &[SCM],
        &[7023, 7024],
        Test::ServiceCode("IISADMIN", 0x800C_C819),
    ),
    signature(
        "EVT-IISADMIN-800CC81D",
        &[SCM],
        &[7023, 7024],
        Test::ServiceCode("IISADMIN", 0x800C_C81D),
    ),
    signature(
        "EVT-42-CERTSVC",
        &["CertSvc"],
        &[42],
        Test::Code(0x8009_0016),
    ),
    signature("EVT-1009-CLUSSVC", &["ClusSvc"], &[1009], Test::Any),
    signature("EVT-1058-CLUSSVC", &["ClusSvc"], &[1058], Test::Any),
    signature("EVT-4101-MSDTC", MSDTC, &[4101], Test::Any),
    signature("EVT-4106-MSDTC", &["MSDTC"], &[4106], Test::Any),
    signature("EVT-4107-MSDTC", &["MSDTC"], &[4107], Test::Any),
    signature("EVT-4154-MSDTC", &["MSDTC"], &[4154], Test::Any),
    signature("EVT-4163-MSDTC", &["MSDTC"], &[4163], Test::Any),
    signature("EVT-4454-MSDTC", MSDTC, &[4454], Test::Any),
    signature("EVT-53313-MSDTC", MSDTC, &[53313], Test::Any),
    signature("EVT-4440-COMPLUS", &["COM+", "COM"], &[4440], Test::Any),
    signature("EVT-6167-LSASRV", LSASRV, &[6167], Test::Any),
    signature("EVT-6008", &["EventLog"], &[6008], Test::Any),
];

/// Their ids: the words that `evt.signatures` can hold, so that no rule asks for one that no log can show.
#[expect(
    clippy::indexing_slicing,
    reason = "evaluated when the program is built"
)]
pub(crate) const SIGNATURE_IDS: [&str; SIGNATURES.len()] = {
    let mut ids = [""; SIGNATURES.len()];
    let mut index = 0;
    while index < ids.len() {
        ids[index] = SIGNATURES[index].id;
        index += 1;
    }
    ids
};

const fn signature(
    id: &'static str,
    sources: &'static [&'static str],
    events: &'static [u32],
    test: Test,
) -> Signature {
    Signature {
        id,
        sources,
        events,
        test,
    }
}

impl Signature {
    /// The code that it asks for, if it asks for one.
    pub(crate) fn code(&self) -> Option<u32> {
        match self.test {
            Test::Path(_, code) => code,
            Test::ServiceCode(_, code) | Test::Code(code) => Some(code),
            Test::Any | Test::Service(_) => None,
        }
    }

    /// Whether a record is that event.
    pub(crate) fn is(&self, record: &EventRecord, names: &ServiceNames) -> bool {
        self.events.contains(&record.event_id)
            && self
                .sources
                .iter()
                .any(|source| record.is(source, record.event_id))
            && self.test.holds(record, names)
    }
}

impl Test {
    fn holds(self, record: &EventRecord, names: &ServiceNames) -> bool {
        let mut strings = record.strings.iter().map(|string| string.text.as_str());
        match self {
            Self::Any => true,
            Self::Path(path, code) => {
                strings.any(|text| text.to_ascii_uppercase().contains(path))
                    && code.is_none_or(|code| record.data_u32() == Some(code))
            }
            Self::Service(key) => names.subject(record) == Subject::Known(key),
            Self::ServiceCode(key, code) => {
                names.subject(record) == Subject::Known(key)
                    && strings.skip(1).any(|text| codes(text).contains(&code))
            }
            Self::Code(code) => strings.any(|text| codes(text).contains(&code)),
        }
    }
}

/// Every number that a text can be read as: decimal with or without sign, hexadecimal; of the HRESULT of a code of Windows
/// also the code.
pub(crate) fn codes(text: &str) -> Vec<u32> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '-';
    let mut found = Vec::new();
    for word in text.split(|character| !is_part(character)) {
        let digits = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
        if let Some(number) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
            found.push(number);
        } else if let Ok(number) = word.parse::<u32>() {
            found.push(number);
        } else if let Ok(number) = word.parse::<i32>() {
            found.push(number.cast_unsigned());
        }
        // Eight digits without a prefix that begin as a failure does.
        if word.len() == 8 && word.starts_with(['8', 'c', 'C']) {
            found.extend(u32::from_str_radix(word, 16).ok());
        }
    }
    let plain: Vec<u32> = found
        .iter()
        .filter(|code| **code >> 16 == 0x8007)
        .map(|code| code & 0xffff)
        .collect();
    found.extend(plain);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_number_in_every_spelling() {
        for text in [
            "2148073478",
            "-2146893818",
            "%%2148073478",
            "%%-2146893818",
            "0x80090006",
            "2148073478 (0x80090006)",
            "80090006",
        ] {
            assert!(codes(text).contains(&0x8009_0006), "{text}");
        }
        assert!(codes("%%3").contains(&3));
        assert!(codes("%%2147942403").contains(&3));
        assert!(!codes("%%35").contains(&3));
        assert!(codes("MSDTC").is_empty());
    }

    #[test]
    fn no_signature_is_listed_twice() {
        let mut ids: Vec<&str> = SIGNATURES.iter().map(|signature| signature.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), SIGNATURES.len());
    }
}
