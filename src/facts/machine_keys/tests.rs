//! The data flow of this group: files and hives in, facts and listings out.

mod iis_config;
mod pairing;

use std::sync::Arc;

use super::*;
use crate::artifact::machine_key::{CapiFile, IIS_KEY_HASH};
use crate::artifact::master_key_file::tests::file as master_key_file;
use crate::base::limits::Limits;
use crate::base::win_path::WinPath;
use crate::error::ErrorKind;
use crate::evidence::{Locator, UnknownReason, Version};
use crate::facts::Collected;
use crate::facts::test_hive::TestHive;
use crate::image::Installation;
use crate::image::filesystem::FileTimes;
use crate::image::filesystem::memory::MemoryFileSystem;

const GUID: &str = "1b2162a0-ed5a-4d56-bd8a-8f2f65406b82";
const OTHER: &str = "4cbde50a-0e2c-4d3f-8d5e-3a9a4c7e1f00";
const MACHINE_KEYS: &str =
    "Documents and Settings\\All Users\\Application Data\\Microsoft\\Crypto\\RSA\\MachineKeys";
const MASTER_KEY: &str = "ea95eba8-1234-4321-8c7a-00c04fc297eb";
const IIS: &str = "Microsoft Internet Information Server";

/// A key file with both pairs; the bytes follow the table of the format.
fn key_file(container: &str) -> Vec<u8> {
    crate::artifact::machine_key::test_file(container)
}

/// The same whose exchange key needs the master key `OTHER`, given in the order of the disk.
fn key_file_with_two_master_keys() -> Vec<u8> {
    let mut file = key_file(IIS);
    let parsed = CapiFile::parse(&file, file.len() as u64).unwrap();
    let guid = usize::try_from(parsed.exchange.private.start).unwrap() + 24;
    file[guid..guid + 16].copy_from_slice(&[
        0x0a, 0xe5, 0xbd, 0x4c, 0x2c, 0x0e, 0x3f, 0x4d, 0x8d, 0x5e, 0x3a, 0x9a, 0x4c, 0x7e, 0x1f,
        0x00,
    ]);
    file
}

const PROTECT: &str = "WINNT\\system32\\Microsoft\\Protect\\S-1-5-18";

fn c23(guid: &str) -> String {
    format!("{IIS_KEY_HASH}_{guid}")
}

fn software() -> TestHive {
    TestHive::new()
        .text(
            "Microsoft\\Windows NT\\CurrentVersion",
            "SystemRoot",
            "C:\\WINNT",
        )
        .text("Microsoft\\Cryptography", "MachineGuid", GUID)
}

fn with_software(hive: TestHive) -> MemoryFileSystem {
    MemoryFileSystem::new().file("WINNT\\system32\\config\\SOFTWARE", hive.bytes())
}

/// Collects with IIS of that version installed; `None` for no IIS.
fn collected(fs: MemoryFileSystem, iis: Option<&str>) -> Collected {
    collected_in(fs, "WINNT", &[], iis)
}

/// An installation of a volume with other Windows folders.
fn installation(fs: MemoryFileSystem, system_root: &str, neighbours: &[&str]) -> Installation {
    Installation {
        index: 0,
        system_root: WinPath::new(system_root),
        filesystem: Arc::new(fs),
        locator: Locator::new("test"),
        layers: Vec::new(),
        disk: None,
        neighbours: neighbours.iter().map(|path| WinPath::new(path)).collect(),
    }
}

/// The same of the installation in `system_root`, with the Windows folders of others on the volume.
fn collected_in(
    fs: MemoryFileSystem,
    system_root: &str,
    neighbours: &[&str],
    iis: Option<&str>,
) -> Collected {
    let installation = installation(fs, system_root, neighbours);
    let context = Context::new(&installation, Limits::default());
    let mut facts = Facts::new();
    let place = || Evidence::at(Locator::new("test"));
    let version = |text| Value::Version(Version::parse(text).unwrap());
    facts.put("os.version", Fact::found(version("5.0"), place()));
    facts.put("iis.installed", Fact::found(iis.is_some(), place()));
    if let Some(iis) = iis {
        facts.put("iis.major_minor", Fact::found(version(iis), place()));
    }
    let keys = collect(&context, &mut facts);
    Collected {
        facts,
        machine_keys: keys.machine_keys,
        unread_keys: keys.unread,
        metabases: keys.metabases,
        plan: keys.plan,
        failures: crate::facts::event_logs::Failures::default(),
        notes: keys.notes,
    }
}

