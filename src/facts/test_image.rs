//! A Windows tree in memory for the tests of collectors: hives from `testdata/hives`, files from text.

use std::sync::Arc;

use crate::base::limits::Limits;
use crate::base::win_path::WinPath;
use crate::error::ErrorKind;
use crate::evidence::{Evidence, Fact, Locator, UnknownReason, Value, Version};
use crate::facts::{Context, Facts};
use crate::image::filesystem::memory::MemoryFileSystem;
use crate::image::{DiskFacts, Installation};

/// The tree, and the facts that earlier collectors would have put.
#[derive(Default)]
pub(crate) struct TestImage {
    fs: MemoryFileSystem,
    disk: Option<DiskFacts>,
    facts: Facts,
}

impl TestImage {
    /// A tree of that Windows, without hives.
    pub(crate) fn new(version: &str, embedded_kind: &str) -> Self {
        Self {
            fs: MemoryFileSystem::new(),
            ..Self::default()
        }
        .fact(
            "os.version",
            Value::Version(Version::parse(version).unwrap()),
        )
        .fact("os.embedded_kind", Value::text(embedded_kind))
    }

    /// Puts `testdata/hives/FIXTURE.hive` in the place of a hive (`SYSTEM`).
    pub(crate) fn hive(self, name: &str, fixture: &str) -> Self {
        let path = format!("WINDOWS\\system32\\config\\{name}");
        self.fixture(&path, fixture)
    }

    /// Puts `testdata/hives/FIXTURE.hive` at a path.
    pub(crate) fn fixture(mut self, path: &str, fixture: &str) -> Self {
        let file = format!(
            "{}/testdata/hives/{fixture}.hive",
            env!("CARGO_MANIFEST_DIR")
        );
        self.fs = self.fs.file(path, std::fs::read(file).unwrap());
        self
    }

    /// Puts a file at a path.
    pub(crate) fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.fs = self.fs.file(path, content);
        self
    }

    /// Puts a file that cannot be read at a path.
    pub(crate) fn broken(mut self, path: &str) -> Self {
        self.fs = self.fs.broken_file(path, ErrorKind::Io, "bad sector");
        self
    }

    /// The disk that holds the volume.
    pub(crate) fn disk(mut self, mbr_signature: u32, partition_start_bytes: u64) -> Self {
        self.disk = Some(DiskFacts {
            mbr_signature: Some(mbr_signature),
            partitions: 1,
            partition_start_bytes,
        });
        self
    }

    /// Puts a fact that an earlier collector would have put.
    pub(crate) fn fact(mut self, id: &str, value: Value) -> Self {
        self.facts
            .put(id, Fact::found(value, Evidence::at(Locator::new("test"))));
        self
    }

    /// What the collectors say of the tree.
    pub(crate) fn collect(self, collectors: &[fn(&Context<'_>, &mut Facts)]) -> Facts {
        self.with(|context, facts| {
            for collect in collectors {
                collect(context, facts);
            }
        })
    }

    /// The facts after something was done with the tree.
    pub(crate) fn with(mut self, run: impl FnOnce(&Context<'_>, &mut Facts)) -> Facts {
        let installation = Installation {
            index: 0,
            system_root: WinPath::new("WINDOWS"),
            filesystem: Arc::new(self.fs),
            locator: Locator::new("test"),
            layers: Vec::new(),
            disk: self.disk,
            neighbours: Vec::new(),
        };
        let context = Context::new(&installation, Limits::default());
        run(&context, &mut self.facts);
        self.facts
    }
}

/// A program of that file version: `testdata/pe/plain.exe` with other numbers in its version resource.
pub(crate) fn pe([major, minor, build, revision]: [u16; 4]) -> Vec<u8> {
    let path = format!("{}/testdata/pe/plain.exe", env!("CARGO_MANIFEST_DIR"));
    let mut bytes = std::fs::read(path).unwrap();
    let signature = 0xfeef_04bd_u32.to_le_bytes();
    let fixed = bytes.windows(4).position(|at| at == signature).unwrap();
    for (offset, part) in [(10, major), (8, minor), (14, build), (12, revision)] {
        bytes[fixed + offset..fixed + offset + 2].copy_from_slice(&part.to_le_bytes());
    }
    bytes
}

/// A fact in one line: its value, `absent`, or `unknown:` and the reason.
pub(crate) fn shown(facts: &Facts, id: &str) -> String {
    match facts.get(id) {
        None => "not collected".to_owned(),
        Some(Fact::Found { value, .. }) => value.to_string(),
        Some(Fact::Absent(_)) => "absent".to_owned(),
        Some(Fact::Unknown(unknown)) => format!("unknown:{}", unknown.reason.as_str()),
    }
}

/// The detail of an unknown fact.
pub(crate) fn detail(facts: &Facts, id: &str) -> String {
    match facts.get(id) {
        Some(Fact::Unknown(unknown)) => unknown.detail.clone(),
        other => panic!("{id} should be unknown, is {other:?}"),
    }
}

/// The first evidence of a fact.
pub(crate) fn first_evidence<'f>(facts: &'f Facts, id: &str) -> &'f Evidence {
    &facts.get(id).unwrap().evidence()[0]
}

/// The reason of an unknown fact.
pub(crate) fn reason(facts: &Facts, id: &str) -> Option<UnknownReason> {
    match facts.get(id) {
        Some(Fact::Unknown(unknown)) => Some(unknown.reason),
        _ => None,
    }
}

/// Compares facts with the words of [`shown`].
pub(crate) fn expect(facts: &Facts, expected: &[(&str, &str)]) {
    for (id, value) in expected {
        assert_eq!(shown(facts, id), *value, "{id}: {:?}", facts.get(id));
    }
}
