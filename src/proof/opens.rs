//! Whether a key file opens, link by link: master key, private key, session key, one property (L7 to L9).
//!
//! Every link is answered yes, no or not tested, and what is not yes has its reason. No is said only where a tag, a signature
//! or a key decided it; a form that is not known, a limit, a part that could not be read leave the link untested.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::artifact::dpapi_blob::DpapiBlob;
use crate::artifact::machine_key::{CapiFile, PairPlaces, RsaPublic};
use crate::artifact::master_key_file::MasterKeyFile;
use crate::base::guid::Guid;
use crate::error::{Error, ErrorKind, Result};
use crate::proof::lsa::DpapiSystem;
use crate::proof::master_key::{MasterKey, RoundsLeft};
use crate::proof::private_key::PrivateKey;
use crate::proof::session_key::{Property, SessionKey};
use crate::proof::signature::PublicKey;

/// Most properties that are tried before "no" is said.
pub const PROPERTIES_TRIED_MAX: usize = 64;

/// The answer for one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It opens.
    Yes,
    /// It does not open.
    No,
    /// It was not tested, or the test could not decide.
    NotTested,
}

impl Answer {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::NotTested => "not_tested",
        }
    }
}

/// What opens of one key file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Opens {
    /// The master keys of all its private parts, with DPAPI_SYSTEM.
    pub master_key: Answer,
    /// All its private keys, each that of its public half.
    pub private_key: Answer,
    /// The session key of the live metabase, with the exchange key.
    pub session_key: Answer,
    /// A property of the live metabase, with that session key.
    pub property: Answer,
    /// Which half of the present DPAPI_SYSTEM opened the master keys; either may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened_with: Option<&'static str>,
    /// Why the first link that is not yes is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Opens {
    /// Nothing could be tested, for this reason.
    pub fn not_tested(reason: &str) -> Self {
        Self::without_secrets(&Failure::not_tested(reason))
    }

    /// DPAPI_SYSTEM does not open, so no master key does.
    pub fn without_secrets(failure: &Failure) -> Self {
        Self::ending_at(0, failure)
    }

    /// Whether it is proved that this key does not open the live metabase here: no new name would help.
    pub fn is_refuted(&self) -> bool {
        self.private_keys() == Some(false) || self.session_key == Answer::No
    }

    /// Whether the private keys of the file open here, whatever the metabase; `None` if that was not tested.
    pub fn private_keys(&self) -> Option<bool> {
        match (self.master_key, self.private_key) {
            (Answer::No, _) | (_, Answer::No) => Some(false),
            (_, Answer::Yes) => Some(true),
            _ => None,
        }
    }

    /// The links with their names, in their order.
    pub fn links(&self) -> [(&'static str, Answer); 4] {
        [
            ("master_key", self.master_key),
            ("private_key", self.private_key),
            ("session_key", self.session_key),
            ("property", self.property),
        ]
    }

    /// Takes every "no" back where the tests themselves are in doubt; a "yes" proves itself.
    #[must_use]
    pub fn doubted(mut self, doubt: &str) -> Self {
        let links = [
            &mut self.master_key,
            &mut self.private_key,
            &mut self.session_key,
            &mut self.property,
        ];
        let mut taken_back = false;
        for link in links {
            if *link == Answer::No {
                *link = Answer::NotTested;
                taken_back = true;
            }
        }
        if taken_back {
            let reason = self.reason.take().unwrap_or_default();
            self.reason = Some(format!("{reason}; {doubt}"));
        }
        self
    }

    /// The links before number `at` open, that one fails, and those behind it are not tested.
    fn ending_at(at: usize, failure: &Failure) -> Self {
        let answer = |number: usize| match number.cmp(&at) {
            std::cmp::Ordering::Less => Answer::Yes,
            std::cmp::Ordering::Equal => failure.answer,
            std::cmp::Ordering::Greater => Answer::NotTested,
        };
        Self {
            master_key: answer(0),
            private_key: answer(1),
            session_key: answer(2),
            property: answer(3),
            opened_with: None,
            reason: Some(failure.reason.clone()),
        }
    }
}

