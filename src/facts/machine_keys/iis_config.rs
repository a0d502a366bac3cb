//! The configuration files of IIS 7 and later: what protects their values, and whether any value is encrypted.
//!
//! A value that is encrypted with a key of this machine is lost on a clone that gets other keys, so KB942060 wants none in an
//! image that is to be sealed. The values stand in three files of IIS and in the `web.config` files of the sites. No content
//! of a value is kept. Sources: KB942060; asprangers.com, "MachineKeys on IIS 7.x : Inside Out".

use std::collections::BTreeMap;

use crate::artifact::machine_key::{CapiFile, HEAD_BYTES, NameRule, RsaPublic, container_hash};
use crate::artifact::metabase::{
    ConfigProvider, EncryptedValue, EncryptedValues, ProviderKind, SessionKey, encrypted_values,
    is_redirected, providers, site_folders,
};
use crate::artifact::simple_blob::{Plausibility, SimpleBlob};
use crate::base::win_path::WinPath;
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::machine_keys::web_configs::{BOUNDS, search};
use crate::facts::machine_keys::{MachineKey, live_metabase};
use crate::facts::{Context, Facts};

/// The configuration files of IIS 7 on, below `inetsrv\config`; every such IIS has the first.
const CONFIG_FILES: [&str; 3] = [
    APPLICATION_HOST,
    "administration.config",
    "redirection.config",
];
const APPLICATION_HOST: &str = "applicationHost.config";
/// Most key files of one container that a session key is held against.
const KEY_FILES_MAX: usize = 256;
/// Most encrypted values that are kept and listed, of all files together.
const VALUES_MAX: usize = 10_000;

/// The facts that are collected here.
const FACTS: [&str; 3] = [
    "iis.config_encrypted",
    "iis.config_encrypted_values",
    "iis.config_providers",
];

/// Collects the facts; absent where there is no IIS 7 or later. `all_seen` says that no key file can lie elsewhere.
pub(crate) fn collect(
    context: &Context<'_>,
    facts: &mut Facts,
    keys: &[MachineKey],
    all_seen: bool,
) {
    let fact = match live_metabase::installed(facts) {
        Ok(Ok(iis)) if iis.major() >= 7 => {
            let configuration = Configuration::read(context);
            facts.put(FACTS[0], configuration.encrypted());
            facts.put(FACTS[1], configuration.values());
            facts.put(
                FACTS[2],
                configuration.providers(
                    context,
                    &Keys {
                        files: keys,
                        all_seen,
                    },
                ),
            );
            return;
        }
        Ok(Ok(iis)) => Fact::Absent(iis.evidence),
        Ok(Err(absent)) => Fact::Absent(absent),
        Err(unknown) => Fact::Unknown(unknown),
    };
    for id in FACTS {
        facts.put(id, fact.clone());
    }
}

/// The key files of the machine.
#[derive(Debug)]
struct Keys<'k> {
    files: &'k [MachineKey],
    /// Whether every folder that can hold one was read.
    all_seen: bool,
}

/// What the files say, and what of them could not be read.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    /// Files with encrypted values.
    files: Vec<FileValues>,
    /// The providers, each with the name of its file.
    providers: Vec<(&'static str, ConfigProvider, Evidence)>,
    /// Every place that was looked into.
    searched: Vec<Evidence>,
    /// Why the three files do not say all; the first reason is kept.
    unread: Option<Unknown>,
    /// Why the sites do not say all; the first reason is kept.
    unsearched: Option<Unknown>,
}

/// The encrypted values of one file.
#[derive(Debug)]
pub(crate) struct FileValues {
    /// The file.
    pub(crate) path: WinPath,
    /// Its values, as far as they are kept, and their number.
    pub(crate) values: EncryptedValues,
    /// Where it lies.
    pub(crate) evidence: Evidence,
}

impl Configuration {
    fn read(context: &Context<'_>) -> Self {
        let mut configuration = Self::default();
        let folder = match live_metabase::inetsrv(context) {
            Ok(inetsrv) => inetsrv.child("config"),
            Err(unknown) => {
                configuration.unread = Some(unknown);
                return configuration;
            }
        };
        for name in CONFIG_FILES {
            configuration.read_file(context, &folder.child(name), name);
        }
        configuration
    }

