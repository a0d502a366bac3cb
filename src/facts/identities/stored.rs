//! The identities of the table: id.stored, and those of agents: id.agents.
//!
//! A value that is there and not empty is an identity. Text is compared and shown as it is, other data in hexadecimal;
//! where the table does not say that a value may be shown, its SHA-256 is.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::artifact::registry::KeyValue;
use crate::artifact::setup_inf::Inf;
use crate::base::bytes;
use crate::evidence::{Evidence, Fact, Unknown, Value};
use crate::facts::gather::{Gather, empty_evidence};
use crate::facts::identities::place::{IdentityPlace, Store};
use crate::facts::identities::services::is_zero;
use crate::facts::{Context, Facts, HiveName};

/// Most bytes of a file of settings that is read.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Most identities that one place may hold.
const PLACE_MAX: usize = 256;
/// Most characters of an identity that are shown; what is longer is shown by its fingerprint.
const SHOWN_MAX: usize = 128;

/// What the places of the table hold.
#[derive(Default)]
struct Found {
    identities: BTreeMap<String, Vec<String>>,
    evidence: Vec<Evidence>,
    looked: Vec<Evidence>,
    unseen: Vec<Unknown>,
    agents: Gather,
}

/// Collects the facts of this file.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let mut found = Found::default();
    for place in context.identities() {
        if let Err(unknown) = found.look(context, place) {
            if place.is_agent {
                found.agents.unseen(unknown.clone());
            }
            found.unseen.push(unknown);
        }
    }
    let place = context.place(HiveName::Software, "", None);
    let mut evidence = found.evidence.into_iter();
    let value = Value::Map(
        found
            .identities
            .into_iter()
            .map(|(name, values)| (name, Value::texts(values)))
            .collect(),
    );
    let unseen = found.unseen.into_iter().next();
    let stored = match (evidence.next(), &unseen) {
        (Some(first), _) => Fact::found_in(value, first, evidence),
        (None, Some(unknown)) => Fact::Unknown(unknown.clone()),
        (None, None) => Fact::found(value, empty_evidence(found.looked, &place)),
    };
    facts.put("id.stored", stored);
    if let Some(unknown) = unseen {
        facts.mark_incomplete("id.stored", unknown);
    }
    facts.put("id.agents", found.agents.list(&place));
}

impl Found {
    fn look(&mut self, context: &Context<'_>, place: &IdentityPlace) -> Result<(), Unknown> {
        match &place.store {
            Store::Value { hive, key, value } => {
                for key in views(context, *hive, key)? {
                    match context.value(*hive, &key, value)? {
                        Some(found) => match identity(&found.value) {
                            Some(text) => self.found(place, &text, found.evidence),
                            None => self.nothing(place, found.evidence),
                        },
                        None => {
                            self.nothing(place, context.absent_evidence(*hive, &key, Some(value)));
                        }
                    }
                }
            }
            Store::Subkeys { hive, key } => {
                for key in views(context, *hive, key)? {
                    self.subkeys(context, place, *hive, &key)?;
                }
            }
            Store::Entry { file, entry } => self.entry(context, place, file, entry)?,
        }
        Ok(())
    }

    fn subkeys(
        &mut self,
        context: &Context<'_>,
        place: &IdentityPlace,
        hive: HiveName,
        path: &str,
    ) -> Result<(), Unknown> {
        let Some(found) = context.key(hive, path)? else {
            self.nothing(place, context.absent_evidence(hive, path, None));
            return Ok(());
        };
        let fail = |error| Unknown::from_error(&error, found.evidence.locator.clone());
        let keys = found.key.subkeys().map_err(fail)?;
        if keys.is_empty() {
            self.nothing(place, found.evidence.clone());
        }
        for key in keys.iter().take(PLACE_MAX) {
            let name = key.name().map_err(fail)?;
            let opened = context.hive(hive)?;
            let locator = found.evidence.locator.step(&name);
            self.found(
                place,
                &name,
                context.evidence_in(opened, locator, key, None),
            );
        }
        Ok(())
    }

    fn entry(
        &mut self,
        context: &Context<'_>,
        place: &IdentityPlace,
        file: &str,
        entry: &str,
    ) -> Result<(), Unknown> {
        let path = context.installation.windows(file);
        let Some(metadata) = context.metadata(&path)? else {
            self.nothing(place, context.file_evidence(&path, None));
            return Ok(());
        };
        let fail = |error| Unknown::from_error(&error, context.installation.place(&path));
        let filesystem = &context.installation.filesystem;
        let bytes = filesystem.read(&path, FILE_BYTES_MAX).map_err(fail)?;
        let inf = Inf::parse(&bytes.unwrap_or_default()).map_err(fail)?;
        let evidence = context.file_evidence(&path, Some(&metadata));
        let values = inf
            .sections()
            .iter()
            .filter_map(|section| section.entry(entry));
        let mut values = values.map(|entry| entry.fields.join(",")).peekable();
        if values.peek().is_none() {
            self.nothing(place, evidence.clone());
        }
        for value in values.take(PLACE_MAX) {
            self.found(place, value.trim(), evidence.clone());
        }
        Ok(())
    }

    /// Takes an identity down; an empty one is none.
    fn found(&mut self, place: &IdentityPlace, text: &str, evidence: Evidence) {
        if text.is_empty() {
            self.nothing(place, evidence);
            return;
        }
        let shown = if place.is_shown && text.chars().count() <= SHOWN_MAX {
            text.to_owned()
        } else {
            let folded = text.trim_matches(['{', '}']).to_lowercase();
            format!("sha256:{}", bytes::hex(&Sha256::digest(folded)))
        };
        let values = self.identities.entry(place.name.clone()).or_default();
        if place.is_agent && values.is_empty() {
            self.agents.found(&place.name, evidence.clone());
        }
        if !values.contains(&shown) {
            values.push(shown.clone());
        }
        self.evidence
            .push(evidence.raw(format!("{}: {shown}", place.name)));
    }

    fn nothing(&mut self, place: &IdentityPlace, evidence: Evidence) {
        if place.is_agent {
            self.agents.nothing(evidence.clone());
        }
        self.looked.push(evidence);
    }
}

/// The paths at which a key is looked for: both views of SOFTWARE, the current control set of SYSTEM.
fn views(context: &Context<'_>, hive: HiveName, key: &str) -> Result<Vec<String>, Unknown> {
    Ok(match hive {
        HiveName::System => vec![context.in_control_set(key)?],
        HiveName::Software => vec![key.to_owned(), format!("Wow6432Node\\{key}")],
        _ => vec![key.to_owned()],
    })
}

/// What a value says: text as it is, a number, other data in hexadecimal; `None` where it is empty.
fn identity(value: &KeyValue) -> Option<String> {
    let text = value
        .string()
        .or_else(|| value.strings().map(|texts| texts.join(",")))
        .or_else(|| value.dword().map(|number| number.to_string()))
        .unwrap_or_else(|| bytes::hex(&value.data));
    let text = text.trim();
    (!is_zero(text)).then(|| text.to_owned())
}