/// Why a link is not "yes".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// No, or not tested.
    pub answer: Answer,
    /// What was expected and what was found; never what was decrypted.
    pub reason: String,
}

impl Failure {
    /// The link could not be tested.
    pub fn not_tested(reason: impl Into<String>) -> Self {
        Self {
            answer: Answer::NotTested,
            reason: reason.into(),
        }
    }

    /// What an error of a link says: no if a tag, a signature or a key decided, else not tested.
    pub fn of(error: &Error) -> Self {
        let answer = match error.kind() {
            ErrorKind::Encrypted => Answer::No,
            _ => Answer::NotTested,
        };
        Self {
            answer,
            reason: error.chain(),
        }
    }
}

/// Which value of the secret DPAPI_SYSTEM this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretValue {
    /// `CurrVal`: the one that Windows uses.
    Present,
    /// `OldVal`: the one before it.
    Former,
}

/// DPAPI_SYSTEM with the value that it was read from.
#[derive(Debug, Clone)]
pub struct AccountSecret {
    /// The value.
    pub value: SecretValue,
    /// Its two halves.
    pub keys: DpapiSystem,
}

/// A master key and what opened it.
#[derive(Debug)]
struct OpenedKey {
    key: MasterKey,
    with: &'static str,
}

/// The master keys of LocalSystem as far as they were needed: each is opened once, with either half of DPAPI_SYSTEM.
#[derive(Debug)]
pub struct MasterKeys<'s> {
    secrets: &'s [AccountSecret],
    rounds: RoundsLeft,
    opened: BTreeMap<Guid, std::result::Result<OpenedKey, Failure>>,
}

impl<'s> MasterKeys<'s> {
    /// No master key is open yet; `secrets` are the present and the former DPAPI_SYSTEM.
    pub fn new(secrets: &'s [AccountSecret]) -> Self {
        Self {
            secrets,
            rounds: RoundsLeft::default(),
            opened: BTreeMap::new(),
        }
    }

    /// The master key of that GUID; `read` gives the bytes of every file of that name, none where the image has none.
    ///
    /// # Errors
    /// Why none opens, or could not be tried. One that opens with the former DPAPI_SYSTEM only is not tested.
    pub fn get(
        &mut self,
        guid: Guid,
        read: impl FnOnce(Guid) -> Vec<Result<Vec<u8>>>,
    ) -> std::result::Result<&MasterKey, Failure> {
        if !self.opened.contains_key(&guid) {
            let opened = self.open_any(guid, read(guid));
            self.opened.insert(guid, opened);
        }
        match self.opened.get(&guid) {
            Some(opened) => opened
                .as_ref()
                .map(|opened| &opened.key)
                .map_err(Clone::clone),
            None => Err(Failure::not_tested("the master key was not opened")),
        }
    }

