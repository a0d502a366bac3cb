use crate::evidence::Value;
use crate::facts::test_hive::TestHive;
use crate::facts::test_image::{TestImage, detail, expect, first_evidence};
use crate::facts::{Context, Facts};
use crate::facts::{embedded, event_logs, execution, sysprep};

fn facts(image: TestImage) -> Facts {
    image.collect(&[sysprep::collect, execution::collect, embedded::collect])
}

fn xpe() -> TestImage {
    TestImage::new("5.1", "xpe")
}

const TWO_RUNS: &str = "1:00:00 AM - [main] FBA starting\r\n1:05:00 AM - [Exec] reseal phase 12000\r\n\
                        2:00:00 AM - [main] FBA starting\r\n2:05:00 AM - [Exec] reseal phase 12000\r\n";

#[test]
fn an_armed_image_without_further_traces_leaves_the_count_unknown() {
    let facts = facts(
        xpe()
            .hive("SYSTEM", "system_xpe_armed")
            .hive("SOFTWARE", "software_sealed"),
    );
    let text = detail(&facts, "xpe.reseal_count");
    assert!(
        text.starts_with("at least 1 (armed for the next boot: 1)"),
        "{text}"
    );
}

/// The Application log of `scripts/make_event_logs.py`: MSDTC is reinstalled twice within seconds, which is one boot.
fn logs(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/event_logs/");
    std::fs::read(format!("{folder}{name}")).unwrap()
}

fn with_logs(context: &Context<'_>, facts: &mut Facts) {
    let told = event_logs::collect_all(context, facts);
    embedded::count_with_logs(context, facts, &told.marks, &[]);
}

#[test]
fn an_image_that_was_booted_as_a_clone_and_is_armed_again_was_sealed_twice() {
    let image = xpe()
        .hive("SYSTEM", "system_xpe_armed")
        .hive("SOFTWARE", "software_sealed")
        .file(
            "WINDOWS\\system32\\config\\AppEvent.Evt",
            logs("clone_application.evt"),
        );
    let facts = image.collect(&[
        sysprep::collect,
        execution::collect,
        embedded::collect,
        with_logs,
    ]);
    expect(
        &facts,
        &[
            ("xpe.reseal_count", "2"),
            (
                "xpe.seal_episodes",
                "2005-03-01T08:00:02.0000000Z: boot of a clone: MSDTC removed and installed again, armed for the next boot",
            ),
        ],
    );
}

#[test]
fn a_boot_beside_an_update_is_no_proof_and_the_count_says_what_was_not_seen() {
    let image = xpe()
        .hive("SOFTWARE", "software_complete")
        .file(
            "WINDOWS\\system32\\config\\AppEvent.Evt",
            logs("clone_application.evt"),
        )
        .file(
            "WINDOWS\\system32\\config\\SysEvent.Evt",
            logs("kb884872_system.evt"),
        );
    let facts = image.collect(&[
        sysprep::collect,
        execution::collect,
        embedded::collect,
        with_logs,
    ]);
    let text = detail(&facts, "xpe.reseal_count");
    assert!(text.starts_with("at least 0 seals"), "{text}");
    assert!(!text.contains("were not read"), "{text}");
}

#[test]
fn no_trace_at_all_is_unknown_and_not_zero() {
    let text = detail(&facts(xpe()), "xpe.reseal_count");
    assert!(text.starts_with("at least 0 seals"), "{text}");
    assert!(
        text.contains("not seen: test > WINDOWS\\system32\\config\\SOFTWARE"),
        "{text}"
    );
}

#[test]
fn two_runs_in_the_log_of_the_agent_are_two_seals() {
    let facts = facts(xpe().file("WINDOWS\\FBA\\FBALOG.TXT", TWO_RUNS));
    expect(&facts, &[("xpe.reseal_count", "2")]);
    assert_eq!(first_evidence(&facts, "xpe.reseal_count").line, Some(2));
}

