use crate::evidence::UnknownReason;
use crate::facts::Facts;
use crate::facts::sysprep::{collect, look_at_logs};
use crate::facts::test_hive::TestHive;
use crate::facts::test_image::{TestImage, detail, expect, first_evidence, reason, shown};

fn facts(image: TestImage) -> Facts {
    image.collect(&[collect])
}

#[test]
fn an_armed_xp_embedded_image_is_sealed_by_its_boot_programs() {
    let facts = facts(TestImage::new("5.1", "xpe").hive("SYSTEM", "system_xpe_armed"));
    expect(
        &facts,
        &[
            ("sysprep.boot_execute", "setupcn.exe, setupcl.exe"),
            ("sysprep.sealed", "yes"),
            ("sysprep.pending", "yes"),
            ("sysprep.state_mixed", "no"),
            ("sysprep.generalize_limit", "absent"),
        ],
    );
    let place = first_evidence(&facts, "sysprep.sealed").locator.to_string();
    assert!(place.ends_with("Session Manager!SetupExecute"), "{place}");
}

#[test]
fn an_armed_xp_is_sealed_by_mini_setup() {
    let facts = facts(TestImage::new("5.1", "none").hive("SYSTEM", "system_xp_armed"));
    expect(
        &facts,
        &[
            ("sysprep.sealed", "yes"),
            ("sysprep.state_mixed", "no"),
            ("sysprep.boot_execute", "autocheck autochk *, setupcl.exe"),
            ("sysprep.setup_flags.SystemSetupInProgress", "1"),
            (
                "sysprep.setup_flags",
                "CmdLine=setup -newsetup -mini, MiniSetupInProgress=1, SetupType=1, SystemSetupInProgress=1",
            ),
        ],
    );
}

#[test]
fn a_command_line_without_a_setup_type_is_not_pending() {
    let facts = facts(TestImage::new("4.0", "none").hive("SYSTEM", "system_nt4_plain"));
    expect(
        &facts,
        &[
            ("sysprep.pending", "no"),
            ("sysprep.sealed", "no"),
            ("sysprep.state_mixed", "no"),
            ("sysprep.clone_tag", "absent"),
            ("sysprep.user_sealed", "no"),
        ],
    );
}

/// sysprep.sealed of a Windows XP with those values in `SYSTEM\Setup`.
fn sealed_by(numbers: &[(&str, u32)], command: &str) -> String {
    let mut system = TestHive::new()
        .number("Select", "Current", 1)
        .key("ControlSet001\\Control\\Session Manager")
        .text("Setup", "CmdLine", command);
    for (name, number) in numbers {
        system = system.number("Setup", name, *number);
    }
    let image =
        TestImage::new("5.1", "none").file("WINDOWS\\system32\\config\\SYSTEM", system.bytes());
    shown(&facts(image), "sysprep.sealed")
}

#[test]
fn a_left_over_flag_of_mini_setup_that_runs_nothing_does_not_seal() {
    assert_eq!(
        sealed_by(&[("MiniSetupInProgress", 1), ("SetupType", 0)], ""),
        "unknown:unsupported"
    );
}

#[test]
fn set_up_that_is_not_named_mini_setup_does_not_seal() {
    let numbers = [("SystemSetupInProgress", 1), ("SetupType", 1)];
    assert_eq!(
        sealed_by(&numbers, "setup -newsetup"),
        "unknown:unsupported"
    );
    assert_eq!(sealed_by(&numbers, "setup -newsetup -mini"), "yes");
}

#[test]
fn set_up_that_is_stuck_without_a_command_does_not_seal() {
    assert_eq!(sealed_by(&[("SystemSetupInProgress", 1)], ""), "no");
}

#[test]
fn set_up_in_progress_without_a_command_is_mixed() {
    let facts = facts(TestImage::new("4.0", "none").hive("SYSTEM", "system_nt4_stuck"));
    expect(
        &facts,
        &[("sysprep.state_mixed", "yes"), ("sysprep.pending", "yes")],
    );
}

