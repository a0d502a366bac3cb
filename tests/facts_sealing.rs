//! Facts on sealing and identities from real hives of the corpus, and the count of seals of an XP Embedded tree.
//!
//! Expected values were read from the same files by hivexget (hivex 1.3), the CloneTags also stand in the facts.json of the
//! corpus as python-registry read them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails loudly"
)]

mod support {
    pub(crate) mod corpus;
}

use std::sync::Arc;

use goldseal::base::limits::Limits;
use goldseal::base::win_path::WinPath;
use goldseal::evidence::{Fact, Locator};
use goldseal::facts::{Facts, collect};
use goldseal::image::Installation;
use goldseal::image::filesystem::memory::MemoryFileSystem;
use support::corpus;

/// The facts of a Windows folder with these hives of the corpus; `None` if there is no corpus.
fn facts_of(hives: &[(&str, &str)]) -> Option<Facts> {
    corpus::folder()?;
    let mut filesystem = MemoryFileSystem::new();
    for (name, file) in hives {
        let path = format!("WINNT\\system32\\config\\{name}");
        filesystem = filesystem.file(&path, corpus::read(&format!("hives/{file}")));
    }
    let installation = Installation {
        index: 0,
        system_root: WinPath::new("WINNT"),
        filesystem: Arc::new(filesystem),
        locator: Locator::new("corpus"),
        layers: Vec::new(),
        disk: None,
        neighbours: Vec::new(),
    };
    Some(collect(&installation, Limits::default()).facts)
}

/// The value of a found fact, `absent`, or `unknown:` and the reason.
fn shown(facts: &Facts, id: &str) -> String {
    match facts.get(id).unwrap() {
        Fact::Found { value, .. } => value.to_string(),
        Fact::Absent(_) => "absent".to_owned(),
        Fact::Unknown(unknown) => format!("unknown:{}", unknown.reason.as_str()),
    }
}

fn check(hives: &[(&str, &str)], expected: &[(&str, &str)]) {
    let Some(facts) = facts_of(hives) else { return };
    for (id, value) in expected {
        assert_eq!(
            shown(&facts, id),
            *value,
            "{hives:?} {id}: {:?}",
            facts.get(id)
        );
    }
}

#[test]
fn windows_7_after_installation_has_the_marks_of_its_media_and_no_seal() {
    check(
        &[("SYSTEM", "win7_x86_system.xz")],
        &[
            ("sysprep.clone_tag", "Mon Jul 13 21:55:53 2009"),
            ("sysprep.generalization_state", "7"),
            ("sysprep.cleanup_state", "2"),
            ("sysprep.setupcl_failed", "no"),
            ("sysprep.boot_execute", "autocheck autochk *"),
            ("sysprep.pending", "no"),
            ("sysprep.setup_flags.SystemSetupInProgress", "0"),
            ("setup.pending_renames", "0"),
            ("id.computer_name", "WKS-WIN732BITA"),
            ("id.dhcpv6_duid", "00010001146c9b4a000c297e7ed3"),
            ("id.mounted_devices_match", "unknown:not_provided"),
            ("filter.enabled", "(none)"),
            ("xpe.fba_pending", "no"),
        ],
    );
}

/// The hive is dirty and comes with its logs; `Setup\BuildUpdate` is there and no upgrade.
#[test]
fn windows_10_1709_after_replay_has_the_marks_of_its_media_and_no_seal() {
    let name = "win10_1709_dirty_system";
    let files = [
        format!("{name}.xz"),
        format!("{name}.log1.xz"),
        format!("{name}.log2.xz"),
    ];
    check(
        &[
            ("SYSTEM", &files[0]),
            ("SYSTEM.LOG1", &files[1]),
            ("SYSTEM.LOG2", &files[2]),
        ],
        &[
            ("sysprep.clone_tag", "Fri Sep 29 06:49:45 2017"),
            ("sysprep.generalization_state", "7"),
            ("sysprep.cleanup_state", "absent"),
            ("sysprep.setupcl_failed", "no"),
            ("sysprep.boot_execute", "autocheck autochk *"),
            ("sysprep.pending", "no"),
            ("id.computer_name", "DESKTOP-PM6C56D"),
        ],
    );
}

#[test]
fn nt_4_server_was_never_sealed_and_has_one_machine_sid() {
    check(
        &[
            ("SYSTEM", "nt40_sp3_server_system.zst"),
            ("SAM", "nt40_sp3_server_sam"),
            ("SECURITY", "nt40_sp3_server_security"),
        ],
        &[
            ("sysprep.clone_tag", "absent"),
            ("sysprep.pending", "no"),
            ("sysprep.boot_execute", "autocheck autochk *"),
            (
                "sysprep.setup_flags",
                "CmdLine=setup -newsetup, SetupType=0, SystemSetupInProgress=0",
            ),
            ("id.computer_name", "SERVER"),
            ("id.machine_sid", "S-1-5-21-247810356-1021781772-2498087"),
            ("id.sid_match", "yes"),
            ("id.dhcpv6_duid", "absent"),
            ("id.mounted_devices_match", "absent"),
        ],
    );
}

#[test]
fn server_2008_has_one_machine_sid() {
    check(
        &[
            ("SAM", "server2008_x86_sam"),
            ("SECURITY", "server2008_x86_security"),
        ],
        &[
            ("id.machine_sid", "S-1-5-21-589621100-4099512711-419229089"),
            ("id.sid_match", "yes"),
        ],
    );
}

#[test]
fn sam_and_security_of_two_servers_do_not_match() {
    for security in ["server2012_security", "server2022_security"] {
        check(
            &[("SAM", "server2008_x86_sam"), ("SECURITY", security)],
            &[("id.sid_match", "no")],
        );
    }
}

