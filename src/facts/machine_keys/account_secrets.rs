//! DPAPI_SYSTEM of an installation: from the boot key in SYSTEM over the LSA key in SECURITY to the secret.
//!
//! Read only where proofs with secrets are asked for. What is returned prints as its length; the places show where the parts
//! were read and never what they hold.

use crate::error::Error;
use crate::evidence::{Evidence, HiveState, Unknown, Version};
use crate::facts::read::windows_version;
use crate::facts::{Context, Facts, HiveName};
use crate::proof::boot_key::{BootKey, KEY_NAMES};
use crate::proof::lsa::{DpapiSystem, LsaKey};
use crate::proof::opens::{AccountSecret, Failure, SecretValue};

/// Vista and later.
const POLICY_NT6: &str = "Policy\\PolEKList";
/// Windows 2000, XP and 2003.
const POLICY_NT5: &str = "Policy\\PolSecretEncryptionKey";
/// The present and the former value of the secret, below its key.
const SECRET: &str = "Policy\\Secrets\\DPAPI_SYSTEM";
const VALUES: [(&str, SecretValue); 2] = [
    ("CurrVal", SecretValue::Present),
    ("OldVal", SecretValue::Former),
];

/// The secrets of LocalSystem, or why they do not open.
#[derive(Debug)]
pub(crate) struct AccountSecrets {
    /// The present DPAPI_SYSTEM, and the former one if it opens.
    pub(crate) secrets: Result<Vec<AccountSecret>, Failure>,
    /// The places that were read.
    pub(crate) evidence: Vec<Evidence>,
    /// Why a "no" of this installation would prove nothing.
    pub(crate) doubt: Option<String>,
}

/// Reads and opens the secrets; os.version must be there.
pub(crate) fn read(context: &Context<'_>, facts: &Facts) -> AccountSecrets {
    let mut evidence = Vec::new();
    let secrets = boot_key(context, &mut evidence)
        .and_then(|boot_key| lsa_key(context, &boot_key, &mut evidence))
        .and_then(|lsa_key| dpapi_system(context, &lsa_key, &mut evidence));
    AccountSecrets {
        secrets,
        evidence,
        doubt: doubt(context, facts),
    }
}

fn unseen(unknown: &Unknown) -> Failure {
    Failure::not_tested(format!("{}: {}", unknown.evidence.locator, unknown.detail))
}

/// The boot key, if the image has it.
fn boot_key(context: &Context<'_>, evidence: &mut Vec<Evidence>) -> Result<BootKey, Failure> {
    let see = |unknown: Unknown| unseen(&unknown);
    let lsa = context.in_control_set("Control\\Lsa").map_err(see)?;
    let mode = context
        .number(HiveName::System, &lsa, "SecureBoot")
        .map_err(see)?;
    if let Some(mode) = mode {
        let why = match mode.value {
            1 => None,
            2 => Some("its password is typed at every start".to_owned()),
            3 => Some("a floppy disk holds it".to_owned()),
            other => Some(format!("where it is with {other} is not known")),
        };
        evidence.push(mode.evidence);
        if let Some(why) = why {
            return Err(Failure::not_tested(format!(
                "the boot key is not in the image: SecureBoot is {}, {why}",
                mode.value
            )));
        }
    }
    let mut names: [&[u8]; 4] = [&[]; 4];
    for (name, key) in names.iter_mut().zip(KEY_NAMES) {
        let path = format!("{lsa}\\{key}");
        let place = context.place(HiveName::System, &path, None);
        let found = context
            .key(HiveName::System, &path)
            .map_err(see)?
            .ok_or_else(|| Failure::not_tested(format!("{place}: the key is not there")))?;
        *name = found
            .key
            .class_name_bytes()
            .map_err(|error| Failure::not_tested(error.at(&place).chain()))?
            .ok_or_else(|| Failure::not_tested(format!("{place}: there is no class name")))?;
        evidence.push(found.evidence);
    }
    BootKey::from_class_names(names).map_err(|error| Failure::of(&error))
}

fn lsa_key(
    context: &Context<'_>,
    boot_key: &BootKey,
    evidence: &mut Vec<Evidence>,
) -> Result<LsaKey, Failure> {
    type Open = fn(&BootKey, &[u8]) -> Result<LsaKey, Error>;
    let forms: [(&str, Open); 2] = [
        (POLICY_NT6, LsaKey::open_nt6),
        (POLICY_NT5, LsaKey::open_nt5),
    ];
    for (path, open) in forms {
        let value = context
            .value(HiveName::Security, path, "")
            .map_err(|unknown| unseen(&unknown))?;
        if let Some(found) = value {
            let place = found.evidence.locator.clone();
            evidence.push(found.evidence);
            return open(boot_key, &found.value.data)
                .map_err(|error| Failure::of(&error.at(place)));
        }
    }
    Err(Failure::not_tested(format!(
        "SECURITY holds neither {POLICY_NT6} nor {POLICY_NT5}"
    )))
}

/// The present value of the secret, or why it does not open, and the former one if it opens.
fn dpapi_system(
    context: &Context<'_>,
    lsa_key: &LsaKey,
    evidence: &mut Vec<Evidence>,
) -> Result<Vec<AccountSecret>, Failure> {
    let mut secrets = Vec::new();
    for (name, value) in VALUES {
        match secret(context, lsa_key, name, evidence) {
            Ok(Some(keys)) => secrets.push(AccountSecret { value, keys }),
            Ok(None) if value == SecretValue::Present => {
                return Err(Failure::not_tested(format!(
                    "SECURITY\\{SECRET} holds no {name}"
                )));
            }
            Err(failure) if value == SecretValue::Present => return Err(failure),
            // Windows uses the present one; without the former it is not told that a master key is of its time.
            Ok(None) | Err(_) => {}
        }
    }
    Ok(secrets)
}

fn secret(
    context: &Context<'_>,
    lsa_key: &LsaKey,
    name: &str,
    evidence: &mut Vec<Evidence>,
) -> Result<Option<DpapiSystem>, Failure> {
    let path = format!("{SECRET}\\{name}");
    let found = context
        .value(HiveName::Security, &path, "")
        .map_err(|unknown| unseen(&unknown))?;
    // A secret that was set once has no former value.
    let Some(found) = found.filter(|found| !found.value.data.is_empty()) else {
        return Ok(None);
    };
    let place = found.evidence.locator.clone();
    evidence.push(found.evidence);
    lsa_key
        .open_secret(&found.value.data)
        .and_then(|secret| DpapiSystem::parse(&secret))
        .map(Some)
        .map_err(|error| Failure::of(&error.at(place)))
}

/// What makes a "no" doubtful: Windows 2000, for which no published value exists, and hives whose logs do not fit.
fn doubt(context: &Context<'_>, facts: &Facts) -> Option<String> {
    match windows_version(facts) {
        Ok((version, _)) if version < Version::from_parts(&[5, 1]) => {
            return Some("the proof is not shown to hold for Windows 2000".to_owned());
        }
        Ok(_) => {}
        Err(_) => return Some("the version of Windows is not known".to_owned()),
    }
    [HiveName::System, HiveName::Security]
        .into_iter()
        .find(|name| {
            context
                .hive(*name)
                .is_ok_and(|opened| opened.hive.state() == HiveState::Dirty)
        })
        .map(|name| {
            format!(
                "the hive {} is dirty, so that this may be an older state",
                name.file_name()
            )
        })
}
