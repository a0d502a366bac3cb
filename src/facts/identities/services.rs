//! Identities that services of Windows and management tools keep: msmq.qmid, sms.identity, wsus.client_id,
//! id.sqm_machine_id, id.rdp_certificate.

use crate::base::bytes;
use crate::base::guid::Guid;
use crate::evidence::{Fact, Unknown, Value};
use crate::facts::gather::Gather;
use crate::facts::machine_keys::in_own_root;
use crate::facts::{Context, Facts, HiveName};

/// The sources write the name of the key in two ways.
const MSMQ_KEYS: [&str; 2] = [
    "Microsoft\\MSMQ\\Parameters\\MachineCache",
    "Microsoft\\MSMQ\\Parameters\\Machine Cache",
];
const SMS_CLIENT: &str = "Microsoft\\SMS\\Client\\Configuration\\Client Properties";
const SMS_ID: &str = "SMS Unique Identifier";
/// Known addresses of the client of SMS 2.0 (Q257808).
const SMS_ADDRESSES: &str = "Microsoft\\NAL\\Client\\AbExprtDB";
/// Files that hold the identity of the SMS client, below the Windows folder.
const SMS_FILES: [&str; 4] = [
    "Smscfg.ini",
    "Sms1x.ini",
    "Smsuid.dat",
    "system32\\Smsuid.dat",
];
const WINDOWS_UPDATE: &str = "Microsoft\\Windows\\CurrentVersion\\WindowsUpdate";
const SQM: &str = "Microsoft\\SQMClient";
const RDP: &str = "Microsoft\\SystemCertificates\\Remote Desktop\\Certificates";

/// Collects the facts of this file.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    facts.put("msmq.qmid", msmq(context));
    facts.put("sms.identity", sms(context));
    for (id, key, value) in [
        ("wsus.client_id", WINDOWS_UPDATE, "SusClientId"),
        ("id.sqm_machine_id", SQM, "MachineId"),
    ] {
        facts.put(id, text_identity(context, key, value));
    }
    facts.put("id.rdp_certificate", rdp(context));
}

/// An identity that is a text. One of zeros only is no identity: it is what stands there before there is one.
fn text_identity(context: &Context<'_>, key: &str, value: &str) -> Result<Fact, Unknown> {
    let Some(found) = context.text(HiveName::Software, key, value)? else {
        return Ok(context.absent(HiveName::Software, key, Some(value)));
    };
    Ok(if is_zero(&found.value) {
        Fact::Absent(found.evidence.raw(found.value))
    } else {
        Fact::found(Value::Text(found.value), found.evidence)
    })
}

/// Whether a text has zeros only, and signs between them: `{00000000-0000-0000-0000-000000000000}`.
pub(crate) fn is_zero(text: &str) -> bool {
    let mut digits = text.chars().filter(|sign| sign.is_alphanumeric());
    digits.all(|digit| digit == '0')
}

/// The queue manager's id, a GUID of 16 bytes.
fn msmq(context: &Context<'_>) -> Result<Fact, Unknown> {
    let mut searched = Vec::new();
    for key in MSMQ_KEYS {
        let found = context.typed(HiveName::Software, key, "QMId", |value| {
            let id: [u8; 16] = bytes::array(&value.data, 0).filter(|_| value.data.len() == 16)?;
            Some(Guid::from_disk_order(id).to_string())
        })?;
        if let Some(found) = found {
            return Ok(if is_zero(&found.value) {
                Fact::Absent(found.evidence.raw(found.value))
            } else {
                Fact::found(Value::Text(found.value), found.evidence)
            });
        }
        searched.push(
            context
                .place(HiveName::Software, key, Some("QMId"))
                .to_string(),
        );
    }
    let [key, _] = MSMQ_KEYS;
    let evidence = context.absent_evidence(HiveName::Software, key, Some("QMId"));
    Ok(Fact::Absent(evidence.searched(searched)))
}

fn sms(context: &Context<'_>) -> Fact {
    let mut gather = Gather::default();
    match context.text(HiveName::Software, SMS_CLIENT, SMS_ID) {
        Err(unknown) => gather.unseen(unknown),
        Ok(Some(found)) if !found.value.trim().is_empty() => gather.found(SMS_ID, found.evidence),
        Ok(Some(found)) => gather.nothing(found.evidence),
        Ok(None) => {
            gather.nothing(context.absent_evidence(HiveName::Software, SMS_CLIENT, Some(SMS_ID)));
        }
    }
    has_subkeys(context, SMS_ADDRESSES, &mut gather);
    for file in SMS_FILES {
        gather.file(context, &context.installation.windows(file));
    }
    gather.file(context, &in_own_root(context, "Smsuid.dat"));
    gather.list(&context.place(HiveName::Software, SMS_CLIENT, None))
}

fn rdp(context: &Context<'_>) -> Fact {
    let mut gather = Gather::default();
    has_subkeys(context, RDP, &mut gather);
    gather.flag(&context.place(HiveName::Software, RDP, None))
}

/// Notes a key that has subkeys.
fn has_subkeys(context: &Context<'_>, path: &str, gather: &mut Gather) {
    match context.key(HiveName::Software, path) {
        Err(unknown) => gather.unseen(unknown),
        Ok(None) => gather.nothing(context.absent_evidence(HiveName::Software, path, None)),
        Ok(Some(found)) => match found.key.subkeys() {
            Err(error) => gather.unseen(Unknown::from_error(&error, found.evidence.locator)),
            Ok(keys) if keys.is_empty() => gather.nothing(found.evidence),
            Ok(_) => gather.found(path, found.evidence),
        },
    }
}
