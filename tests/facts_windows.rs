//! Facts about Windows, Internet Explorer, IIS, services and roles, from whole hives.
//!
//! Small hives are made by scripts/regf.py from the recipes beside them in testdata/hives; real ones come from the corpus, and
//! what they hold was read by python-registry (facts.json of the corpus) and hivexget.
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

use std::path::Path;
use std::sync::Arc;

use goldseal::ErrorKind;
use goldseal::base::limits::Limits;
use goldseal::base::win_path::WinPath;
use goldseal::evidence::{Fact, Locator};
use goldseal::facts::{Collected, collect};
use goldseal::image::Installation;
use goldseal::image::filesystem::memory::MemoryFileSystem;
use serde_json::{Value, json};

const SYSTEM: &str = "system32\\config\\SYSTEM";
const SOFTWARE: &str = "system32\\config\\SOFTWARE";
const SECURITY: &str = "system32\\config\\SECURITY";

fn made(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/hives");
    std::fs::read(path.join(name)).unwrap()
}

/// The facts of a Windows folder with these files, given by their paths in it.
fn facts_of(root: &str, files: &[(&str, Vec<u8>)]) -> Collected {
    let mut filesystem = MemoryFileSystem::new();
    for (path, content) in files {
        filesystem = filesystem.file(&format!("{root}\\{path}"), content.clone());
    }
    facts_on(root, filesystem)
}

fn facts_on(root: &str, filesystem: MemoryFileSystem) -> Collected {
    let installation = Installation {
        index: 0,
        system_root: WinPath::new(root),
        filesystem: Arc::new(filesystem),
        locator: Locator::new("image"),
        layers: Vec::new(),
        disk: None,
        neighbours: Vec::new(),
    };
    collect(&installation, Limits::default())
}

/// The value of a found fact, `"absent"`, or `"unknown: REASON"`.
fn value(collected: &Collected, id: &str) -> Value {
    match collected.facts.get(id) {
        None => json!("not collected"),
        Some(Fact::Found { value, .. }) => serde_json::to_value(value).unwrap(),
        Some(Fact::Absent(_)) => json!("absent"),
        Some(Fact::Unknown(unknown)) => json!(format!("unknown: {}", unknown.reason.as_str())),
    }
}

fn check(collected: &Collected, expected: &[(&str, Value)]) {
    for (id, expected) in expected {
        assert_eq!(value(collected, id), *expected, "{id}");
    }
}

fn xpe() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        (SYSTEM, made("xpe_system.hive")),
        (SOFTWARE, made("xpe_software.hive")),
        ("system32\\inetsrv\\inetinfo.exe", Vec::new()),
    ]
}

fn nt4() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        (SYSTEM, made("nt4_system.hive")),
        (SOFTWARE, made("nt4_software.hive")),
    ]
}

#[test]
fn windows_is_read_from_the_current_control_set_and_not_from_the_first() {
    check(
        &facts_of("WINDOWS", &xpe()),
        &[
            ("os.control_set", json!("ControlSet002")),
            ("os.product_type", json!("WinNT")),
            ("os.product_suite", json!(["EmbeddedNT"])),
            ("os.version", json!("5.1")),
            ("os.build", json!(2600)),
            ("os.system_drive", json!("C:")),
            ("os.system_locale", json!("0000040C")),
            ("os.names_match", json!(false)),
            ("os.upgraded_from_nt4", json!(false)),
            ("os.nt4_sp6a", json!(false)),
            ("os.end_of_support", json!("2019-01-08")),
            ("os.names", json!({"ProductName": "Microsoft Windows XP"})),
        ],
    );
}

#[test]
fn a_suffix_of_the_service_pack_is_told_and_the_cross_check_beside_it() {
    let collected = facts_of("WINDOWS", &xpe());
    check(&collected, &[("os.sp", json!(3))]);
    let evidence = collected.facts.get("os.sp").unwrap().evidence();
    let raw: Vec<&str> = evidence
        .iter()
        .filter_map(|place| place.raw.as_deref())
        .collect();
    assert_eq!(
        raw,
        [
            "Service Pack 3, v.5512 (the suffix was left by a hotfix)",
            "0x200: service pack 2, disagrees"
        ]
    );
}

#[test]
fn an_embedded_build_is_told_by_its_suite_and_its_kind_by_the_wpa_key() {
    check(
        &facts_of("WINDOWS", &xpe()),
        &[("os.embedded_kind", json!("wes2009"))],
    );
}

#[test]
fn posready_set_by_hand_and_minioc_inf_do_not_make_an_embedded_windows() {
    let files = [
        (SYSTEM, made("plain_xp_system.hive")),
        (SOFTWARE, made("xpe_software.hive")),
        ("inf\\minioc.inf", Vec::new()),
    ];
    check(
        &facts_of("WINDOWS", &files),
        &[("os.embedded_kind", json!("none"))],
    );
}

#[test]
fn minioc_inf_with_the_fba_folder_makes_an_embedded_windows() {
    let files = [
        (SYSTEM, made("plain_xp_system.hive")),
        (SOFTWARE, made("xpe_software.hive")),
        ("inf\\minioc.inf", Vec::new()),
        ("FBA\\fba.exe", Vec::new()),
    ];
    check(
        &facts_of("WINDOWS", &files),
        &[("os.embedded_kind", json!("posready2009"))],
    );
}

