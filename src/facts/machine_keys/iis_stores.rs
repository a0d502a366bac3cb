//! The stores of IIS beside the metabase: the `.config` files of 7 on, and what XP SP2 leaves in MetaBack.

use crate::artifact::metabase::{EncryptedValue, encrypted_values, is_redirected};
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason};
use crate::facts::machine_keys::live_metabase;
use crate::facts::{Context, Facts};

/// The configuration files of IIS 7 on, below `inetsrv\config`; every such IIS has the first.
const CONFIG_FILES: [&str; 3] = [
    APPLICATION_HOST,
    "administration.config",
    "redirection.config",
];
const APPLICATION_HOST: &str = "applicationHost.config";
/// What XP SP2 leaves behind (KB889073).
const IISCHEMA_UPDATE: &str = "system32\\inetsrv\\MetaBack\\Iischema-update.md0";

/// Collects the facts of these stores.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let encrypted = match live_metabase::installed(facts) {
        Ok(Ok(iis)) if iis.major() >= 7 => config_encrypted(context),
        Ok(Ok(iis)) => Fact::Absent(iis.evidence),
        Ok(Err(absent)) => Fact::Absent(absent),
        Err(unknown) => Fact::Unknown(unknown),
    };
    facts.put("iis.config_encrypted", encrypted);
    facts.put("iis.iischema_update_backup", iischema_update(context));
}

/// `iis.config_encrypted`: whether a configuration file holds an encrypted value; a finding in one outweighs an unread other.
fn config_encrypted(context: &Context<'_>) -> Fact {
    let folder = match live_metabase::inetsrv(context) {
        Ok(inetsrv) => inetsrv.child("config"),
        Err(unknown) => return Fact::Unknown(unknown),
    };
    let mut searched = Vec::new();
    let mut unread = None;
    for name in CONFIG_FILES {
        let path = folder.child(name);
        let place = context.installation.place(&path);
        match context.read(&path) {
            Err(unknown) => unread = unread.or(Some(unknown)),
            Ok(None) if name == APPLICATION_HOST => {
                unread = unread.or(Some(Unknown::new(
                    UnknownReason::NotProvided,
                    "IIS is installed and its configuration is not there",
                    place.clone(),
                )));
            }
            Ok(None) => {}
            Ok(Some(bytes)) => match encrypted_values(&bytes) {
                Err(error) => {
                    unread = unread.or(Some(Unknown::from_error(&error, place.clone())));
                }
                Ok(values) => {
                    if let Some(first) = values.first() {
                        let metadata = context.metadata(&path).ok().flatten();
                        let evidence = context.file_evidence(&path, metadata.as_ref());
                        return Fact::found(true, evidence.raw(shown(first, values.len())));
                    }
                    if matches!(is_redirected(&bytes), Ok(true)) {
                        unread = unread.or(Some(Unknown::new(
                            UnknownReason::NotProvided,
                            "the configuration that is used lies at another place",
                            place.clone(),
                        )));
                    }
                }
            },
        }
        searched.push(place.to_string());
    }
    match unread {
        Some(unknown) => Fact::Unknown(unknown),
        None => Fact::found(
            false,
            Evidence::at(context.installation.place(&folder)).searched(searched),
        ),
    }
}

/// Where the first value stands and how many there are; never what it holds.
fn shown(first: &EncryptedValue, count: usize) -> String {
    format!(
        "{count} encrypted values, the first is {}!{} of {}",
        first.element, first.attribute, first.provider
    )
}

fn iischema_update(context: &Context<'_>) -> Fact {
    let path = context.installation.windows(IISCHEMA_UPDATE);
    match context.metadata(&path) {
        Err(unknown) => Fact::Unknown(unknown),
        Ok(metadata) => {
            let mut evidence = context.file_evidence(&path, metadata.as_ref());
            if metadata.is_none() {
                evidence = evidence.searched(vec![context.installation.place(&path).to_string()]);
            }
            Fact::found(metadata.is_some(), evidence)
        }
    }
}