/// The value of a fact as text, `absent`, or `unknown:REASON`.
fn shown(collected: &Collected, id: &str) -> String {
    match collected.facts.get(id).unwrap().get() {
        Ok(Some((value, _))) => value.to_string(),
        Ok(None) => "absent".to_owned(),
        Err(unknown) => format!("unknown:{}", unknown.reason.as_str()),
    }
}

/// The hive of Windows 2000 with the folder of its profiles.
fn software_with_profiles(all_users: &str) -> TestHive {
    let list = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList";
    let folder = "%SystemDrive%\\Documents and Settings";
    software()
        .text(list, "ProfilesDirectory", folder)
        .text(list, "AllUsersProfile", all_users)
}

/// The names of key files of IIS that an installation in `Windows.old` has, beside a live one with a key of another name.
fn check_put_aside(hive: TestHive, with_it: &[&str], expected: &str) {
    let mut fs = MemoryFileSystem::new()
        .file(
            "Windows.old\\WINNT\\system32\\config\\SOFTWARE",
            hive.bytes(),
        )
        .file(&format!("{MACHINE_KEYS}\\{}", c23(GUID)), key_file(IIS));
    for path in with_it {
        fs = fs.file(&format!("Windows.old\\{path}"), key_file(IIS));
    }
    let collected = collected_in(fs, "Windows.old\\WINNT", &["WINNT"], Some("5.0"));
    assert_eq!(
        shown(&collected, "crypto.c23_files"),
        expected,
        "{with_it:?}"
    );
    let is_own = |key: &MachineKey| key.path.starts_with("Windows.old\\");
    assert!(collected.machine_keys.iter().all(is_own));
}

#[test]
fn an_installation_that_was_put_aside_has_the_keys_beside_it_and_not_those_of_the_live_one() {
    let beside = format!("{MACHINE_KEYS}\\{}", c23(OTHER));
    for hive in [software(), software_with_profiles("All Users")] {
        check_put_aside(hive, &[&beside], &c23(OTHER));
    }
}

#[test]
fn keys_that_were_not_put_aside_with_their_installation_are_unknown() {
    for hive in [software(), software_with_profiles("All Users")] {
        check_put_aside(hive, &[], "unknown:not_provided");
    }
}

#[test]
fn keys_are_unknown_where_it_is_not_recorded_what_was_put_aside() {
    let hive = TestHive::new().text("Microsoft\\Cryptography", "MachineGuid", GUID);
    let beside = format!("{MACHINE_KEYS}\\{}", c23(OTHER));
    check_put_aside(hive, &[&beside], "unknown:not_provided");
}

#[test]
fn an_answer_file_in_the_root_is_not_that_of_an_installation_that_was_put_aside() {
    let answers = |path: &str| {
        let config = "Windows.old\\WINNT\\system32\\config\\SOFTWARE";
        let fs = MemoryFileSystem::new()
            .file(config, software().bytes())
            .file(path, "[Unattended]");
        let installation = installation(fs, "Windows.old\\WINNT", &["WINNT"]);
        let collected = crate::facts::collect(&installation, Limits::default());
        shown(&collected, "sysprep.answer_files")
    };
    let own = answers("Windows.old\\sysprep\\sysprep.inf");
    assert_eq!(own, "Windows.old\\sysprep\\sysprep.inf");
    assert_eq!(answers("sysprep\\sysprep.inf"), "(none)");
}

/// The names of key files of IIS of an installation beside which another one lies.
fn check_side_by_side(hive: TestHive, expected: &str) {
    let of_it = MACHINE_KEYS.replace("All Users", "All Users.WINNT");
    let fs = with_software(hive)
        .file(&format!("{MACHINE_KEYS}\\{}", c23(GUID)), key_file(IIS))
        .file(&format!("{of_it}\\{}", c23(OTHER)), key_file(IIS));
    let collected = collected_in(fs, "WINNT", &["WINDOWS"], Some("5.0"));
    assert_eq!(shown(&collected, "crypto.c23_files"), expected);
}