    /// What opened the master key of that GUID, if it is open.
    fn opened_with(&self, guid: Guid) -> Option<&'static str> {
        Some(self.opened.get(&guid)?.as_ref().ok()?.with)
    }

    /// One file that opens suffices; "no" is said only if none could have.
    fn open_any(
        &mut self,
        guid: Guid,
        files: Vec<Result<Vec<u8>>>,
    ) -> std::result::Result<OpenedKey, Failure> {
        let at = |error: Error| error.at(format_args!("master key {guid}"));
        let (mut read, mut failure) = (Vec::new(), None);
        for file in files {
            match file {
                Ok(file) => read.push(file),
                // That a file cannot be read, encrypted by EFS or not, says nothing of the key in it.
                Err(error) => failure = failure.or(Some(Failure::not_tested(at(error).chain()))),
            }
        }
        for file in &read {
            match self.open(file, SecretValue::Present) {
                Ok(key) => return Ok(key),
                Err(error) => {
                    let now = Failure::of(&at(error));
                    failure = match failure {
                        Some(before) if now.answer == Answer::No || before.answer != Answer::No => {
                            Some(before)
                        }
                        _ => Some(now),
                    };
                }
            }
        }
        let opens_with_former = |file: &Vec<u8>| self.open(file, SecretValue::Former).is_ok();
        if read.iter().any(opens_with_former) {
            return Err(Failure::not_tested(format!(
                "master key {guid} opens with the former DPAPI_SYSTEM (OldVal) only, and that Windows still uses it is not known"
            )));
        }
        Err(failure.unwrap_or_else(|| Failure {
            answer: Answer::No,
            reason: format!("master key {guid} is not in this image"),
        }))
    }

    fn open(&mut self, file: &[u8], value: SecretValue) -> Result<OpenedKey> {
        let file = MasterKeyFile::parse(file)?;
        let mut last = None;
        for secret in self.secrets.iter().filter(|secret| secret.value == value) {
            for (half, with) in [
                (&secret.keys.machine, "machine half of DPAPI_SYSTEM"),
                (&secret.keys.user, "user half of DPAPI_SYSTEM"),
            ] {
                match MasterKey::open(&file.master_key, half.bytes(), &mut self.rounds) {
                    Ok(key) => return Ok(OpenedKey { key, with }),
                    Err(error) if error.kind() == ErrorKind::Encrypted => last = Some(error),
                    Err(error) => return Err(error),
                }
            }
        }
        Err(last.unwrap_or_else(|| Error::unsupported("that DPAPI_SYSTEM was not given")))
    }
}

/// The signed blobs of the live metabase, as far as they are tried.
#[derive(Debug, Clone, Default)]
pub struct MetabaseParts<'b> {
    /// The encrypted parts of its session keys (SIMPLEBLOB); there should be one.
    pub session_keys: Vec<&'b [u8]>,
    /// The encrypted part and the signed hash of its properties, at most [`PROPERTIES_TRIED_MAX`].
    pub properties: Vec<(&'b [u8], &'b [u8])>,
}

/// Proves a key file, link by link.
///
/// `metabase` is the live one, or why there is none to try.
pub fn prove(
    file: &[u8],
    master_keys: &mut MasterKeys<'_>,
    mut read: impl FnMut(Guid) -> Vec<Result<Vec<u8>>>,
    metabase: std::result::Result<&MetabaseParts<'_>, &Failure>,
) -> Opens {
    let capi = match CapiFile::parse(file, file.len() as u64) {
        Ok(capi) => capi,
        Err(error) => return Opens::ending_at(0, &Failure::not_tested(error.chain())),
    };
    let pairs: Vec<&PairPlaces> = [&capi.signature, &capi.exchange]
        .into_iter()
        .filter(|pair| !pair.private.is_empty())
        .collect();
    if pairs.is_empty() {
        return Opens::not_tested("the file holds no private key");
    }
    let mut master_failure: Option<Failure> = None;
    for guid in capi.master_keys.iter().flatten() {
        if let Err(failure) = master_keys.get(*guid, &mut read) {
            master_failure = Some(worse(master_failure, failure));
        }
    }
    if let Some(failure) = master_failure {
        return Opens::ending_at(0, &failure);
    }
    let mut guids = capi.master_keys.iter().flatten();
    let opened_with = guids.find_map(|guid| master_keys.opened_with(*guid));
    Opens {
        opened_with,
        ..prove_keys(file, &capi, &pairs, master_keys, read, metabase)
    }
}