#[test]
fn before_vista_clone_tag_is_a_seal_and_may_be_raw_text() {
    let facts = facts(TestImage::new("4.0", "none").hive("SYSTEM", "system_nt4_stuck"));
    expect(
        &facts,
        &[
            ("sysprep.clone_tag", "Tue Nov 30"),
            ("sysprep.user_sealed", "yes"),
        ],
    );
}

/// Trap: every machine that was installed from Vista or later media has a CloneTag.
#[test]
fn clone_tag_of_the_media_is_no_seal_by_the_operator() {
    let facts = facts(TestImage::new("6.1", "none").hive("SYSTEM", "system_win7_installed"));
    expect(
        &facts,
        &[
            ("sysprep.clone_tag", "Mon Jul 13 21:55:53 2009"),
            ("sysprep.user_sealed", "no"),
        ],
    );
}

#[test]
fn a_clone_tag_younger_than_the_account_domain_is_a_seal_by_the_operator() {
    let sealed = TestImage::new("10.0", "none")
        .hive("SYSTEM", "system_win10_sealed")
        .hive("SAM", "sam");
    let facts = facts(sealed);
    expect(&facts, &[("sysprep.user_sealed", "yes")]);
    assert_eq!(
        facts.get("sysprep.user_sealed").unwrap().evidence().len(),
        2
    );
}

#[test]
fn a_clone_tag_without_a_date_of_the_media_is_undecided() {
    let facts = facts(TestImage::new("10.0", "none").hive("SYSTEM", "system_win10_sealed"));
    expect(&facts, &[("sysprep.user_sealed", "unknown:not_provided")]);
}

#[test]
fn a_clone_tag_of_an_upgraded_installation_is_undecided() {
    let upgraded = TestImage::new("10.0", "none")
        .hive("SYSTEM", "system_win10_upgraded")
        .hive("SAM", "sam");
    let facts = facts(upgraded);
    assert!(detail(&facts, "sysprep.user_sealed").contains("upgraded"));
}

/// Trap: 7 stands on every installed machine.
#[test]
fn generalization_state_7_seals_nothing() {
    let installed = TestImage::new("6.1", "none")
        .hive("SYSTEM", "system_win7_installed")
        .hive("SOFTWARE", "software_complete");
    expect(
        &facts(installed),
        &[
            ("sysprep.generalization_state", "7"),
            ("sysprep.cleanup_state", "2"),
            ("sysprep.image_state", "IMAGE_STATE_COMPLETE"),
            ("sysprep.sealed", "no"),
            ("sysprep.state_mixed", "no"),
            ("sysprep.setupcl_failed", "no"),
            ("sysprep.generalize_limit", "3"),
        ],
    );
}

/// Trap: the key Upgrade, the value Upgrade 0 and the key BuildUpdate stand on clean installations.
#[test]
fn keys_that_look_like_an_upgrade_are_none() {
    let facts = facts(TestImage::new("6.1", "none").hive("SYSTEM", "system_win7_installed"));
    expect(
        &facts,
        &[("setup.upgraded", "no"), ("setup.upgraded_from", "(none)")],
    );
}

#[test]
fn earlier_systems_are_listed_oldest_first() {
    let facts = facts(TestImage::new("10.0", "none").hive("SYSTEM", "system_win10_upgraded"));
    expect(
        &facts,
        &[
            ("setup.upgraded", "yes"),
            (
                "setup.upgraded_from",
                "Windows 7 Professional build 7601, Windows 10 Pro build 15063",
            ),
        ],
    );
}

#[test]
fn an_upgrade_is_not_recorded_before_vista() {
    let facts = facts(TestImage::new("5.1", "none").hive("SYSTEM", "system_xp_armed"));
    expect(&facts, &[("setup.upgraded", "unknown:unsupported")]);
}