#[test]
fn of_two_installations_side_by_side_each_has_the_profiles_that_its_registry_names() {
    check_side_by_side(software_with_profiles("All Users.WINNT"), &c23(OTHER));
    check_side_by_side(software_with_profiles("All Users"), &c23(GUID));
}

#[test]
fn profiles_of_two_installations_that_no_registry_names_are_those_of_neither() {
    check_side_by_side(software(), "unknown:not_provided");
}

#[test]
fn a_windows_folder_alone_does_not_show_that_it_has_no_keys() {
    let fs = MemoryFileSystem::new().file("system32\\config\\SOFTWARE", software().bytes());
    let collected = collected_in(fs, "", &[], Some("5.0"));
    assert_eq!(
        shown(&collected, "crypto.c23_files"),
        "unknown:not_provided"
    );
    assert_eq!(shown(&collected, "key.pairing"), "unknown:not_provided");
}

/// State and plan with these files in MachineKeys.
fn check_mapping(names: &[String], state: &str, plan: &str) {
    let mut fs = with_software(software()).directory(MACHINE_KEYS);
    for name in names {
        fs = fs.file(&format!("{MACHINE_KEYS}\\{name}"), key_file(IIS));
    }
    fs = fs.file(
        &format!("{PROTECT}\\{MASTER_KEY}"),
        master_key_file(MASTER_KEY),
    );
    let collected = collected(fs, Some("5.0"));
    assert_eq!(shown(&collected, "crypto.c23_state"), state, "{names:?}");
    assert_eq!(shown(&collected, "key.repair_plan"), plan, "{names:?}");
}

#[test]
fn no_key_of_iis_needs_no_repair() {
    let server = format!("7a436fe806e483969f48a894af2fe9a1_{OTHER}");
    check_mapping(&[], "none", "none");
    check_mapping(&[server], "none", "none");
}

#[test]
fn one_key_that_carries_machine_guid_needs_no_repair_whatever_its_case() {
    check_mapping(&[c23(GUID)], "match_only", "none");
    check_mapping(&[c23(GUID).to_uppercase()], "match_only", "none");
}

#[test]
fn keys_beside_the_matching_one_are_not_decided_by_their_names() {
    check_mapping(&[c23(GUID), c23(OTHER)], "match_plus_older", "undecided");
}

#[test]
fn keys_none_of_which_carries_machine_guid_are_a_mismatch() {
    check_mapping(&[c23(OTHER)], "mismatch", "undecided");
    check_mapping(&[c23(&format!("{GUID}.bak"))], "mismatch", "undecided");
}

#[test]
fn a_matching_key_that_is_cut_short_leaves_the_plan_open() {
    let mut cut = key_file(IIS);
    cut.pop();
    let fs = with_software(software()).file(&format!("{MACHINE_KEYS}\\{}", c23(GUID)), cut);
    let collected = collected(fs, Some("5.0"));
    assert_eq!(shown(&collected, "crypto.c23_state"), "match_only");
    assert_eq!(shown(&collected, "key.repair_plan"), "undecided");
    assert_eq!(collected.machine_keys[0].proof.well_formed, Some(false));
}

#[test]
fn a_key_without_its_master_key_leaves_the_plan_open() {
    let fs =
        with_software(software()).file(&format!("{MACHINE_KEYS}\\{}", c23(GUID)), key_file(IIS));
    let collected = collected(fs, Some("5.0"));
    assert_eq!(
        collected.machine_keys[0].proof.master_key_present,
        Some(false)
    );
    assert_eq!(shown(&collected, "key.repair_plan"), "undecided");
}

/// `proof.master_key_present` of a file that needs two master keys, and `key.master_keys`.
fn check_master_keys(
    change: impl Fn(MemoryFileSystem) -> MemoryFileSystem,
    present: Option<bool>,
    fact: &str,
) {
    let path = format!("{MACHINE_KEYS}\\{}", c23(GUID));
    let fs = with_software(software()).file(&path, key_file_with_two_master_keys());
    let collected = collected(change(fs), Some("5.0"));
    assert_eq!(collected.machine_keys[0].proof.master_key_present, present);
    let shown = shown(&collected, "key.master_keys");
    assert!(shown.contains(fact), "{shown}");
}

