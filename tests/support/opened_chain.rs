//! The synthetic chains of testdata/keys, opened link by link.

#![allow(dead_code, reason = "each test program uses a part")]

use std::fs;
use std::path::{Path, PathBuf};

use goldseal::artifact::metabase::{MetabaseBlobs, MetabaseKind};
use goldseal::artifact::registry::Hive;
use goldseal::base::guid::Guid;
use goldseal::base::limits::Limits;
use goldseal::error::Result;
use goldseal::proof::boot_key::{BootKey, KEY_NAMES};
use goldseal::proof::lsa::{DpapiSystem, LsaKey};
use goldseal::proof::opens::{AccountSecret, MasterKeys, MetabaseParts, Opens, SecretValue, prove};
use serde_json::Value;

/// The chains: as 2000/XP, as XP/2003, as Vista and later.
pub(crate) const GENERATIONS: [&str; 3] = ["w2k", "xp", "vista"];

/// A chain and its manifest.
pub(crate) struct Chain {
    folder: PathBuf,
    /// What must come out.
    pub(crate) manifest: Value,
}

impl Chain {
    pub(crate) fn open(generation: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("testdata/keys")
            .join(generation);
        let manifest = fs::read(folder.join("manifest.json")).unwrap();
        Self {
            folder,
            manifest: serde_json::from_slice(&manifest).unwrap(),
        }
    }

    pub(crate) fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.folder.join(path)).unwrap()
    }

    fn hive(&self, name: &str) -> Hive {
        Hive::parse(
            self.read(&format!("config/{name}")),
            &[],
            &Limits::default(),
        )
        .unwrap()
    }

    pub(crate) fn boot_key(&self) -> BootKey {
        let hive = self.hive("SYSTEM");
        let class = |name: &str| {
            let path = format!("ControlSet001\\Control\\Lsa\\{name}");
            let key = hive.key(&path).unwrap().unwrap();
            key.class_name_bytes().unwrap().unwrap()
        };
        BootKey::from_class_names(KEY_NAMES.map(class)).unwrap()
    }

    fn value(&self, path: &str) -> Option<Vec<u8>> {
        let hive = self.hive("SECURITY");
        let key = hive.key(path).unwrap()?;
        Some(key.value("").unwrap()?.data)
    }

    pub(crate) fn lsa_key(&self) -> LsaKey {
        let boot_key = self.boot_key();
        if let Some(value) = self.value("Policy\\PolEKList") {
            return LsaKey::open_nt6(&boot_key, &value).unwrap();
        }
        let value = self.value("Policy\\PolSecretEncryptionKey").unwrap();
        LsaKey::open_nt5(&boot_key, &value).unwrap()
    }

    pub(crate) fn dpapi_system(&self) -> DpapiSystem {
        let value = self
            .value("Policy\\Secrets\\DPAPI_SYSTEM\\CurrVal")
            .unwrap();
        DpapiSystem::parse(&self.lsa_key().open_secret(&value).unwrap()).unwrap()
    }

    pub(crate) fn secret(&self) -> AccountSecret {
        AccountSecret {
            value: SecretValue::Present,
            keys: self.dpapi_system(),
        }
    }

    pub(crate) fn master_key_file(&self, guid: Guid) -> Vec<Result<Vec<u8>>> {
        let keys = self.manifest["master_keys"].as_array().unwrap();
        let key = keys.iter().find(|key| key["guid"] == guid.to_string());
        key.and_then(|key| key["path"].as_str())
            .map(|path| Ok(self.read(path)))
            .into_iter()
            .collect()
    }

    /// What the key file of this label opens, with a change made to its bytes.
    pub(crate) fn prove_changed(&self, label: &str, change: impl Fn(&mut Vec<u8>)) -> Opens {
        let files = self.manifest["key_files"].as_array().unwrap();
        let suffix = format!("/{label}");
        let file = files
            .iter()
            .find(|file| file["label"].as_str().unwrap().ends_with(&suffix))
            .unwrap();
        let mut bytes = self.read(file["path"].as_str().unwrap());
        change(&mut bytes);
        self.prove_bytes(&bytes, &[self.secret()])
    }

    pub(crate) fn prove_bytes(&self, bytes: &[u8], secrets: &[AccountSecret]) -> Opens {
        let live = self.manifest["metabases"]
            .as_array()
            .unwrap()
            .iter()
            .find(|metabase| metabase["live"] == true)
            .unwrap();
        let metabase = self.read(live["path"].as_str().unwrap());
        let kind = match live["kind"].as_str().unwrap() {
            "bin" => MetabaseKind::Binary,
            _ => MetabaseKind::Xml,
        };
        let blobs = MetabaseBlobs::read(kind, &metabase).unwrap();
        let parts = MetabaseParts {
            session_keys: blobs.session_keys().map(|blob| blob.encrypted).collect(),
            properties: blobs
                .data()
                .map(|blob| (blob.encrypted, blob.signed_hash))
                .collect(),
        };
        prove(
            bytes,
            &mut MasterKeys::new(secrets),
            |guid| self.master_key_file(guid),
            Ok(&parts),
        )
    }

    pub(crate) fn prove(&self, label: &str) -> Opens {
        self.prove_changed(label, |_| {})
    }
}