#[test]
fn a_generalized_windows_10_is_sealed() {
    let sealed = TestImage::new("10.0", "none")
        .hive("SYSTEM", "system_win10_sealed")
        .hive("SOFTWARE", "software_sealed")
        .file(
            "WINDOWS\\Setup\\State\\State.ini",
            "[State]\r\nImageState=IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE\r\n",
        )
        .file("WINDOWS\\System32\\Sysprep\\Sysprep_succeeded.tag", "");
    expect(
        &facts(sealed),
        &[
            ("sysprep.sealed", "yes"),
            ("sysprep.state_mixed", "no"),
            ("sysprep.succeeded_tag", "yes"),
            ("sysprep.skip_rearm", "yes"),
            ("sysprep.generalize_limit", "1001"),
            ("sysprep.generalization_state", "4"),
        ],
    );
}

#[test]
fn an_image_state_that_state_ini_contradicts_is_mixed() {
    let sealed = TestImage::new("10.0", "none")
        .hive("SYSTEM", "system_win10_sealed")
        .hive("SOFTWARE", "software_sealed")
        .file(
            "WINDOWS\\Setup\\State\\State.ini",
            "[State]\r\nImageState=IMAGE_STATE_COMPLETE\r\n",
        );
    let facts = facts(sealed);
    expect(&facts, &[("sysprep.state_mixed", "yes")]);
    assert_eq!(
        facts.get("sysprep.state_mixed").unwrap().evidence()[1].line,
        Some(2)
    );
}

#[test]
fn a_generalized_state_without_the_tag_of_success_is_mixed() {
    let untagged = TestImage::new("10.0", "none")
        .hive("SYSTEM", "system_win10_sealed")
        .hive("SOFTWARE", "software_sealed");
    expect(&facts(untagged), &[("sysprep.state_mixed", "yes")]);
}

#[test]
fn a_generalized_state_with_the_command_of_another_set_up_is_mixed() {
    for (kind, command) in [(1, "oobe\\windeploy.exe"), (2, "oobe\\setup.exe")] {
        let system = TestHive::new()
            .number("Select", "Current", 1)
            .number("Setup", "SetupType", kind)
            .text("Setup", "CmdLine", command);
        let image = TestImage::new("10.0", "none")
            .file("WINDOWS\\system32\\config\\SYSTEM", system.bytes())
            .hive("SOFTWARE", "software_sealed")
            .file("WINDOWS\\System32\\Sysprep\\Sysprep_succeeded.tag", "");
        expect(&facts(image), &[("sysprep.state_mixed", "yes")]);
    }
}

#[test]
fn a_generalized_state_without_a_command_is_mixed() {
    let mixed = TestImage::new("6.1", "none")
        .hive("SYSTEM", "system_win7_installed")
        .hive("SOFTWARE", "software_sealed");
    expect(&facts(mixed), &[("sysprep.state_mixed", "yes")]);
}

#[test]
fn a_complete_state_with_a_command_is_mixed() {
    let mixed = TestImage::new("10.0", "none")
        .hive("SYSTEM", "system_win10_sealed")
        .hive("SOFTWARE", "software_complete");
    expect(
        &facts(mixed),
        &[("sysprep.state_mixed", "yes"), ("sysprep.sealed", "no")],
    );
}

#[test]
fn a_failed_change_of_the_sid_is_told_with_its_status() {
    let facts = facts(TestImage::new("10.0", "none").hive("SYSTEM", "system_win10_upgraded"));
    expect(&facts, &[("sysprep.setupcl_failed", "yes")]);
    let raw: Vec<_> = facts
        .get("sysprep.setupcl_failed")
        .unwrap()
        .evidence()
        .iter()
        .map(|e| e.raw.clone().unwrap())
        .collect();
    assert_eq!(raw, ["0x00000000", "0xc0000022"]);
}