#[test]
fn iis_is_a_version_and_a_service_and_a_program_file() {
    let mut files = xpe();
    check(
        &facts_of("WINDOWS", &files),
        &[
            ("iis.installed", json!(true)),
            ("iis.major_minor", json!("5.1")),
            ("iis.os_pair_ok", json!(true)),
        ],
    );
    files.pop();
    check(
        &facts_of("WINDOWS", &files),
        &[("iis.installed", json!("unknown: corrupt"))],
    );
}

#[test]
fn a_version_and_a_program_file_without_any_service_leave_iis_unknown() {
    let mut files = xpe();
    files[0].1 = made("plain_xp_system.hive");
    check(
        &facts_of("WINDOWS", &files),
        &[("iis.installed", json!("unknown: corrupt"))],
    );
}

#[test]
fn an_empty_service_key_is_no_service_of_iis() {
    let collected = facts_of("WINDOWS", &xpe());
    assert_eq!(
        value(&collected, "iis.services"),
        json!({
            "IISADMIN": {"start": 2, "type": 32, "depends_on": ["RPCSS"],
                "image_path": "%SystemRoot%\\system32\\inetsrv\\inetinfo.exe"},
            "W3SVC": {"start": 2, "type": 32, "depends_on": ["IISADMIN"],
                "image_path": "%SystemRoot%\\system32\\inetsrv\\inetinfo.exe"},
        })
    );
}

#[test]
fn a_program_folder_on_another_drive_leaves_iis_unknown() {
    check(
        &facts_of("WINNT", &nt4()),
        &[("iis.installed", json!("unknown: not_provided"))],
    );
}

#[test]
fn services_that_do_not_wait_for_msdtc_race_it() {
    check(
        &facts_of("WINDOWS", &xpe()),
        &[("svc.race_candidates", json!(["Kiosk", "Agent", "Hosted"]))],
    );
}

#[test]
fn a_missing_dependency_is_a_fault_of_the_service_graph() {
    let fault = json!(["Broken depends on Nowhere, which does not exist"]);
    check(
        &facts_of("WINDOWS", &xpe()),
        &[
            ("svc.graph_faults", fault.clone()),
            ("svc.graph_errors", fault),
        ],
    );
}

#[test]
fn psysdup2_is_told_only_without_its_file() {
    let mut files = xpe();
    let id = "svc.psysdup2_without_file";
    check(&facts_of("WINDOWS", &files), &[(id, json!(true))]);
    files.push(("system32\\psysdup2.exe", Vec::new()));
    check(&facts_of("WINDOWS", &files), &[(id, json!(false))]);
}

#[test]
fn nt4_with_the_option_pack_after_service_pack_6a_is_read() {
    check(
        &facts_of("WINNT", &nt4()),
        &[
            ("os.version", json!("4.0")),
            ("os.sp", json!(6)),
            ("os.nt4_sp6a", json!(true)),
            ("os.embedded_kind", json!("none")),
            ("ie.version", json!("5.0.2919.800")),
            ("ie.at_least_5_01", json!("prerelease")),
            ("iis.ntop", json!(true)),
            ("iis.installed_after_sp", json!(true)),
            ("winlogon.shell_trailing_comma", json!(true)),
            ("policy.LinkResolveIgnoreLinkInfo", json!(0)),
        ],
    );
}

#[test]
fn roles_are_read_and_a_disabled_cluster_service_without_database_is_none() {
    let mut files = nt4();
    check(
        &facts_of("WINNT", &files),
        &[
            ("mts.package_names", json!(["IIS In-Process Applications"])),
            ("mts.in_process_package", json!(true)),
            ("mts.orphan_components", json!(0)),
            ("msdtc.cid", json!("6407e780-7e5d-11d0-8ce6-00c04fdc877e")),
            ("sql.instances", json!(["SHOP"])),
            ("adcs.installed", json!(false)),
            ("cluster.installed", json!(false)),
            ("ts.appserver_mode", json!(false)),
        ],
    );
    files.push(("Cluster\\CLUSDB", Vec::new()));
    check(
        &facts_of("WINNT", &files),
        &[("cluster.installed", json!(true))],
    );
}

#[test]
fn values_of_wrong_types_are_corrupt_and_never_absent() {
    let files = [
        (SYSTEM, made("nt4_system.hive")),
        (SOFTWARE, made("wrong_types_software.hive")),
    ];
    check(
        &facts_of("WINNT", &files),
        &[
            ("os.sp", json!("unknown: corrupt")),
            ("os.build", json!("unknown: corrupt")),
            ("ie.version", json!("unknown: corrupt")),
            ("ie.at_least_5_01", json!("unknown: corrupt")),
            ("iis.major_minor", json!("unknown: corrupt")),
        ],
    );
}