#[test]
fn both_master_keys_must_be_there_in_either_folder() {
    check_master_keys(
        |fs| {
            fs.file(
                &format!("{PROTECT}\\{MASTER_KEY}"),
                master_key_file(MASTER_KEY),
            )
            .file(&format!("{PROTECT}\\User\\{OTHER}"), master_key_file(OTHER))
        },
        Some(true),
        &format!("{OTHER}=present"),
    );
}

#[test]
fn one_missing_master_key_is_missing_and_its_guid_is_shown() {
    check_master_keys(
        |fs| {
            fs.file(
                &format!("{PROTECT}\\{MASTER_KEY}"),
                master_key_file(MASTER_KEY),
            )
        },
        Some(false),
        &format!("{OTHER}=missing"),
    );
}

#[test]
fn a_master_key_file_that_is_none_or_is_that_of_another_guid_is_damaged() {
    for wrong in [vec![0; 468], master_key_file(MASTER_KEY)] {
        check_master_keys(
            |fs| {
                fs.file(
                    &format!("{PROTECT}\\{MASTER_KEY}"),
                    master_key_file(MASTER_KEY),
                )
                .file(&format!("{PROTECT}\\{OTHER}"), wrong.clone())
            },
            Some(false),
            &format!("{OTHER}=damaged"),
        );
    }
}

#[test]
fn a_master_key_file_that_cannot_be_read_leaves_its_presence_open() {
    check_master_keys(
        |fs| {
            fs.file(
                &format!("{PROTECT}\\{MASTER_KEY}"),
                master_key_file(MASTER_KEY),
            )
            .broken_file(&format!("{PROTECT}\\{OTHER}"), ErrorKind::Io, "bad sector")
        },
        None,
        &format!("{OTHER}=unreadable"),
    );
}

#[test]
fn a_key_of_another_container_is_not_consistent_with_its_name() {
    let fs = with_software(software()).file(
        &format!("{MACHINE_KEYS}\\{}", c23(GUID)),
        key_file("MS IIS DCOM Server"),
    );
    let collected = collected(fs, Some("5.0"));
    assert_eq!(collected.machine_keys[0].proof.name_consistent, Some(false));
    assert_eq!(shown(&collected, "key.repair_plan"), "undecided");
}

#[test]
fn a_file_of_an_unknown_container_is_named_by_its_content() {
    let fs = with_software(software()).file(
        &format!("{MACHINE_KEYS}\\52ab417621a9d74c73e3e0f1bc374e0a_{GUID}"),
        key_file("MyCoolContainer"),
    );
    let key = &collected(fs, None).machine_keys[0];
    assert_eq!(key.container_name.as_deref(), Some("MyCoolContainer"));
    assert_eq!(key.matches_machine_guid, Some(true));
}

#[test]
fn a_malformed_machine_guid_is_found_as_spelled_and_not_well_formed() {
    let hive = TestHive::new().text("Microsoft\\Cryptography", "MachineGuid", "{1B2162A0}");
    let collected = collected(with_software(hive), None);
    assert_eq!(shown(&collected, "crypto.machine_guid"), "{1B2162A0}");
    assert_eq!(shown(&collected, "crypto.machine_guid_well_formed"), "no");
}

#[test]
fn a_machine_guid_of_another_type_is_unknown_and_not_well_formed() {
    let hive = TestHive::new().number("Microsoft\\Cryptography", "MachineGuid", 7);
    let collected = collected(with_software(hive), None);
    assert_eq!(shown(&collected, "crypto.machine_guid"), "unknown:corrupt");
    assert_eq!(shown(&collected, "crypto.machine_guid_well_formed"), "no");
}

#[test]
fn without_machine_guid_no_key_matches() {
    let hive = TestHive::new().key("Microsoft\\Cryptography");
    let fs = with_software(hive).file(&format!("{MACHINE_KEYS}\\{}", c23(GUID)), key_file(IIS));
    let collected = collected(fs, Some("5.0"));
    assert_eq!(shown(&collected, "crypto.machine_guid"), "absent");
    assert_eq!(
        shown(&collected, "crypto.machine_guid_well_formed"),
        "absent"
    );
    assert_eq!(shown(&collected, "crypto.c23_state"), "mismatch");
}

