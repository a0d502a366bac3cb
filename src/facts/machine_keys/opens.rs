//! Whether the keys of IIS open, proved with secrets (`key.opens`, links L7 to L9).
//!
//! Only where it is asked for: the proof decrypts the private keys of the image. What is decrypted stays in memory that is
//! wiped, and only yes, no and not tested leave it. Keys that signed the live metabase are proved first, then those of its copies, because the number of files
//! that are proved is bounded.

use std::collections::BTreeMap;

use crate::artifact::metabase::MetabaseBlobs;
use crate::base::guid::Guid;
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::machine_keys::account_secrets;
use crate::facts::machine_keys::folders::Folders;
use crate::facts::machine_keys::listing::{ListedKey, Listing};
use crate::facts::machine_keys::live_metabase::Live;
use crate::facts::machine_keys::master_keys;
use crate::facts::{Context, Facts};
use crate::proof::opens::{
    AccountSecret, Failure, MasterKeys, MetabaseParts, Opens, PROPERTIES_TRIED_MAX, prove,
};
use crate::proof::pairing::Outcome;

/// Most key files that are proved.
const PROVED_MAX: usize = 64;

/// Proves the key files of IIS where that is asked for, completes their proofs and answers with `key.opens`; the pairing
/// must be done.
pub(crate) fn collect(
    context: &Context<'_>,
    facts: &Facts,
    live: &Live,
    folders: &Folders,
    listing: &mut Listing,
) -> Fact {
    if !context.proves_keys() {
        return Fact::Unknown(Unknown::new(
            UnknownReason::NotProvided,
            "private keys are opened only where it is asked for (--prove-keys)",
            context.installation.locator.clone(),
        ));
    }
    let account = account_secrets::read(context, facts);
    let mut evidence = account.evidence;
    let metabase = read_metabase(context, live, &mut evidence);
    let blobs = metabase
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|(kind, bytes)| {
            MetabaseBlobs::read(*kind, bytes).map_err(|error| Failure::of(&error))
        });
    let parts = blobs.as_ref().map_err(Clone::clone).and_then(parts);
    let prover = Prover {
        context,
        secrets: &account.secrets,
        parts: parts.as_ref(),
        doubt: account.doubt.as_deref(),
    };
    prover.prove_all(listing);
    for guid in named(listing) {
        let mut states = master_keys::MasterKeys::default();
        evidence.push(states.state(context, guid).evidence().clone());
    }
    if let Some(unseen) = listing.unseen(folders) {
        return Fact::Unknown(unseen.clone());
    }
    let value = Value::Map(listing.iis_keys().filter_map(shown).collect());
    let mut evidence = evidence.into_iter();
    match evidence.next() {
        Some(first) => Fact::found_in(value, first, evidence),
        None => Fact::found(value, folders.searched(context)),
    }
}

/// What every file is proved with.
struct Prover<'a, 'c> {
    context: &'a Context<'c>,
    secrets: &'a Result<Vec<AccountSecret>, Failure>,
    parts: Result<&'a MetabaseParts<'a>, &'a Failure>,
    doubt: Option<&'a str>,
}

impl Prover<'_, '_> {
    fn prove_all(&self, listing: &mut Listing) {
        let mut order: Vec<usize> = (0..listing.list.len()).collect();
        order.retain(|index| {
            listing
                .list
                .get(*index)
                .is_some_and(|listed| listed.is_iis_key)
        });
        order.sort_by_key(|index| {
            listing.list.get(*index).map(|listed| {
                let proof = &listed.key.proof;
                let signed_live = proof.signed_metabase == Outcome::Paired.as_str();
                (!signed_live, proof.paired_with.is_empty(), *index)
            })
        });
        let secrets = self.secrets.as_deref().unwrap_or_default();
        let mut keys = MasterKeys::new(secrets);
        for (number, index) in order.into_iter().enumerate() {
            if let Some(listed) = listing.list.get_mut(index) {
                let opens = if number < PROVED_MAX {
                    self.prove(&mut keys, listed)
                } else {
                    Opens::not_tested("more key files are here than are proved")
                };
                listed.key.proof.opens = Some(match self.doubt {
                    Some(doubt) => opens.doubted(doubt),
                    None => opens,
                });
            }
        }
    }

    fn prove(&self, keys: &mut MasterKeys<'_>, listed: &ListedKey) -> Opens {
        if let Err(failure) = self.secrets {
            return Opens::without_secrets(failure);
        }
        let file = self
            .context
            .installation
            .filesystem
            .read(&listed.path(), self.context.limits.key_file_bytes_max);
        match file {
            Err(error) => Opens::not_tested(&error.chain()),
            Ok(None) => Opens::not_tested("the file is not there any more"),
            Ok(Some(file)) => prove(
                &file,
                keys,
                |guid| master_keys::read(self.context, guid),
                self.parts,
            ),
        }
    }
}

/// The live metabase, or why there is none to try.
fn read_metabase(
    context: &Context<'_>,
    live: &Live,
    evidence: &mut Vec<Evidence>,
) -> Result<(crate::artifact::metabase::MetabaseKind, Vec<u8>), Failure> {
    let unseen = |unknown: &Unknown| {
        Failure::not_tested(format!("{}: {}", unknown.evidence.locator, unknown.detail))
    };
    match live {
        Err(unknown) => Err(unseen(unknown)),
        Ok(Err(_)) => Err(Failure::not_tested("IIS uses no metabase here")),
        Ok(Ok(live)) => match context
            .read(&live.path)
            .map_err(|unknown| unseen(&unknown))?
        {
            None => Err(Failure::not_tested("the metabase is not there")),
            Some(bytes) => {
                evidence.push(context.file_evidence(
                    &live.path,
                    context.metadata(&live.path).ok().flatten().as_ref(),
                ));
                Ok((live.kind, bytes))
            }
        },
    }
}

/// What is tried of the metabase.
fn parts<'b>(blobs: &'b MetabaseBlobs<'_>) -> Result<MetabaseParts<'b>, Failure> {
    if blobs.is_portable() {
        return Err(Failure::not_tested(
            "the session key of the metabase is wrapped for a password",
        ));
    }
    Ok(MetabaseParts {
        session_keys: blobs.session_keys().map(|blob| blob.encrypted).collect(),
        properties: blobs
            .data()
            .take(PROPERTIES_TRIED_MAX)
            .map(|blob| (blob.encrypted, blob.signed_hash))
            .collect(),
    })
}

/// The master keys that the files name, each once, in their order.
fn named(listing: &Listing) -> Vec<Guid> {
    let guids: std::collections::BTreeSet<Guid> = listing
        .iis_keys()
        .filter_map(|listed| listed.capi.as_ref()?.master_keys.clone())
        .flatten()
        .collect();
    guids.into_iter().collect()
}

/// The line of one file in the fact.
fn shown(listed: &ListedKey) -> Option<(String, Value)> {
    let opens = listed.key.proof.opens.as_ref()?;
    let mut links: BTreeMap<String, Value> = opens
        .links()
        .into_iter()
        .map(|(name, answer)| (name.to_owned(), Value::text(answer.as_str())))
        .collect();
    if let Some(with) = opens.opened_with {
        links.insert("opened_with".to_owned(), Value::text(with));
    }
    if let Some(reason) = &opens.reason {
        links.insert("reason".to_owned(), Value::text(reason));
    }
    Some((listed.key.path.clone(), Value::Map(links)))
}

#[cfg(test)]
mod tests;
