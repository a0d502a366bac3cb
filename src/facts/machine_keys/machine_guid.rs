//! MachineGuid: the value that every key file is named for.
//!
//! REG_SZ of 36 characters without braces (KB884872, and a Process Monitor line in "MachineKey in IIS", blogs.msdn 2009).
//! The text is kept as spelled: CryptoAPI puts it behind the underscore as it stands and NTFS compares without case.

use crate::base::guid::Guid;
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::{Context, Facts, HiveName};

const KEY: &str = "Microsoft\\Cryptography";
const KEY_WOW64: &str = "Wow6432Node\\Microsoft\\Cryptography";
const VALUE: &str = "MachineGuid";

/// MachineGuid as spelled, `None` where a readable hive does not hold it.
pub(crate) type MachineGuid = Result<Option<String>, Unknown>;

/// Puts the facts of both values and answers with the native one.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) -> MachineGuid {
    let native = context.value_fact(HiveName::Software, KEY, VALUE, |value| {
        value.string().map(Value::Text)
    });
    let guid = native.get().map(|found| {
        found.and_then(|(value, _)| match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        })
    });
    facts.put("crypto.machine_guid_well_formed", well_formed(&native));
    facts.put("crypto.machine_guid", native);
    facts.put(
        "crypto.machine_guid_wow64",
        context.value_fact(HiveName::Software, KEY_WOW64, VALUE, |value| {
            value.string().map(Value::Text)
        }),
    );
    guid
}

/// Whether the value is one that Windows writes: 36 characters, a GUID, no braces. A value of another type is not.
fn well_formed(native: &Fact) -> Fact {
    match native {
        Fact::Found {
            value: Value::Text(text),
            evidence,
            ..
        } => Fact::Found {
            value: Value::Bool(is_well_formed(text)),
            evidence: evidence.iter().map(|place| with_raw(place, text)).collect(),
            asserted: false,
        },
        // Only a value that was read can have offsets; a hive that could not be read has none.
        Fact::Unknown(unknown)
            if unknown.reason == UnknownReason::Corrupt
                && unknown.evidence.hive_state.is_some() =>
        {
            Fact::found(false, unknown.evidence.clone().raw(&unknown.detail))
        }
        other => other.clone(),
    }
}

fn with_raw(place: &Evidence, text: &str) -> Evidence {
    place.clone().raw(text)
}

/// Whether a text has the form of MachineGuid.
pub(crate) fn is_well_formed(text: &str) -> bool {
    text.len() == 36 && Guid::parse(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_36_characters_without_braces_are_well_formed() {
        assert!(is_well_formed("1b2162a0-ed5a-4d56-bd8a-8f2f65406b82"));
        assert!(is_well_formed("1B2162A0-ED5A-4D56-BD8A-8F2F65406B82"));
        for text in [
            "",
            "{1b2162a0-ed5a-4d56-bd8a-8f2f65406b82}",
            " 1b2162a0-ed5a-4d56-bd8a-8f2f65406b82",
            "1b2162a0-ed5a-4d56-bd8a-8f2f65406b8g",
            "00000000000000000000000000000000000000",
        ] {
            assert!(!is_well_formed(text), "{text:?}");
        }
    }
}