#[test]
fn an_unreadable_software_hive_leaves_the_mapping_unknown() {
    let fs = MemoryFileSystem::new()
        .file("WINNT\\system32\\config\\SOFTWARE", vec![0; 8192])
        .file(&format!("{MACHINE_KEYS}\\{}", c23(GUID)), key_file(IIS));
    let collected = collected(fs, Some("5.0"));
    assert_eq!(shown(&collected, "crypto.machine_guid"), "unknown:corrupt");
    assert_eq!(
        shown(&collected, "crypto.machine_guid_well_formed"),
        "unknown:corrupt"
    );
    assert_eq!(shown(&collected, "crypto.c23_state"), "unknown:corrupt");
    assert_eq!(collected.machine_keys[0].matches_machine_guid, None);
}

#[test]
fn an_unreadable_folder_is_unknown_and_not_empty() {
    let fs = with_software(software()).broken_directory(MACHINE_KEYS, ErrorKind::Corrupt, "index");
    let collected = collected(fs, Some("5.0"));
    assert_eq!(shown(&collected, "crypto.c23_files"), "unknown:corrupt");
    assert_eq!(shown(&collected, "crypto.c23_state"), "unknown:corrupt");
    assert_eq!(shown(&collected, "crypto.machinekeys_dir"), MACHINE_KEYS);
}

#[test]
fn an_unreadable_folder_of_cng_keys_is_a_note_and_hides_no_key_of_iis() {
    let crypto = MACHINE_KEYS.strip_suffix("RSA\\MachineKeys").unwrap();
    let fs = with_software(software())
        .directory(MACHINE_KEYS)
        .broken_directory(&format!("{crypto}Keys"), ErrorKind::Corrupt, "index");
    let collected = collected(fs, Some("5.0"));
    assert_eq!(shown(&collected, "crypto.c23_state"), "none");
    assert_eq!(collected.notes.len(), 1);
}

#[test]
fn a_localised_folder_is_found_by_shell_folders() {
    let app_data = "Dokumente und Einstellungen\\All Users\\Anwendungsdaten";
    let hive = software().text(
        "Microsoft\\Windows\\CurrentVersion\\Explorer\\Shell Folders",
        "Common AppData",
        &format!("C:\\{app_data}"),
    );
    let folder = format!("{app_data}\\Microsoft\\Crypto\\RSA\\MachineKeys");
    let fs = with_software(hive).file(&format!("{folder}\\{}", c23(GUID)), key_file(IIS));
    assert_eq!(
        shown(&collected(fs, None), "crypto.machinekeys_dir"),
        folder
    );
}

#[test]
fn a_localised_folder_is_found_by_profile_list_alone() {
    const LIST: &str = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList";
    let hive = software()
        .text(
            LIST,
            "ProfilesDirectory",
            "%SystemDrive%\\Dokumente und Einstellungen",
        )
        .text(LIST, "AllUsersProfile", "All Users");
    let folder = "Dokumente und Einstellungen\\All Users\\Anwendungsdaten\\Microsoft\\Crypto\\RSA\\MachineKeys";
    let fs = with_software(hive).directory(folder);
    assert_eq!(
        shown(&collected(fs, None), "crypto.machinekeys_dir"),
        folder
    );
}

#[test]
fn a_localised_folder_is_found_without_the_registry() {
    let folder =
        "Dokumente und Einstellungen\\Alle\\Anwendungsdaten\\Microsoft\\Crypto\\RSA\\MachineKeys";
    let fs = with_software(software()).directory(folder).file(
        "Dokumente und Einstellungen\\Default User\\NTUSER.DAT",
        [0; 4],
    );
    assert_eq!(
        shown(&collected(fs, None), "crypto.machinekeys_dir"),
        folder
    );
}

#[test]
fn profiles_on_another_volume_are_unknown_and_not_absent() {
    let hive = software().text(
        "Microsoft\\Windows\\CurrentVersion\\Explorer\\Shell Folders",
        "Common AppData",
        "D:\\Profiles\\All Users\\Application Data",
    );
    let collected = collected(with_software(hive), Some("5.0"));
    assert_eq!(
        shown(&collected, "crypto.c23_files"),
        "unknown:not_provided"
    );
}

