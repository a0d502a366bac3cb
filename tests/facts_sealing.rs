//! Facts on sealing and identities from real hives of the corpus.
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