/// Q-article figures and the decision on Windows 8: 3, 8, 1001.
#[test]
fn the_limit_of_generalizing_follows_the_version() {
    let limit = |version| {
        let facts = facts(TestImage::new(version, "none"));
        shown(&facts, "sysprep.generalize_limit")
    };
    assert_eq!(
        ["5.2", "6.0", "6.1", "6.2", "6.3", "10.0"].map(limit),
        ["absent", "3", "3", "8", "1001", "1001"]
    );
}

#[test]
fn waiting_work_is_told() {
    let image = TestImage::new("6.1", "none")
        .hive("SYSTEM", "system_win7_installed")
        .hive("SOFTWARE", "software_complete");
    expect(
        &facts(image),
        &[
            ("setup.cbs_reboot_pending", "yes"),
            ("setup.pending_renames", "3"),
        ],
    );
    let image = TestImage::new("10.0", "none")
        .hive("SYSTEM", "system_win10_sealed")
        .hive("SOFTWARE", "software_sealed");
    expect(
        &facts(image),
        &[
            ("setup.cbs_reboot_pending", "no"),
            ("setup.pending_renames", "0"),
        ],
    );
}

#[test]
fn answer_files_are_listed_by_their_paths() {
    let image = TestImage::new("4.0", "none")
        .file("WINDOWS\\system32\\$NT4PRE$.INF", "")
        .file("SYSPREP\\sysprep.inf", "");
    expect(
        &facts(image),
        &[(
            "sysprep.answer_files",
            "WINDOWS\\system32\\$nt4pre$.inf, sysprep\\sysprep.inf",
        )],
    );
    expect(
        &facts(TestImage::new("4.0", "none")),
        &[("sysprep.answer_files", "(none)")],
    );
}

#[test]
fn values_of_a_wrong_type_are_corrupt_and_not_absent() {
    let facts = facts(TestImage::new("5.1", "none").hive("SYSTEM", "system_wrong_types"));
    for id in [
        "sysprep.boot_execute",
        "sysprep.setup_flags",
        "sysprep.setup_flags.SystemSetupInProgress",
        "sysprep.pending",
        "sysprep.sealed",
        "sysprep.state_mixed",
        "sysprep.clone_tag",
        "sysprep.user_sealed",
        "sysprep.setupcl_failed",
        "setup.pending_renames",
    ] {
        assert_eq!(reason(&facts, id), Some(UnknownReason::Corrupt), "{id}");
    }
}

#[test]
fn without_hives_every_fact_that_needs_one_is_unknown_and_names_it() {
    for (version, kind) in [("5.1", "none"), ("5.1", "xpe"), ("10.0", "none")] {
        let facts = facts(TestImage::new(version, kind));
        for (id, fact) in facts.iter() {
            let needs_no_hive = id.starts_with("os.")
                || [
                    "sysprep.answer_files",
                    "sysprep.setupcl_present",
                    "sysprep.succeeded_tag",
                    "sysprep.generalize_limit",
                ]
                .contains(&id);
            assert!(
                needs_no_hive || reason(&facts, id).is_some(),
                "{version} {kind} {id}: {fact:?}"
            );
        }
    }
}

#[test]
fn an_upgrade_that_only_the_logs_tell_of_is_one_and_leaves_the_clone_tag_undecided() {
    let told = |upgraded: bool| {
        TestImage::new("10.0", "none")
            .hive("SYSTEM", "system_win10_sealed")
            .hive("SAM", "sam")
            .fact("evt.upgraded", upgraded.into())
            .collect(&[collect, look_at_logs])
    };
    expect(&told(true), &[("setup.upgraded", "yes")]);
    assert!(detail(&told(true), "sysprep.user_sealed").contains("was upgraded"));
    expect(
        &told(false),
        &[("setup.upgraded", "no"), ("sysprep.user_sealed", "yes")],
    );
}