#[test]
fn every_folder_that_exists_is_listed() {
    let second = "WINNT\\system32\\Microsoft\\Crypto\\RSA\\MachineKeys";
    let system = MACHINE_KEYS.replace("MachineKeys", "S-1-5-18");
    let fs = with_software(software())
        .file(&format!("{MACHINE_KEYS}\\{}", c23(OTHER)), key_file(IIS))
        .file(&format!("{second}\\{}", c23(OTHER)), key_file(IIS))
        .file(&format!("{system}\\{}", c23(GUID)), key_file(IIS));
    let collected = collected(fs, Some("5.0"));
    assert_eq!(
        shown(&collected, "crypto.machinekeys_dir"),
        format!("{MACHINE_KEYS}, {second}")
    );
    assert_eq!(collected.machine_keys.len(), 3);
    assert_eq!(shown(&collected, "crypto.c23_state"), "match_plus_older");
}

#[test]
fn an_encrypted_key_file_is_told() {
    let name = format!("{MACHINE_KEYS}\\{}", c23(GUID));
    let fs = with_software(software()).file(&name, key_file(IIS)).with(
        &name,
        0x4020,
        FileTimes::default(),
        None,
    );
    assert_eq!(shown(&collected(fs, None), "crypto.machinekeys_efs"), "yes");
    let plain = with_software(software()).file(&name, key_file(IIS));
    assert_eq!(
        shown(&collected(plain, None), "crypto.machinekeys_efs"),
        "no"
    );
}

#[test]
fn a_file_system_without_access_lists_leaves_them_unknown() {
    let fs = with_software(software()).directory(MACHINE_KEYS);
    assert!(shown(&collected(fs, None), "crypto.machinekeys_acl").starts_with("unknown:"));
}

#[test]
fn without_a_folder_of_machine_keys_there_is_nothing_to_judge() {
    let collected = collected(with_software(software()), None);
    assert_eq!(shown(&collected, "crypto.machinekeys_acl"), "absent");
    assert_eq!(shown(&collected, "crypto.machinekeys_efs"), "absent");
    assert_eq!(shown(&collected, "crypto.machinekeys_dir"), "(none)");
}

#[test]
fn containers_of_nt_4_are_named_from_the_registry() {
    let hive = software()
        .key("Microsoft\\Cryptography\\MachineKeys\\Microsoft Internet Information Server");
    let collected = collected(with_software(hive), Some("4.0"));
    assert_eq!(shown(&collected, "crypto.registry_key_containers"), IIS);
    assert_eq!(shown(&collected, "crypto.c23_files"), "(none)");
}

/// State of the metabase with one file beside the hives.
fn check_metabase(iis: &str, file: Option<(&str, &[u8])>, in_use: &str, state: &str) {
    let system = TestHive::new().number("Select", "Current", 1).text(
        "ControlSet001\\Services\\IISADMIN",
        "ImagePath",
        "inetinfo.exe",
    );
    let mut fs = with_software(software()).file("WINNT\\system32\\config\\SYSTEM", system.bytes());
    if let Some((name, content)) = file {
        fs = fs.file(&format!("WINNT\\system32\\inetsrv\\{name}"), content);
    }
    let collected = collected(fs, Some(iis));
    assert_eq!(
        shown(&collected, "iis.metabase_in_use"),
        in_use,
        "{iis} {file:?}"
    );
    assert_eq!(
        shown(&collected, "iis.metabase_state"),
        state,
        "{iis} {file:?}"
    );
}

#[test]
fn the_metabase_is_the_file_of_the_version() {
    check_metabase("5.1", Some(("metabase.bin", b"x")), "yes", "ok");
    check_metabase("5.1", Some(("MetaBase.xml", b"<a/>")), "yes", "missing");
    check_metabase("6.0", Some(("MetaBase.xml", b"<a/>")), "yes", "ok");
    check_metabase("6.0", Some(("metabase.bin", b"x")), "yes", "missing");
}

#[test]
fn a_metabase_is_empty_or_unreadable_by_its_content() {
    check_metabase("6.0", Some(("MetaBase.xml", b"")), "yes", "empty");
    check_metabase("6.0", Some(("MetaBase.xml", &[0; 100])), "yes", "empty");
    check_metabase("6.0", Some(("MetaBase.xml", b"<a>")), "yes", "unreadable");
}

#[test]
fn from_iis_7_on_a_metabase_is_used_for_the_compatibility_only() {
    check_metabase("10.0", Some(("MetaBase.xml", b"<a/>")), "yes", "ok");
    check_metabase("10.0", None, "yes", "missing");
    check_metabase("3.0", None, "no", "absent");
}

