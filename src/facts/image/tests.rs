use crate::facts::Facts;
use crate::facts::image::collect;
use crate::facts::test_image::{TestImage, detail, expect};

fn facts(image: TestImage) -> Facts {
    image.collect(&[collect])
}

fn with_hives() -> TestImage {
    TestImage::new("6.1", "none")
        .hive("SOFTWARE", "software_sealed")
        .hive("SECURITY", "security_other")
}

#[test]
fn profiles_of_ordinary_accounts_are_counted() {
    let image = TestImage::new("5.1", "none").hive("SOFTWARE", "software_complete");
    expect(&facts(image), &[("users.profile_count", "3")]);
    expect(&facts(with_hives()), &[("users.profile_count", "0")]);
}

#[test]
fn production_use_is_never_decided_by_the_program() {
    expect(
        &facts(with_hives()),
        &[("image.in_production", "unknown:unsupported")],
    );
}

#[test]
fn partitions_are_those_of_a_whole_disk() {
    let disk = facts(with_hives().disk(0x5eed_0001, 63 * 512));
    expect(&disk, &[("image.partitions", "1")]);
    expect(&facts(with_hives()), &[("image.partitions", "absent")]);
}

#[test]
fn a_hibernation_file_is_judged_by_its_signature() {
    let with = |content: &[u8]| facts(with_hives().file("hiberfil.sys", content));
    expect(&facts(with_hives()), &[("image.hibernated", "no")]);
    for content in [b"hibr....".as_slice(), b"HIBR", b"RSTR"] {
        expect(&with(content), &[("image.hibernated", "yes")]);
    }
    for content in [b"".as_slice(), b"wake", b"WAKE", &[0; 4096]] {
        expect(&with(content), &[("image.hibernated", "no")]);
    }
    assert!(detail(&with(b"link"), "image.hibernated").contains("[6c, 69, 6e, 6b]"));
    let broken = facts(with_hives().broken("hiberfil.sys"));
    expect(&broken, &[("image.hibernated", "unknown:unreadable")]);
}

#[test]
fn passwords_are_told_by_place_and_never_by_text() {
    let image = TestImage::new("5.1", "none")
        .hive("SOFTWARE", "software_complete")
        .hive("SECURITY", "security")
        .file("WINDOWS\\system32\\$nt4pre$.inf", "[GuiUnattended]\nAdminPassword=\"never shown\"\n")
        .file("sysprep\\sysprep.inf", "[GuiUnattended]\nAdminPassword=*\nEncryptedAdminPassword=No\n[Identification]\nDomainAdminPassword=never\n")
        .file("WINDOWS\\Panther\\unattend.xml", "<u><AutoLogon><Password><Value>never shown</Value></Password></AutoLogon></u>");
    let facts = facts(image);
    expect(
        &facts,
        &[(
            "image.clear_passwords",
            "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon!DefaultPassword, \
             SECURITY\\Policy\\Secrets\\DefaultPassword, \
             WINDOWS\\system32\\$nt4pre$.inf: [GuiUnattended] AdminPassword, \
             sysprep\\sysprep.inf: [Identification] DomainAdminPassword, \
             WINDOWS\\Panther\\Unattend.xml: Password",
        )],
    );
    assert!(!serde_json::to_string(&facts).unwrap().contains("never"));
}

#[test]
fn an_encrypted_administrator_password_is_not_clear() {
    let image = with_hives().file(
        "sysprep\\sysprep.inf",
        "[GuiUnattended]\nAdminPassword=0123456789abcdef\nEncryptedAdminPassword=Yes\n",
    );
    expect(&facts(image), &[("image.clear_passwords", "(none)")]);
}

#[test]
fn a_place_of_passwords_that_cannot_be_seen_leaves_the_list_unknown() {
    let image = with_hives().broken("sysprep\\sysprep.inf");
    expect(
        &facts(image),
        &[("image.clear_passwords", "unknown:unreadable")],
    );
}

#[test]
fn encrypted_files_are_not_counted_where_attributes_cannot_be_seen() {
    expect(
        &facts(with_hives()),
        &[("fs.efs_files", "unknown:not_provided")],
    );
}