#[test]
fn two_starts_in_user_assist_are_two_seals() {
    let image = xpe().hive("SOFTWARE", "software_complete").fixture(
        "Documents and Settings\\Administrator\\NTUSER.DAT",
        "ntuser_fbreseal_twice",
    );
    let facts = facts(image);
    expect(&facts, &[("xpe.reseal_count", "2")]);
    let raw = first_evidence(&facts, "xpe.reseal_count")
        .raw
        .clone()
        .unwrap();
    assert!(raw.contains("fbreseal.exe: 2 starts"), "{raw}");
}

/// `testdata/prefetch/runs.txt`: libscca reads two runs.
#[test]
fn two_runs_in_a_prefetch_file_are_two_seals() {
    let file = format!("{}/testdata/prefetch/v17.pf", env!("CARGO_MANIFEST_DIR"));
    let image = xpe().file(
        "WINDOWS\\Prefetch\\FBRESEAL.EXE-2F1E3C44.pf",
        std::fs::read(file).unwrap(),
    );
    expect(&facts(image), &[("xpe.reseal_count", "2")]);
}

#[test]
fn starts_of_several_users_are_added() {
    let image = xpe()
        .hive("SOFTWARE", "software_complete")
        .fixture(
            "Documents and Settings\\Administrator\\NTUSER.DAT",
            "ntuser_fbreseal_twice",
        )
        .fixture(
            "Documents and Settings\\Other\\NTUSER.DAT",
            "ntuser_fbreseal_twice",
        );
    expect(&facts(image), &[("xpe.reseal_count", "4")]);
}

#[test]
fn a_windows_without_fbreseal_was_never_sealed_by_it() {
    expect(
        &facts(TestImage::new("10.0", "none")),
        &[("xpe.reseal_count", "0")],
    );
}

#[test]
fn a_damaged_log_is_named_in_the_unknown_count() {
    let facts = facts(
        xpe()
            .hive("SOFTWARE", "software_sealed")
            .broken("WINDOWS\\FBA\\FBALOG.TXT"),
    );
    let text = detail(&facts, "xpe.reseal_count");
    assert!(text.contains("FBALOG.TXT: bad sector"), "{text}");
}

#[test]
fn post_clone_actions_are_listed_with_their_lines() {
    let image = xpe().file(
        "WINDOWS\\inf\\minioc.inf",
        "[Version]\r\n[SysprepInitExecute]\r\nmsdtc.dll,AfterClone\r\n; x\r\niis.dll,AfterClone\r\n",
    );
    let facts = facts(image);
    expect(
        &facts,
        &[(
            "xpe.sysprep_init_execute",
            "msdtc.dll,AfterClone, iis.dll,AfterClone",
        )],
    );
    let lines: Vec<_> = facts
        .get("xpe.sysprep_init_execute")
        .unwrap()
        .evidence()
        .iter()
        .map(|e| e.line)
        .collect();
    assert_eq!(lines, [Some(2), Some(3), Some(5)]);
}

#[test]
fn without_file_or_section_there_are_no_post_clone_actions() {
    expect(
        &facts(xpe()),
        &[
            ("xpe.sysprep_init_execute", "absent"),
            ("xpe.minioc_faults", "minioc.inf is not there"),
        ],
    );
    let empty = xpe().file("WINDOWS\\inf\\minioc.inf", "[Version]\n");
    expect(
        &facts(empty),
        &[
            ("xpe.sysprep_init_execute", "absent"),
            (
                "xpe.minioc_faults",
                "section [SysprepInitExecute] is not there",
            ),
        ],
    );
    expect(
        &facts(TestImage::new("5.1", "none")),
        &[("xpe.minioc_faults", "absent")],
    );
}

#[test]
fn a_missing_dll_a_double_entry_and_a_missing_component_are_faults() {
    let image = xpe()
        .fact("iis.installed", Value::Bool(true))
        .file("WINDOWS\\system32\\MSDTC.DLL", "")
        .file(
            "WINDOWS\\inf\\minioc.inf",
            "[SysprepInitExecute]\nmsdtc.dll,Run\nsce.dll,Run\nMSDTC.dll,RUN\n",
        );
    expect(
        &facts(image),
        &[(
            "xpe.minioc_faults",
            "sce.dll is not installed, MSDTC.dll,RUN stands twice, IIS is installed and has no entry",
        )],
    );
}