#[test]
fn a_metabase_that_cannot_be_read_is_unknown() {
    let fs = with_software(software()).broken_file(
        "WINNT\\system32\\inetsrv\\MetaBase.xml",
        ErrorKind::Io,
        "bad sector",
    );
    let collected = collected(fs, Some("6.0"));
    assert_eq!(
        shown(&collected, "iis.metabase_state"),
        "unknown:unreadable"
    );
}

#[test]
fn the_metabase_is_looked_for_where_the_registry_says() {
    let hive = software().text("Microsoft\\InetStp", "InstallPath", "C:\\WINNT\\iis");
    let fs = with_software(hive).file("WINNT\\iis\\MetaBase.bin", "x");
    let moved = software().text(
        "Microsoft\\INetMgr\\Parameters",
        "MetadataFile",
        "C:\\mb\\a.bin",
    );
    let fs_moved = with_software(moved).file("mb\\a.bin", "x");
    for fs in [fs, fs_moved] {
        assert_eq!(
            shown(&collected(fs, Some("5.0")), "iis.metabase_state"),
            "ok"
        );
    }
}

#[test]
fn an_encrypted_value_of_iis_7_is_told_without_its_content() {
    let text = "<configuration><a password=\"[enc:AesProvider:c2VjcmV0:enc]\"/></configuration>";
    let path = "WINNT\\system32\\inetsrv\\config\\applicationHost.config";
    let fs = || with_software(software()).file(path, text);
    let found = collected(fs(), Some("7.5"));
    assert_eq!(shown(&found, "iis.config_encrypted"), "yes");
    let json = serde_json::to_string(&found.facts).unwrap();
    assert!(!json.contains("c2VjcmV0"), "{json}");
    assert_eq!(
        shown(&collected(fs(), Some("6.0")), "iis.config_encrypted"),
        "absent"
    );
    assert_eq!(
        shown(&collected(fs(), None), "iis.config_encrypted"),
        "absent"
    );
}

#[test]
fn without_its_configuration_nothing_is_known_of_the_encrypted_values_of_iis_7() {
    let collected = collected(with_software(software()), Some("7.5"));
    assert_eq!(
        shown(&collected, "iis.config_encrypted"),
        "unknown:not_provided"
    );
}

#[test]
fn a_configuration_at_another_place_is_unknown_and_not_free_of_encrypted_values() {
    let folder = "WINNT\\system32\\inetsrv\\config";
    let with = |redirected: &str| {
        let text = format!(
            "<configuration><configurationRedirection enabled=\"{redirected}\" path=\"x\"/></configuration>"
        );
        let fs = with_software(software())
            .file(&format!("{folder}\\applicationHost.config"), "<a/>")
            .file(&format!("{folder}\\redirection.config"), text);
        shown(&collected(fs, Some("7.5")), "iis.config_encrypted")
    };
    assert_eq!(with("true"), "unknown:not_provided");
    assert_eq!(with("false"), "no");
}

#[test]
fn an_iis_without_a_folder_of_machine_keys_leaves_the_access_to_them_unknown() {
    let collected = collected(with_software(software()), Some("6.0"));
    assert_eq!(
        shown(&collected, "crypto.machinekeys_acl"),
        "unknown:not_provided"
    );
}

#[test]
fn a_broken_configuration_is_unknown_and_not_free_of_encrypted_values() {
    let path = "WINNT\\system32\\inetsrv\\config\\applicationHost.config";
    let fs = with_software(software()).file(path, "<configuration>");
    let collected = collected(fs, Some("7.5"));
    assert_eq!(shown(&collected, "iis.config_encrypted"), "unknown:corrupt");
}

#[test]
fn the_backup_of_iischema_is_found_by_its_name_in_any_case() {
    let path = "WINNT\\system32\\inetsrv\\metaback\\IISCHEMA-UPDATE.MD0";
    let with = with_software(software()).file(path, "x");
    assert_eq!(
        shown(&collected(with, None), "iis.iischema_update_backup"),
        "yes"
    );
    let without = with_software(software());
    assert_eq!(
        shown(&collected(without, None), "iis.iischema_update_backup"),
        "no"
    );
}