#[test]
fn a_hive_that_is_none_leaves_its_facts_unknown() {
    check(
        &[("SYSTEM", "ez_not_a_hive"), ("SAM", "ez_security_noroot")],
        &[
            ("sysprep.pending", "unknown:corrupt"),
            ("sysprep.clone_tag", "unknown:corrupt"),
            ("filter.enabled", "unknown:corrupt"),
        ],
    );
    let Some(facts) = facts_of(&[("SAM", "ez_security_noroot")]) else {
        return;
    };
    assert!(shown(&facts, "id.machine_sid").starts_with("unknown:"));
}

mod seals {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use serde_json::Value as Json;

    /// A device that was sealed and booted since: a tree of files with one user and whatever else is named.
    struct Device(tempfile::TempDir);

    impl Device {
        /// With a SYSTEM hive of testdata/hives.
        fn new(system: &str) -> Self {
            let device = Self(tempfile::tempdir().unwrap());
            device
                .copy("system32/config/SYSTEM", &format!("hives/{system}.hive"))
                .copy("system32/config/SOFTWARE", "hives/software_xpe.hive")
                .copy("FBA/fba.exe", "pe/plain.exe")
        }

        fn copy(self, place: &str, from: &str) -> Self {
            let from = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("testdata")
                .join(from);
            self.file(place, &fs::read(from).unwrap())
        }

        fn file(self, place: &str, content: &[u8]) -> Self {
            let path = self.0.path().join("WINDOWS").join(place);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
            self
        }

        /// The logs of System and Application, as an operator leaves them who cleared both: a header and no record.
        fn cleared_logs(self) -> Self {
            let words: [u32; 12] = [
                0x30,
                0x654c_664c,
                1,
                1,
                0x30,
                0x30,
                1,
                0,
                0x10000,
                0,
                604_800,
                0x30,
            ];
            let end: [u32; 10] = [
                0x28,
                0x1111_1111,
                0x2222_2222,
                0x3333_3333,
                0x4444_4444,
                0x30,
                0x30,
                1,
                0,
                0x28,
            ];
            let mut log: Vec<u8> = words
                .iter()
                .chain(&end)
                .flat_map(|word| word.to_le_bytes())
                .collect();
            log.resize(0x10000, 0);
            self.file("system32/config/SysEvent.Evt", &log)
                .file("system32/config/AppEvent.Evt", &log)
        }

        fn json(&self, command: &str) -> Json {
            let output = Command::new(env!("CARGO_BIN_EXE_goldseal"))
                .args([command, "--format", "json"])
                .arg(self.0.path())
                .output()
                .unwrap();
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
                panic!("{error}: {}", String::from_utf8_lossy(&output.stderr))
            })
        }

        fn fact(&self, id: &str) -> Json {
            self.json("inspect")["facts"][id].clone()
        }

        fn outcome(&self, rule: &str) -> String {
            let report = self.json("check");
            let findings = report["findings"].as_array().unwrap();
            let finding = findings.iter().find(|finding| finding["rule"] == rule);
            finding.unwrap()["outcome"].as_str().unwrap().to_owned()
        }

        /// No number of seals is taken for the whole: a rule on it stays open. What is said of the number.
        fn is_not_counted(&self) -> String {
            let fact = self.fact("xpe.reseal_count");
            let is_open = fact["state"] == "unknown" || fact["incomplete"].is_object();
            assert!(is_open, "{fact}");
            assert_eq!(self.outcome("XPE-001"), "unknown");
            fact.to_string()
        }
    }

    const FBRESEAL: &str = "Prefetch/FBRESEAL.EXE-2F1E3C44.pf";

    /// The run counts of the files are those that libscca reads (`testdata/prefetch/runs.txt`).
    #[test]
    fn runs_in_prefetch_files_of_xp_are_seals_of_fbreseal_and_runs_of_sysprep() {
        let device = Device::new("system_xpe_deployed")
            .copy(FBRESEAL, "prefetch/v17.pf")
            .copy(
                "Prefetch/SYSPREP.EXE-2F1E3C44.pf",
                "prefetch/v17_sysprep.pf",
            );
        assert_eq!(device.fact("xpe.reseal_count")["value"], 2);
        assert_eq!(device.fact("exec.sysprep_runs")["value"], 3);
        assert_eq!(device.outcome("XPE-001"), "fired");
    }

    #[test]
    fn one_run_proves_no_second_one_and_rules_none_out() {
        let device = Device::new("system_xpe_deployed").copy(FBRESEAL, "prefetch/v17_once.pf");
        device.is_not_counted();
    }

    #[test]
    fn behind_a_write_filter_that_is_on_seals_are_not_counted() {
        let device = Device::new("system_xpe_ewf").copy(FBRESEAL, "prefetch/v17_once.pf");
        let said = device.is_not_counted();
        assert!(said.contains("write filter is on"), "{said}");
        Device::new("system_xpe_ewf").is_not_counted();
    }

    /// Where FBWF keeps whether it is on is not known.
    #[test]
    fn behind_a_write_filter_that_may_be_on_seals_are_not_counted() {
        let device = Device::new("system_xpe_fbwf").copy(FBRESEAL, "prefetch/v17_once.pf");
        assert_eq!(device.fact("filter.enabled")["state"], "unknown");
        device.is_not_counted();
    }

    #[test]
    fn with_logs_that_were_cleared_seals_are_not_counted() {
        let cleared = || Device::new("system_xpe_deployed").cleared_logs();
        cleared().is_not_counted();
        cleared()
            .copy(FBRESEAL, "prefetch/v17_once.pf")
            .is_not_counted();
    }
}
