use crate::evidence::{Fact, Value};
use crate::facts::Facts;
use crate::facts::identities::collect;
use crate::facts::test_hive::TestHive;
use crate::facts::test_image::{TestImage, expect, first_evidence};

fn facts(image: TestImage) -> Facts {
    image.collect(&[collect])
}

fn member() -> TestImage {
    TestImage::new("5.1", "none")
        .hive("SOFTWARE", "software_complete")
        .hive("SAM", "sam")
        .hive("SECURITY", "security")
}

/// The bytes of the recipe: numbers 1, 2, 3 in the second entry of the table, and a name behind them.
#[test]
fn the_machine_sid_is_the_second_entry_of_the_account_domain() {
    expect(
        &facts(member()),
        &[
            ("id.machine_sid", "S-1-5-21-1-2-3"),
            ("id.sid_match", "yes"),
        ],
    );
}

#[test]
fn sam_and_security_of_two_machines_do_not_match() {
    let image = TestImage::new("5.1", "none")
        .hive("SAM", "sam")
        .hive("SECURITY", "security_other");
    expect(&facts(image), &[("id.sid_match", "no")]);
}

#[test]
fn a_sid_that_cannot_be_seen_is_no_mismatch() {
    let image = TestImage::new("5.1", "none").hive("SAM", "sam");
    expect(&facts(image), &[("id.sid_match", "unknown:not_provided")]);
}

#[test]
fn profiles_of_the_machine_and_of_its_domain_are_not_foreign() {
    expect(
        &facts(member()),
        &[("id.foreign_sids", "S-1-5-21-7-8-9-1001")],
    );
}

#[test]
fn without_the_domain_a_sid_of_another_domain_is_foreign() {
    let image = TestImage::new("5.1", "none")
        .hive("SOFTWARE", "software_complete")
        .hive("SAM", "sam")
        .hive("SECURITY", "security_other");
    expect(
        &facts(image),
        &[(
            "id.foreign_sids",
            "S-1-5-21-4-5-6-1002, S-1-5-21-7-8-9-1001",
        )],
    );
}

#[test]
fn without_sam_no_profile_is_called_foreign() {
    let image = TestImage::new("5.1", "none").hive("SOFTWARE", "software_complete");
    expect(
        &facts(image),
        &[("id.foreign_sids", "unknown:not_provided")],
    );
}

#[test]
fn identities_of_services_are_found() {
    expect(
        &facts(member()),
        &[
            ("msmq.qmid", "1b2162a0-ed5a-4d56-bd8a-8f2f65406b82"),
            ("sms.identity", "SMS Unique Identifier"),
            ("wsus.client_id", "0f0f0f0f-1111-2222-3333-444444444444"),
            (
                "id.sqm_machine_id",
                "{00000000-0000-0000-0000-000000000002}",
            ),
            ("id.rdp_certificate", "yes"),
            ("id.agents", "McAfee ePolicy Orchestrator agent"),
        ],
    );
}

#[test]
fn identities_that_are_not_there_are_absent_or_none() {
    let image = TestImage::new("10.0", "none").hive("SOFTWARE", "software_sealed");
    expect(
        &facts(image),
        &[
            ("msmq.qmid", "absent"),
            ("sms.identity", "(none)"),
            ("wsus.client_id", "absent"),
            ("id.sqm_machine_id", "absent"),
            ("id.rdp_certificate", "no"),
            ("id.agents", "(none)"),
        ],
    );
}

/// The recipe has an agent, a certificate of Remote Desktop and the SMS client; an agent's identity is not shown.
#[test]
fn identities_of_the_table_are_shown_or_told_by_a_fingerprint() {
    let facts = facts(member());
    let Some(Fact::Found {
        value: Value::Map(stored),
        evidence,
        ..
    }) = facts.get("id.stored")
    else {
        panic!("{:?}", facts.get("id.stored"));
    };
    let names: Vec<&str> = stored.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "McAfee ePolicy Orchestrator agent",
            "Remote Desktop certificate",
            "SMS Unique Identifier"
        ]
    );
    let agent = stored["McAfee ePolicy Orchestrator agent"].to_string();
    assert!(agent.starts_with("sha256:") && agent.len() == 71, "{agent}");
    assert_eq!(evidence.len(), 3);
}

#[test]
fn the_identity_of_the_sms_client_is_read_from_its_file() {
    let image = TestImage::new("5.2", "none")
        .hive("SOFTWARE", "software_sealed")
        .file(
            "WINDOWS\\SMSCFG.INI",
            "[Configuration - Client Properties]\r\nSMS Unique Identifier=GUID:1\r\n",
        );
    let stored = "SMS Unique Identifier (Smscfg.ini)=GUID:1";
    expect(&facts(image), &[("id.stored", stored)]);
}