    fn read_file(&mut self, context: &Context<'_>, path: &WinPath, name: &'static str) {
        let place = context.installation.place(path);
        let metadata = context.metadata(path).ok().flatten();
        let evidence = context.file_evidence(path, metadata.as_ref());
        self.searched.push(evidence.clone());
        let bytes = match context.read(path) {
            Err(unknown) => return self.not_read(unknown),
            Ok(None) if name == APPLICATION_HOST => {
                return self.not_read(Unknown::new(
                    UnknownReason::NotProvided,
                    "IIS is installed and its configuration is not there",
                    place,
                ));
            }
            Ok(None) => return,
            Ok(Some(bytes)) => bytes,
        };
        match encrypted_values(&bytes, self.left())
            .and_then(|values| Ok((values, providers(&bytes)?)))
        {
            Err(error) => self.not_read(Unknown::from_error(&error, place)),
            Ok((values, providers)) => {
                let providers = providers.into_iter();
                self.providers
                    .extend(providers.map(|provider| (name, provider, evidence.clone())));
                self.add(path.clone(), values, evidence.clone());
                if matches!(is_redirected(&bytes), Ok(true)) {
                    self.not_read(Unknown::new(
                        UnknownReason::NotProvided,
                        "the configuration that is used lies at another place",
                        place,
                    ));
                }
            }
        }
        if name == APPLICATION_HOST {
            self.search_sites(context, &bytes, &evidence);
        }
    }

    fn search_sites(&mut self, context: &Context<'_>, bytes: &[u8], evidence: &Evidence) {
        let folders = match site_folders(bytes) {
            Ok(folders) => folders,
            Err(error) => {
                return self.not_read(Unknown::from_error(&error, evidence.locator.clone()));
            }
        };
        let found = search(context, &folders, &evidence.locator, self.left(), BOUNDS);
        self.searched.extend(found.searched);
        self.unsearched = found.unsearched;
        for file in found.files {
            self.add(file.path, file.values, file.evidence);
        }
    }

    /// How many values more are kept.
    fn left(&self) -> usize {
        let kept = self.files.iter().map(|file| file.values.kept.len());
        VALUES_MAX.saturating_sub(kept.sum())
    }

    fn add(&mut self, path: WinPath, values: EncryptedValues, evidence: Evidence) {
        if values.count > 0 {
            self.files.push(FileValues {
                path,
                values,
                evidence,
            });
        }
    }

    fn not_read(&mut self, unknown: Unknown) {
        self.unread.get_or_insert(unknown);
    }

    /// `iis.config_encrypted`: a finding in one file outweighs another that could not be read.
    fn encrypted(&self) -> Fact {
        let mut evidence = self.files.iter().map(|file| {
            let evidence = file.evidence.clone();
            match file.values.kept.first() {
                Some(first) => evidence.raw(shown(first, file.values.count)),
                None => evidence,
            }
        });
        match evidence.next() {
            Some(first) => Fact::found_in(true, first, evidence),
            None => self.all_read_or(Fact::found(false, self.searched())),
        }
    }

    /// `iis.config_encrypted_values`: where each stands, if all files could be read.
    fn values(&self) -> Fact {
        let count = self
            .files
            .iter()
            .fold(0_u64, |sum, file| sum.saturating_add(file.values.count));
        if count > VALUES_MAX as u64 {
            return Fact::Unknown(Unknown::new(
                UnknownReason::LimitExceeded,
                format!("there are {count} encrypted values, {VALUES_MAX} are listed at most"),
                self.searched().locator,
            ));
        }
        let texts = self.files.iter().flat_map(|file| {
            file.values.kept.iter().map(|value| {
                format!(
                    "{}: {}!{} ({})",
                    file.path, value.element, value.attribute, value.provider
                )
            })
        });
        let mut evidence = self.files.iter().map(|file| file.evidence.clone());
        let first = evidence.next().unwrap_or_else(|| self.searched());
        self.all_read_or(Fact::found_in(Value::texts(texts), first, evidence))
    }

    /// `iis.config_providers`: by file and name, what it is and whether a key file fits.
    fn providers(&self, context: &Context<'_>, keys: &Keys<'_>) -> Fact {
        if let Some(unknown) = &self.unread {
            return Fact::Unknown(unknown.clone());
        }
        let mut map = BTreeMap::new();
        for (file, provider, _) in &self.providers {
            let described = describe(context, provider, keys);
            map.insert(format!("{file}!{}", provider.name), Value::Map(described));
        }
        let mut evidence: Vec<Evidence> = Vec::new();
        for (_, _, place) in &self.providers {
            if evidence.last() != Some(place) {
                evidence.push(place.clone());
            }
        }
        let mut evidence = evidence.into_iter();
        let first = evidence.next().unwrap_or_else(|| self.searched());
        Fact::found_in(Value::Map(map), first, evidence)
    }