#[test]
fn every_fact_of_an_unreadable_hive_is_unknown() {
    let mut filesystem = MemoryFileSystem::new();
    for hive in [SYSTEM, SOFTWARE, SECURITY] {
        let path = format!("WINDOWS\\{hive}");
        filesystem = filesystem.broken_file(&path, ErrorKind::Io, "bad sector");
    }
    let collected = facts_on("WINDOWS", filesystem);
    let groups = [
        "os.", "ie.", "iis.", "svc.", "cluster.", "mts.", "adcs.", "sql.", "ts.",
    ];
    let known: Vec<&str> = collected
        .facts
        .iter()
        .filter(|(id, _)| groups.iter().any(|group| id.starts_with(group)))
        .filter(|(_, fact)| !matches!(fact, Fact::Unknown(_)))
        .map(|(id, _)| id)
        .collect();
    // Files of the volume show these, not a hive.
    assert_eq!(known, ["iis.file_versions", "os.kernel_file_version"]);
}

#[test]
fn iis_is_not_installed_without_a_service_whatever_else_is_corrupt() {
    let files = [
        (SYSTEM, made("plain_xp_system.hive")),
        (SOFTWARE, b"no hive at all".to_vec()),
    ];
    check(
        &facts_of("WINDOWS", &files),
        &[
            ("iis.installed", json!(false)),
            ("iis.major_minor", json!("unknown: corrupt")),
        ],
    );
}

// ---- real hives ----------------------------------------------------------------------------------------------------

fn real(name: &str) -> Option<Collected> {
    support::corpus::folder()?;
    Some(facts_of(
        "WINDOWS",
        &[(SYSTEM, support::corpus::read(name))],
    ))
}

#[test]
fn windows_7_with_an_empty_w3svc_key_has_no_iis() {
    let Some(collected) = real("hives/win7_x86_system.xz") else {
        return;
    };
    check(
        &collected,
        &[
            ("os.control_set", json!("ControlSet001")),
            ("os.product_type", json!("WinNT")),
            ("os.product_suite", json!(["Terminal Server"])),
            ("os.system_locale", json!("00000409")),
            ("os.names_match", json!(true)),
            ("iis.services", json!({})),
            ("iis.installed", json!(false)),
            ("cluster.installed", json!(false)),
            ("adcs.installed", json!(false)),
            ("svc.psysdup2_without_file", json!(false)),
            ("svc.graph_errors", json!([])),
        ],
    );
}

#[test]
fn third_party_services_of_a_real_windows_7_are_told_from_its_own() {
    let Some(collected) = real("hives/win7_x86_system.xz") else {
        return;
    };
    let vendors = [
        "AdobeARMservice",
        "enterceptAgent",
        "McAfee SiteAdvisor Enterprise Service",
        "McAfeeFramework",
        "McShield",
        "McTaskManager",
        "mfefire",
        "mfevtp",
        "VMTools",
        "VMUpgradeHelper",
    ];
    check(&collected, &[("svc.race_candidates", json!(vendors))]);
}

#[test]
fn a_service_that_cannot_be_read_leaves_the_graph_unknown() {
    let Some(collected) = real("hives/corrupted_system_hive.xz") else {
        return;
    };
    let corrupt = json!("unknown: corrupt");
    check(
        &collected,
        &[
            ("svc.race_candidates", corrupt.clone()),
            ("svc.graph_errors", corrupt),
        ],
    );
}

#[test]
fn an_nt4_domain_controller_is_told_and_its_locale_comes_from_the_language() {
    let Some(collected) = real("hives/nt40_sp3_server_system.zst") else {
        return;
    };
    check(
        &collected,
        &[
            ("os.control_set", json!("ControlSet001")),
            ("os.product_type", json!("LanmanNT")),
            ("os.product_suite", json!(["Enterprise"])),
            ("os.system_locale", json!("00000409")),
            ("os.names_match", json!(true)),
            ("svc.race_candidates", json!([])),
            ("svc.graph_errors", json!([])),
        ],
    );
}

#[test]
fn third_party_services_of_a_real_windows_10_are_told_from_its_own() {
    let Some(collected) = real("hives/win10_1709_dirty_system.xz") else {
        return;
    };
    check(
        &collected,
        &[
            (
                "svc.race_candidates",
                json!([
                    "igfxCUIService1.0.0.0",
                    "ApHidMonitorService",
                    "BcmBtRSupport",
                    "ClickToRunSvc",
                    "dbupdate",
                    "DbxSvc",
                    "gupdate",
                    "NVDisplay.ContainerLocalSystem"
                ]),
            ),
            ("svc.graph_errors", json!([])),
        ],
    );
}

#[test]
fn the_domain_sid_tells_a_member_from_a_workgroup() {
    if support::corpus::folder().is_none() {
        return;
    }
    for (name, joined) in [
        ("hives/nt40_sp3_server_security", true),
        ("hives/server2008_x86_security", true),
        ("hives/server2012_security", true),
        ("hives/server2022_security", true),
        ("hives/win10_security_dirty_nologs.xz", false),
    ] {
        let files = [(SECURITY, support::corpus::read(name))];
        let collected = facts_of("WINDOWS", &files);
        assert_eq!(
            value(&collected, "os.domain_joined"),
            json!(joined),
            "{name}"
        );
    }
}