#[test]
fn the_backup_of_iischema_is_looked_for_in_the_folder_of_iis() {
    let fact = |install_path: &str| {
        let hive = software().text("Microsoft\\InetStp", "InstallPath", install_path);
        let fs = with_software(hive).file("iis\\MetaBack\\Iischema-update.md0", "x");
        shown(&collected(fs, None), "iis.iischema_update_backup")
    };
    assert_eq!(fact("C:\\iis"), "yes");
    assert_eq!(fact("D:\\iis"), "unknown:not_provided");
}

#[test]
fn the_view_has_the_keys_of_the_report_in_their_order() {
    let fs = with_software(software())
        .file(&format!("{MACHINE_KEYS}\\{}", c23(OTHER)), key_file(IIS))
        .file("WINNT\\system32\\inetsrv\\MetaBase.bin", "x");
    let collected = collected(fs, Some("5.0"));
    let text = serde_json::to_string(&KeysView::new(&collected)).unwrap();
    let places: Vec<_> = ["machine_guid", "guids", "metabases", "machine_keys", "plan"]
        .map(|key| text.find(&format!("\"{key}\":")).unwrap())
        .to_vec();
    assert!(places.is_sorted(), "{text}");
    assert!(text.contains("\"decision\":\"undecided\",\"actions\":[],\"reason\":\"no key file"));
    assert!(text.contains("\"kind\":\"bin\",\"session_key_blobs\":0,\"data_blobs\":0,\"signed_by\":[],\"by_inference\":true,\"live\":true,\"outcome\":\"no_blob\""));
}

#[test]
fn an_unknown_reason_survives_into_the_evidence() {
    let fs = MemoryFileSystem::new().directory(MACHINE_KEYS);
    let collected = collected(fs, Some("5.0"));
    let Err(unknown) = collected.facts.get("crypto.machine_guid").unwrap().get() else {
        panic!("found");
    };
    assert_eq!(unknown.reason, UnknownReason::NotProvided);
}

#[test]
fn former_key_files_are_those_that_do_not_carry_machine_guid() {
    let fs = with_software(software())
        .file(&format!("{MACHINE_KEYS}\\{}", c23(OTHER)), key_file(IIS))
        .file(&format!("{MACHINE_KEYS}\\{}", c23(GUID)), key_file(IIS));
    let collected = collected(fs, Some("5.0"));
    assert_eq!(shown(&collected, "crypto.c23_former_files"), c23(OTHER));
}

#[test]
fn without_machine_guid_being_known_no_key_file_is_a_former_one() {
    let fs =
        MemoryFileSystem::new().file(&format!("{MACHINE_KEYS}\\{}", c23(OTHER)), key_file(IIS));
    let collected = collected(fs, Some("5.0"));
    let former = shown(&collected, "crypto.c23_former_files");
    assert_eq!(former, "unknown:not_provided");
}

#[test]
fn access_lists_are_unknown_beside_a_folder_of_keys_that_cannot_be_listed() {
    let second = MACHINE_KEYS.replace("MachineKeys", "S-1-5-18");
    let fs = with_software(software())
        .file(&format!("{MACHINE_KEYS}\\{}", c23(GUID)), key_file(IIS))
        .broken_directory(&second, ErrorKind::Corrupt, "no index");
    let collected = collected(fs, Some("5.0"));
    assert_eq!(
        shown(&collected, "crypto.machinekeys_efs"),
        "unknown:corrupt"
    );
    assert_eq!(
        shown(&collected, "crypto.machinekeys_acl"),
        "unknown:corrupt"
    );
    assert_eq!(collected.unread_keys.len(), 1);
    assert!(collected.unread_keys[0].location.ends_with(&second));
}

#[test]
fn a_file_that_efs_encrypts_decides_whatever_else_cannot_be_read() {
    let file = format!("{MACHINE_KEYS}\\{}", c23(GUID));
    let fs = with_software(software())
        .file(&file, key_file(IIS))
        .with(&file, 0x4020, FileTimes::default(), None)
        .broken_directory(
            &MACHINE_KEYS.replace("MachineKeys", "S-1-5-18"),
            ErrorKind::Corrupt,
            "no index",
        );
    let collected = collected(fs, Some("5.0"));
    assert_eq!(shown(&collected, "crypto.machinekeys_efs"), "yes");
}