#[test]
fn a_hive_that_cannot_be_read_leaves_the_table_unknown_and_what_files_tell_incomplete() {
    let none = TestImage::new("5.2", "none");
    expect(&facts(none), &[("id.stored", "unknown:not_provided")]);
    let image = TestImage::new("5.2", "none")
        .file("WINDOWS\\SMSCFG.INI", "[a]\r\nSMS Unique Identifier=1\r\n");
    let facts = facts(image);
    expect(
        &facts,
        &[("id.stored", "SMS Unique Identifier (Smscfg.ini)=1")],
    );
    assert!(facts.incomplete("id.stored").is_some());
}

#[test]
fn a_file_of_the_sms_client_is_an_identity() {
    let image = TestImage::new("5.1", "none")
        .hive("SOFTWARE", "software_sealed")
        .file("WINDOWS\\SMSCFG.INI", "");
    expect(&facts(image), &[("sms.identity", "WINDOWS\\Smscfg.ini")]);
}

#[test]
fn name_and_duid_are_read_from_the_current_control_set() {
    let image = TestImage::new("5.1", "xpe").hive("SYSTEM", "system_xpe_armed");
    expect(
        &facts(image),
        &[
            ("id.computer_name", "GOLD-XPE"),
            ("id.dhcpv6_duid", "0001000119755511005056010203"),
        ],
    );
}

/// The disk signature of the recipe is 0x5b8a2f18 and the partition starts at sector 63.
#[test]
fn the_system_drive_refers_to_this_disk_by_signature_and_offset() {
    let on = |signature, start| {
        let image = TestImage::new("5.1", "xpe")
            .hive("SYSTEM", "system_xpe_armed")
            .fact("os.system_drive", Value::text("C:"))
            .disk(signature, start);
        facts(image)
    };
    expect(
        &on(0x5b8a_2f18, 63 * 512),
        &[("id.mounted_devices_match", "yes")],
    );
    expect(
        &on(0x5b8a_2f19, 63 * 512),
        &[("id.mounted_devices_match", "no")],
    );
    let moved = on(0x5b8a_2f18, 2048 * 512);
    expect(&moved, &[("id.mounted_devices_match", "no")]);
    let raw = first_evidence(&moved, "id.mounted_devices_match")
        .raw
        .clone();
    assert_eq!(
        raw.as_deref(),
        Some(
            "disk 0x5b8a2f18, partition at 0x00007e00; here disk 0x5b8a2f18, partition at 0x00100000"
        )
    );
}

/// C: means partition 0x7e00 of disk 0x5b8a2f18; without the letter of the system drive it can only confirm.
#[test]
fn letters_of_other_disks_do_not_contradict() {
    let on = |drive, signature| {
        let image = TestImage::new("5.1", "xpe")
            .hive("SYSTEM", "system_xpe_armed")
            .fact("os.system_drive", Value::text(drive))
            .disk(signature, 63 * 512);
        facts(image)
    };
    expect(
        &on("F:", 0x5b8a_2f18),
        &[("id.mounted_devices_match", "yes")],
    );
    expect(
        &on("F:", 1),
        &[("id.mounted_devices_match", "unknown:unsupported")],
    );
    expect(
        &on("D:", 1),
        &[("id.mounted_devices_match", "unknown:unsupported")],
    );
}

#[test]
fn drive_letters_are_undecided_without_a_disk_and_absent_without_letters() {
    let volume = TestImage::new("5.1", "xpe").hive("SYSTEM", "system_xpe_armed");
    expect(
        &facts(volume),
        &[("id.mounted_devices_match", "unknown:not_provided")],
    );
    let none = TestImage::new("5.1", "none")
        .hive("SYSTEM", "system_xp_armed")
        .disk(1, 2);
    expect(&facts(none), &[("id.mounted_devices_match", "absent")]);
}

#[test]
fn identities_of_zeros_only_are_none() {
    let update = "Microsoft\\Windows\\CurrentVersion\\WindowsUpdate";
    let zero = "00000000-0000-0000-0000-000000000000";
    let software = TestHive::new()
        .text(update, "SusClientId", zero)
        .text("Microsoft\\SQMClient", "MachineId", &format!("{{{zero}}}"))
        .value(
            "Microsoft\\MSMQ\\Parameters\\MachineCache",
            "QMId",
            3,
            &[0; 16],
        )
        .bytes();
    let image = TestImage::new("5.1", "none").file("WINDOWS\\system32\\config\\SOFTWARE", software);
    expect(
        &facts(image),
        &[
            ("wsus.client_id", "absent"),
            ("id.sqm_machine_id", "absent"),
            ("msmq.qmid", "absent"),
        ],
    );
}