    fn all_read_or(&self, fact: Fact) -> Fact {
        match self.unread.as_ref().or(self.unsearched.as_ref()) {
            Some(unknown) => Fact::Unknown(unknown.clone()),
            None => fact,
        }
    }

    /// One evidence for all places.
    fn searched(&self) -> Evidence {
        let places = self.searched.iter();
        let names = places
            .map(|evidence| evidence.locator.to_string())
            .collect();
        let first = self.searched.first().cloned();
        first
            .unwrap_or_else(|| Evidence::at(crate::evidence::Locator::new(APPLICATION_HOST)))
            .searched(names)
    }
}

/// Where the first value stands and how many there are; never what it holds.
fn shown(first: &EncryptedValue, count: u64) -> String {
    format!(
        "{count} encrypted values, the first is {}!{} of {}",
        first.element, first.attribute, first.provider
    )
}

/// What a provider is: its kind, its container, and whether a key of this machine can have made its session key.
fn describe(
    context: &Context<'_>,
    provider: &ConfigProvider,
    keys: &Keys<'_>,
) -> BTreeMap<String, Value> {
    let mut map = BTreeMap::new();
    let mut put = |name: &str, value: Value| map.insert(name.to_owned(), value);
    put("kind", Value::text(provider.kind.as_str()));
    if let Some(container) = &provider.container {
        put("container", Value::text(container));
    }
    let (word, files) = session_key(context, provider, keys);
    put("session_key", Value::text(word));
    if !files.is_empty() {
        put("plausible_for", Value::texts(files));
    }
    map
}

/// The word for the session key of a provider, and the key files that can have made it.
///
/// `none`: it has none. `untested`: the layout has no public description (CNG), or no key file could be read. `malformed`:
/// no SIMPLEBLOB. `no_key_file`: its container has no file here. `plausible` or `impossible`: by [`SimpleBlob`].
fn session_key(
    context: &Context<'_>,
    provider: &ConfigProvider,
    keys: &Keys<'_>,
) -> (&'static str, Vec<String>) {
    let bytes = match (&provider.session_key, provider.kind) {
        (SessionKey::None, _) => return ("none", Vec::new()),
        (_, ProviderKind::Cng | ProviderKind::Other) => return ("untested", Vec::new()),
        (SessionKey::NoBase64, _) => return ("malformed", Vec::new()),
        (SessionKey::Bytes(bytes), _) => bytes,
    };
    let Ok(blob) = SimpleBlob::parse(bytes) else {
        return ("malformed", Vec::new());
    };
    let Some(container) = &provider.container else {
        return ("untested", Vec::new());
    };
    let Some(hash) = container_hash(container, NameRule::Capi) else {
        return ("untested", Vec::new());
    };
    let files: Vec<&MachineKey> = keys
        .files
        .iter()
        .filter(|key| key.container_hash.as_deref() == Some(hash.as_str()))
        .take(KEY_FILES_MAX)
        .collect();
    let (mut read, mut fitting) = (0_usize, Vec::new());
    for key in &files {
        let Some(public) = exchange_key(context, key) else {
            continue;
        };
        read = read.saturating_add(1);
        if blob.plausible_for(&public) == Plausibility::Plausible {
            fitting.push(key.name.clone());
        }
    }
    match (files.len(), read, fitting.is_empty()) {
        (_, _, false) => ("plausible", fitting),
        (0, ..) if keys.all_seen => ("no_key_file", fitting),
        (all, read, true) if read == all && keys.all_seen && all < KEY_FILES_MAX => {
            ("impossible", fitting)
        }
        _ => ("untested", fitting),
    }
}

/// The public half of the exchange pair of a key file; `None` if it cannot be read.
fn exchange_key(context: &Context<'_>, key: &MachineKey) -> Option<RsaPublic> {
    let path = WinPath::new(&key.path);
    let filesystem = &context.installation.filesystem;
    let head = filesystem.read_head(&path, HEAD_BYTES).ok()??;
    let file = CapiFile::parse(&head, key.size_bytes).ok()?;
    RsaPublic::parse(CapiFile::part(&head, &file.exchange.public)?).ok()
}
