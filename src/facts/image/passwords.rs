//! Places that hold a password in clear text: image.clear_passwords. The places are reported, never a password.
//!
//! `Winlogon!DefaultPassword` and the LSA secret of that name belong to automatic log-on (measured); answer files hold
//! the password of the administrator (Q241219 for `$nt4pre$.inf`). In an INF answer file `*` stands for an empty
//! password, and one marked as encrypted is not clear.

use crate::artifact::setup_inf::{Entry, Inf};
use crate::base::win_path::WinPath;
use crate::evidence::{Evidence, Fact, Unknown};
use crate::facts::gather::Gather;
use crate::facts::image::xml_passwords;
use crate::facts::sysprep::files::{inf_answer_files, xml_answer_files};
use crate::facts::{Context, Facts, HiveName};

const WINLOGON: &str = "Microsoft\\Windows NT\\CurrentVersion\\Winlogon";
const DEFAULT_PASSWORD: &str = "DefaultPassword";
const SECRET: &str = "Policy\\Secrets\\DefaultPassword";

/// Collects image.clear_passwords.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let mut gather = Gather::default();
    winlogon(context, &mut gather);
    secret(context, &mut gather);
    for path in inf_answer_files(context) {
        in_file(context, &path, &mut gather, inf_passwords);
    }
    for path in xml_answer_files(context) {
        in_file(context, &path, &mut gather, xml_passwords::find);
    }
    let fact: Fact = gather.list(&context.place(HiveName::Software, WINLOGON, None));
    facts.put("image.clear_passwords", fact);
}

fn winlogon(context: &Context<'_>, gather: &mut Gather) {
    match context.text(HiveName::Software, WINLOGON, DEFAULT_PASSWORD) {
        Err(unknown) => gather.unseen(unknown),
        Ok(Some(found)) if !found.value.is_empty() => {
            gather.found(
                format!("SOFTWARE\\{WINLOGON}!{DEFAULT_PASSWORD}"),
                found.evidence,
            );
        }
        Ok(Some(found)) => gather.nothing(found.evidence),
        Ok(None) => gather.nothing(context.absent_evidence(
            HiveName::Software,
            WINLOGON,
            Some(DEFAULT_PASSWORD),
        )),
    }
}

fn secret(context: &Context<'_>, gather: &mut Gather) {
    match context.key(HiveName::Security, SECRET) {
        Err(unknown) => gather.unseen(unknown),
        Ok(Some(found)) => gather.found(format!("SECURITY\\{SECRET}"), found.evidence),
        Ok(None) => gather.nothing(context.absent_evidence(HiveName::Security, SECRET, None)),
    }
}

/// A password in an answer file: what names it, and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClearPassword {
    pub(crate) name: String,
    pub(crate) line: u64,
}

fn in_file(
    context: &Context<'_>,
    path: &WinPath,
    gather: &mut Gather,
    find: impl FnOnce(&[u8]) -> crate::error::Result<Vec<ClearPassword>>,
) {
    let place = context.installation.place(path);
    let found = context.read(path).and_then(|bytes| {
        let Some(bytes) = bytes else {
            return Ok(Vec::new());
        };
        find(&bytes).map_err(|error| Unknown::from_error(&error, place.clone()))
    });
    match found {
        Err(unknown) => gather.unseen(unknown),
        Ok(passwords) if passwords.is_empty() => gather.nothing(Evidence::at(place)),
        Ok(passwords) => {
            for password in passwords {
                let mut evidence = Evidence::at(place.clone());
                evidence.line = Some(password.line);
                gather.found(format!("{path}: {}", password.name), evidence);
            }
        }
    }
}

fn inf_passwords(bytes: &[u8]) -> crate::error::Result<Vec<ClearPassword>> {
    let inf = Inf::parse(bytes)?;
    let mut found = Vec::new();
    for section in inf.sections() {
        let is_encrypted = section.entry("EncryptedAdminPassword").is_some_and(is_yes);
        for entry in &section.entries {
            let Some(key) = &entry.key else { continue };
            let folded = key.to_ascii_lowercase();
            if !folded.ends_with("password")
                || folded.starts_with("encrypted")
                || (is_encrypted && folded == "adminpassword")
            {
                continue;
            }
            let text = entry.fields.join(",");
            if !text.is_empty() && text != "*" {
                found.push(ClearPassword {
                    name: format!("[{}] {key}", section.name),
                    line: entry.line,
                });
            }
        }
    }
    Ok(found)
}

fn is_yes(entry: &Entry) -> bool {
    entry
        .field(0)
        .is_some_and(|text| text.eq_ignore_ascii_case("yes"))
}