/// The links behind the master keys, which are open.
fn prove_keys(
    file: &[u8],
    capi: &CapiFile,
    pairs: &[&PairPlaces],
    master_keys: &mut MasterKeys<'_>,
    mut read: impl FnMut(Guid) -> Vec<Result<Vec<u8>>>,
    metabase: std::result::Result<&MetabaseParts<'_>, &Failure>,
) -> Opens {
    let (mut keys, mut private_failure) = (Vec::new(), None);
    for pair in pairs {
        match open_pair(file, pair, master_keys, &mut read) {
            Ok(key) => keys.push(((*pair).clone(), key)),
            Err(failure) => private_failure = Some(worse(private_failure, failure)),
        }
    }
    if let Some(failure) = private_failure {
        return Opens::ending_at(1, &failure);
    }
    let exchange = keys.iter().find(|(pair, _)| *pair == capi.exchange);
    let session = metabase
        .map_err(Clone::clone)
        .and_then(|parts| Ok((parts, unwrap(parts, exchange.map(|(_, key)| key))?)));
    let (parts, session) = match session {
        Ok(session) => session,
        Err(failure) => return Opens::ending_at(2, &failure),
    };
    let signer = public_of(file, &capi.signature)
        .ok()
        .and_then(|public| PublicKey::new(&public).ok());
    match try_properties(&session, parts, signer.as_ref()) {
        Ok(()) => Opens {
            master_key: Answer::Yes,
            private_key: Answer::Yes,
            session_key: Answer::Yes,
            property: Answer::Yes,
            opened_with: None,
            reason: None,
        },
        Err(failure) => Opens::ending_at(3, &failure),
    }
}

/// A "no" decides; else the first failure stays.
fn worse(before: Option<Failure>, now: Failure) -> Failure {
    match before {
        Some(before) if before.answer == Answer::No || now.answer != Answer::No => before,
        _ => now,
    }
}

fn public_of(file: &[u8], pair: &PairPlaces) -> Result<RsaPublic> {
    CapiFile::part(file, &pair.public)
        .ok_or_else(|| Error::corrupt("the key pair has no public half"))
        .and_then(RsaPublic::parse)
}

fn open_pair(
    file: &[u8],
    pair: &PairPlaces,
    master_keys: &mut MasterKeys<'_>,
    read: &mut impl FnMut(Guid) -> Vec<Result<Vec<u8>>>,
) -> std::result::Result<PrivateKey, Failure> {
    let fail = |error: Error| Failure::of(&error);
    let private = CapiFile::part(file, &pair.private)
        .ok_or_else(|| Failure::not_tested("the private key could not be read"))?;
    let public = public_of(file, pair).map_err(fail)?;
    let guid = DpapiBlob::parse(private).map_err(fail)?.master_key;
    let master_key = master_keys.get(guid, read)?;
    let export_flag = CapiFile::part(file, &pair.export_flag);
    PrivateKey::open(private, export_flag, &public, master_key).map_err(fail)
}

/// The session key, if the exchange key opens every wrapped one.
fn unwrap(
    parts: &MetabaseParts<'_>,
    exchange: Option<&PrivateKey>,
) -> std::result::Result<SessionKey, Failure> {
    let exchange = exchange.ok_or_else(|| Failure {
        answer: Answer::No,
        reason: "the file holds no exchange key, which alone opens the session key".to_owned(),
    })?;
    let mut opened = Err(Failure::not_tested(
        "the live metabase holds no session key",
    ));
    for blob in &parts.session_keys {
        opened = SessionKey::unwrap(blob, exchange).map_err(|error| Failure::of(&error));
        if opened.is_err() {
            break;
        }
    }
    opened
}

fn try_properties(
    session: &SessionKey,
    parts: &MetabaseParts<'_>,
    signer: Option<&PublicKey>,
) -> std::result::Result<(), Failure> {
    let mut failure = Failure::not_tested("the live metabase holds no encrypted property");
    for (encrypted, signed_hash) in parts.properties.iter().take(PROPERTIES_TRIED_MAX) {
        let digest = signer.and_then(|key| key.recover(signed_hash));
        match session.tries(encrypted, digest.map(|recovered| recovered.digest)) {
            Ok(Property::Opens | Property::OpensAsSigned) => return Ok(()),
            Ok(Property::DoesNotOpen) => {
                failure = Failure {
                    answer: Answer::No,
                    reason: "the session key decrypts no property of the live metabase".to_owned(),
                };
            }
            Err(error) if failure.answer == Answer::NotTested => failure = Failure::of(&error),
            Err(_) => {}
        }
    }
    Err(failure)
}
