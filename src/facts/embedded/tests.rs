use crate::artifact::fba_log;
use crate::base::filetime::FileTime;
use crate::evidence::{Evidence, Fact, Locator, Value};
use crate::facts::event_logs::{CloneMarks, Mark};
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

/// Tells of two reseals that were done.
const TWO_RUNS: &str = "1:00:00 AM - [main] FBA starting\r\n1:05:00 AM - [Exec] reseal phase 12000 done\r\n\
                        2:00:00 AM - [main] FBA starting\r\n2:05:00 AM - [Exec] reseal phase 12000 done\r\n";

/// The number and why it may be more; `None` for the first where it is unknown.
fn counted(facts: &Facts) -> (Option<i64>, String) {
    match facts.get("xpe.reseal_count").unwrap() {
        Fact::Found {
            value: Value::Int(number),
            ..
        } => {
            let why = facts.incomplete("xpe.reseal_count").unwrap();
            (Some(*number), why.detail.clone())
        }
        Fact::Unknown(unknown) => (None, unknown.detail.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_armed_image_without_further_traces_was_sealed_once_at_least() {
    let facts = facts(
        xpe()
            .hive("SYSTEM", "system_xpe_armed")
            .hive("SOFTWARE", "software_sealed"),
    );
    let (number, why) = counted(&facts);
    assert_eq!(number, Some(1));
    assert!(why.starts_with("armed for the next boot: 1;"), "{why}");
    expect(
        &facts,
        &[
            ("xpe.seal_episodes", "armed for the next boot"),
            ("xpe.seal_hints", "unknown:not_provided"),
        ],
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

/// What the logs show of one boot of a clone, which renamed the computer.
fn one_boot() -> CloneMarks {
    let mark = |seconds: u64, text: &str| Mark {
        time: FileTime(127_541_088_000_000_000 + seconds * 10_000_000),
        text: text.to_owned(),
        evidence: Evidence::at(Locator::new("log")),
    };
    CloneMarks {
        reinstalls: vec![mark(30, "MSDTC removed and installed again")],
        renames: vec![mark(60, "renamed A -> B")],
        ..CloneMarks::default()
    }
}

/// The facts of an image whose logs show `marks`.
fn with_marks(image: TestImage, marks: &CloneMarks) -> Facts {
    image.with(|context, facts| {
        sysprep::collect(context, facts);
        execution::collect(context, facts);
        embedded::collect(context, facts);
        embedded::count_with_logs(context, facts, marks, &[]);
    })
}

#[test]
fn an_image_that_was_booted_as_a_clone_and_is_armed_again_was_sealed_twice() {
    let image = xpe()
        .hive("SYSTEM", "system_xpe_armed")
        .hive("SOFTWARE", "software_sealed");
    let facts = with_marks(image, &one_boot());
    assert_eq!(counted(&facts).0, Some(2));
    expect(
        &facts,
        &[(
            "xpe.seal_episodes",
            "2005-03-01T00:00:30.0000000Z: boot of a clone: MSDTC removed and installed again, renamed A -> B, \
             armed for the next boot",
        )],
    );
}

#[test]
fn an_image_that_was_booted_as_a_clone_and_is_not_armed_was_sealed_once_at_least() {
    let image = xpe().hive("SOFTWARE", "software_complete");
    let (number, why) = counted(&with_marks(image, &one_boot()));
    assert_eq!(number, Some(1));
    assert!(why.starts_with("boots of a clone: 1;"), "{why}");
}

/// MSDTC is reinstalled and nothing near it tells of a boot.
#[test]
fn msdtc_that_an_operator_may_have_reinstalled_makes_no_seal_and_is_told() {
    let image = xpe().hive("SOFTWARE", "software_complete").file(
        "WINDOWS\\system32\\config\\AppEvent.Evt",
        logs("clone_application.evt"),
    );
    let facts = image.collect(&[
        sysprep::collect,
        execution::collect,
        embedded::collect,
        with_logs,
    ]);
    assert_eq!(counted(&facts).0, None);
    let Some(Fact::Found { value, .. }) = facts.get("xpe.seal_hints") else {
        panic!("no hints");
    };
    let text = value.to_string();
    assert!(
        text.starts_with("2005-03-01T08:00:02.0000000Z: not counted, an operator"),
        "{text}"
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
    let (number, why) = counted(&facts);
    assert_eq!(number, None);
    assert!(!why.contains("were not read"), "{why}");
}

#[test]
fn no_trace_at_all_is_unknown_and_not_zero() {
    let (number, why) = counted(&facts(xpe()));
    assert_eq!(number, None);
    assert!(
        why.contains("not seen: test > WINDOWS\\system32\\config\\SOFTWARE"),
        "{why}"
    );
}

/// The form of the log is not documented, so it tells and does not count.
#[test]
fn two_reseals_in_the_log_of_the_agent_are_told_and_not_counted() {
    let facts = facts(xpe().file("WINDOWS\\FBA\\FBALOG.TXT", TWO_RUNS));
    expect(&facts, &[("xpe.fba_reseals", "2")]);
    assert_eq!(counted(&facts).0, None);
    assert_eq!(first_evidence(&facts, "xpe.seal_hints").line, Some(2));
}

#[test]
fn lines_that_mention_a_reseal_and_say_of_none_that_it_was_done_are_hints_and_not_zero() {
    let log = TWO_RUNS.replace("reseal phase 12000 done", "Resealing the image");
    let facts = facts(xpe().file("WINDOWS\\FBA\\FBALOG.TXT", log));
    expect(&facts, &[("xpe.fba_reseals", "unknown:unsupported")]);
    let why = detail(&facts, "xpe.fba_reseals");
    assert!(
        why.ends_with("1:05:00 AM - [Exec] Resealing the image"),
        "{why}"
    );
    let lines: Vec<_> = facts
        .get("xpe.seal_hints")
        .unwrap()
        .evidence()
        .iter()
        .map(|place| place.line)
        .collect();
    assert_eq!(lines, [Some(2), Some(4)]);
}

#[test]
fn a_run_of_the_agent_that_says_of_a_reseal_that_it_was_done_makes_a_minimum_beside_one_that_does_not()
 {
    let log = TWO_RUNS.replacen("done", "begun", 1);
    let open = facts(xpe().file("WINDOWS\\FBA\\FBALOG.TXT", log));
    expect(&open, &[("xpe.fba_reseals", "1")]);
    assert!(open.incomplete("xpe.fba_reseals").is_some());
    let all = facts(xpe().file("WINDOWS\\FBA\\FBALOG.TXT", TWO_RUNS));
    assert!(all.incomplete("xpe.fba_reseals").is_none());
}

#[test]
fn a_log_of_the_agent_with_more_lines_than_are_kept_is_not_counted() {
    let log = "reseal\n".repeat(fba_log::LINES_MAX);
    let facts = facts(xpe().file("WINDOWS\\FBA\\FBALOG.TXT", log));
    expect(&facts, &[("xpe.fba_reseals", "unknown:limit_exceeded")]);
}

#[test]
fn a_log_of_the_agent_that_mentions_no_reseal_tells_of_none() {
    let log = "1:00:00 AM - [main] FBA starting\r\n";
    let facts = facts(xpe().file("WINDOWS\\FBA\\FBALOG.TXT", log));
    expect(
        &facts,
        &[
            ("xpe.fba_reseals", "0"),
            ("xpe.seal_hints", "unknown:not_provided"),
        ],
    );
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
fn each_run_is_one_episode_and_the_last_has_the_trace() {
    let image = xpe().hive("SOFTWARE", "software_complete").fixture(
        "Documents and Settings\\Administrator\\NTUSER.DAT",
        "ntuser_fbreseal_twice",
    );
    let facts = facts(image);
    let Some(Fact::Found {
        value: Value::List(list),
        ..
    }) = facts.get("xpe.seal_episodes")
    else {
        panic!("no list");
    };
    let texts: Vec<String> = list.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts[0],
        "run 1 of 2 of fbreseal by UserAssist: no time of it is kept"
    );
    assert!(texts[1].contains("fbreseal.exe: 2 starts"), "{texts:?}");
    assert_eq!(texts.len(), 2);
}

#[test]
fn starts_that_a_copied_profile_took_along_count_once() {
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
    expect(&facts(image), &[("xpe.reseal_count", "2")]);
}

#[test]
fn a_windows_without_fbreseal_was_never_sealed_by_it() {
    expect(
        &facts(TestImage::new("10.0", "none")),
        &[("xpe.reseal_count", "0")],
    );
}

#[test]
fn a_damaged_log_of_the_agent_tells_no_number() {
    let facts = facts(xpe().broken("WINDOWS\\FBA\\FBALOG.TXT"));
    let text = detail(&facts, "xpe.fba_reseals");
    assert!(text.contains("bad sector"), "{text}");
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
fn the_tool_in_system32_was_put_back_where_the_logs_show_a_trace_of_a_clone() {
    let image = || {
        xpe()
            .hive("SOFTWARE", "software_complete")
            .hive("SYSTEM", "system_nt4_plain")
            .file("WINDOWS\\system32\\fbreseal.exe", "")
    };
    let mut alone = one_boot();
    alone.reinstalls.clear();
    let left = [("xpe.tool_left", "WINDOWS\\system32\\fbreseal.exe")];
    expect(&with_marks(image(), &alone), &left);
    alone = one_boot();
    alone.renames.clear();
    expect(&with_marks(image(), &alone), &left);
    expect(
        &with_marks(image(), &CloneMarks::default()),
        &[("xpe.tool_left", "(none)")],
    );
}

#[test]
fn where_no_log_was_seen_the_tool_in_system32_may_have_been_put_back() {
    let image = || xpe().file("WINDOWS\\system32\\fbreseal.exe", "");
    let unknown = [("xpe.tool_left", "unknown:not_provided")];
    expect(&facts(image()), &unknown);
    let marks = CloneMarks {
        gaps: vec!["a log was cleared".to_owned()],
        ..CloneMarks::default()
    };
    expect(&with_marks(image(), &marks), &unknown);
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
