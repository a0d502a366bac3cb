//! Which key opens a metabase: the session key first, then the properties with the keys that signed it.
//!
//! IIS opens its metabase with the session key, and that key's blob carries a signature. So every key is tried on the session
//! keys of the file, of which there should be one, and those that signed them all are tried on all properties. A key that
//! signed only a part leaves the question open: the file was put together from two, or parts of an older state lie in it.

use crate::artifact::crypto_blob::CryptoBlob;
use crate::artifact::metabase::MetabaseBlobs;
use crate::proof::signature::PublicKey;

/// Largest number of signatures tried in all, each counted by the square of the modulus in units of 512 bits.
///
/// 2,000 keys and 10,000 properties of 512 bits take 12,000 units; the limit is some ten seconds of a slow machine.
pub const EFFORT_MAX: u64 = 2_000_000;

/// What the keys and a metabase have to do with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The key signed the session key, every one if there are several, and every property.
    Paired,
    /// The key did not sign the session key.
    NotPaired,
    /// The metabase holds no blob that is signed.
    NoBlob,
    /// The metabase holds clear text instead of encrypted values.
    ClearText,
    /// The session key is wrapped for something else than a key of the machine, as in a backup with a password.
    Portable,
    /// It could not be decided.
    Unknown(Why),
}

/// Why a pairing could not be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// There are several session keys and the key signed only some.
    SomeSessionKeys,
    /// The key signed the session key and only some of the properties, or some are damaged.
    SomeProperties,
    /// There are encrypted properties and no session key, or what should be one is none.
    NoSessionKey,
    /// More signatures would have to be tried than [`EFFORT_MAX`] allows.
    TooMuch,
}

impl Outcome {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paired => "paired",
            Self::NotPaired => "not_paired",
            Self::NoBlob => "no_blob",
            Self::ClearText => "clear_text",
            Self::Portable => "portable",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// How much a key signed of a metabase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    /// What follows from it.
    pub outcome: Outcome,
    /// Session keys that this key signed.
    pub session_keys: usize,
    /// Properties that this key signed; `None` where they were not tried.
    pub properties: Option<usize>,
}

impl Signed {
    fn nothing(outcome: Outcome) -> Self {
        Self {
            outcome,
            session_keys: 0,
            properties: None,
        }
    }
}

/// The effort that is left for the metabases of one installation.
#[derive(Debug, Clone)]
pub struct Effort {
    left: u64,
}

impl Default for Effort {
    fn default() -> Self {
        Self { left: EFFORT_MAX }
    }
}

impl Effort {
    /// Takes the cost of so many signatures, or answers that it is too much.
    fn take(&mut self, key: &PublicKey, signatures: usize) -> bool {
        let units = (key.len_bytes() as u64).div_ceil(64);
        let cost = units
            .saturating_mul(units)
            .saturating_mul(signatures as u64);
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

/// What a metabase says before any key is tried; `None` if keys can be tried.
pub fn without_keys(blobs: &MetabaseBlobs<'_>) -> Option<Outcome> {
    if blobs.is_portable() {
        return Some(Outcome::Portable);
    }
    if blobs.session_keys().len() > 0 {
        return None;
    }
    Some(
        if blobs.data().len() > 0 || blobs.session_key_fault.is_some() {
            Outcome::Unknown(Why::NoSessionKey)
        } else if blobs.clear_text > 0 {
            Outcome::ClearText
        } else {
            Outcome::NoBlob
        },
    )
}

/// Tries every key on the blobs of one metabase; the answers stand in the order of the keys.
pub fn pair(keys: &[PublicKey], blobs: &MetabaseBlobs<'_>, effort: &mut Effort) -> Vec<Signed> {
    if let Some(outcome) = without_keys(blobs) {
        return vec![Signed::nothing(outcome); keys.len()];
    }
    let session_keys: Vec<&[u8]> = blobs.session_keys().map(signed_hash).collect();
    let properties: Vec<&[u8]> = blobs.data().map(signed_hash).collect();
    let whole = blobs.malformed == 0;
    keys.iter()
        .map(|key| {
            let signed = of_key(key, &session_keys, &properties, effort);
            match signed.outcome {
                // A property that is no blob any more was signed by nobody.
                Outcome::Paired if !whole => Signed {
                    outcome: Outcome::Unknown(Why::SomeProperties),
                    ..signed
                },
                _ => signed,
            }
        })
        .collect()
}

fn signed_hash(blob: CryptoBlob<'_>) -> &[u8] {
    blob.signed_hash
}

fn of_key(
    key: &PublicKey,
    session_keys: &[&[u8]],
    properties: &[&[u8]],
    effort: &mut Effort,
) -> Signed {
    let Some(signed) = count(key, session_keys, effort) else {
        return Signed::nothing(Outcome::Unknown(Why::TooMuch));
    };
    if signed != session_keys.len() {
        let outcome = match signed {
            0 => Outcome::NotPaired,
            _ => Outcome::Unknown(Why::SomeSessionKeys),
        };
        return Signed {
            outcome,
            session_keys: signed,
            properties: None,
        };
    }
    let of_properties = count(key, properties, effort);
    Signed {
        outcome: match of_properties {
            None => Outcome::Unknown(Why::TooMuch),
            Some(all) if all == properties.len() => Outcome::Paired,
            Some(_) => Outcome::Unknown(Why::SomeProperties),
        },
        session_keys: signed,
        properties: of_properties,
    }
}

/// How many of the signatures the key made; `None` if that is too much to try.
fn count(key: &PublicKey, signatures: &[&[u8]], effort: &mut Effort) -> Option<usize> {
    let of_its_length = || {
        signatures
            .iter()
            .filter(|signature| signature.len() == key.len_bytes())
    };
    effort.take(key, of_its_length().count()).then(|| {
        of_its_length()
            .filter(|signature| key.recover(signature).is_some())
            .count()
    })
}