#[test]
fn entries_whose_dlls_are_there_are_no_faults() {
    let image = xpe()
        .fact("iis.installed", Value::Bool(true))
        .file("WINDOWS\\system32\\inetsrv\\iisui.dll", "")
        .file(
            "WINDOWS\\inf\\minioc.inf",
            "[SysprepInitExecute]\n%windir%\\system32\\iisui.dll,Run\n",
        );
    expect(&facts(image), &[("xpe.minioc_faults", "(none)")]);
}

#[test]
fn a_damaged_minioc_is_unknown() {
    let facts = facts(xpe().file("WINDOWS\\inf\\minioc.inf", vec![0; 512]));
    expect(
        &facts,
        &[
            ("xpe.sysprep_init_execute", "unknown:corrupt"),
            ("xpe.minioc_faults", "unknown:corrupt"),
        ],
    );
}

#[test]
fn registry_work_of_the_first_boot_agent_is_pending_and_an_empty_key_is_not() {
    expect(
        &facts(xpe().hive("SYSTEM", "system_nt4_plain")),
        &[("xpe.fba_pending", "yes")],
    );
    expect(
        &facts(xpe().hive("SYSTEM", "system_xpe_armed")),
        &[("xpe.fba_pending", "no")],
    );
}

#[test]
fn an_enhanced_write_filter_is_on_where_its_volume_says_so() {
    expect(
        &facts(xpe().hive("SYSTEM", "system_xpe_armed")),
        &[("filter.enabled", "ewf: Volume0")],
    );
}

#[test]
fn a_disabled_filter_driver_is_off_and_an_active_one_undecided() {
    expect(
        &facts(xpe().hive("SYSTEM", "system_xp_armed")),
        &[("filter.enabled", "(none)")],
    );
    let active = facts(xpe().hive("SYSTEM", "system_nt4_plain"));
    assert!(detail(&active, "filter.enabled").starts_with("FBWF is installed"));
}

#[test]
fn an_enhanced_write_filter_that_names_no_volume_is_undecided() {
    let system = TestHive::new()
        .number("Select", "Current", 1)
        .number("ControlSet001\\Services\\ewf", "Start", 0)
        .key("ControlSet001\\Services\\ewf\\Parameters\\Protected");
    let image = xpe().file("WINDOWS\\system32\\config\\SYSTEM", system.bytes());
    expect(&facts(image), &[("filter.enabled", "unknown:unsupported")]);
}

#[test]
fn a_filter_value_of_a_wrong_type_is_corrupt() {
    expect(
        &facts(xpe().hive("SYSTEM", "system_wrong_types")),
        &[("filter.enabled", "unknown:corrupt")],
    );
}

#[test]
fn the_tool_in_system32_counts_only_after_a_seal_and_elsewhere_always() {
    let image = |hive| {
        xpe()
            .hive("SYSTEM", hive)
            .file("WINDOWS\\system32\\fbreseal.exe", "")
            .file("GVR\\GVR_Tools\\FBRESEAL.EXE", "")
            .file("a\\b\\c\\fbreseal.exe", "")
    };
    expect(
        &facts(image("system_xpe_armed")),
        &[(
            "xpe.tool_left",
            "WINDOWS\\system32\\fbreseal.exe, GVR\\GVR_Tools\\FBRESEAL.EXE",
        )],
    );
    expect(
        &facts(image("system_nt4_plain")),
        &[("xpe.tool_left", "GVR\\GVR_Tools\\FBRESEAL.EXE")],
    );
}

#[test]
fn a_search_that_reaches_its_limit_is_unknown() {
    let mut image = xpe();
    for number in 0..300 {
        image = image.file(&format!("dir{number}\\x"), "");
    }
    expect(
        &facts(image),
        &[("xpe.tool_left", "unknown:limit_exceeded")],
    );
}
