//! Full walks compared with hivex (python3-hivex), a reader by other people: keys, times, values, types, data.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails loudly"
)]

#[path = "support/corpus.rs"]
mod corpus;

use std::fmt::Write as _;
use std::process::Command;

use goldseal::artifact::registry::{Hive, Key};
use goldseal::base::limits::Limits;
use goldseal::evidence::{Fact, Value};
use goldseal::facts::{Context, Facts, collect_in};
use goldseal::image::{Image, Options, Source};

/// Prints a line for each key and value: times as numbers, names and data in hexadecimal, the tree in its own order.
const WALK: &str = r#"
import hashlib, sys, hivex
h = hivex.Hivex(sys.argv[1])
stack = [(h.root(), 0)]
while stack:
    node, depth = stack.pop()
    print("K", depth, h.node_timestamp(node), h.node_name(node).encode().hex())
    for value in h.node_values(node):
        kind, data = h.value_value(value)
        print("V", kind & 0xffffffff, len(data), hashlib.sha256(data).hexdigest(), h.value_key(value).encode().hex())
    stack.extend((child, depth + 1) for child in reversed(h.node_children(node)))
"#;

/// Clean hives of NT 4.0, XP, 7, 2008 and later; hivex applies no logs and reads no large values of version 1.3.
const HIVES: [&str; 9] = [
    "hives/nt40_sp3_server_system.zst",
    "hives/nt40_sp3_server_security",
    "hives/ntuser_xp.xz",
    "hives/server2008_x86_security",
    "hives/win7_x86_system.xz",
    "hives/ez_bcd.zst",
    "hives/yarp_bigdatahive.zst",
    "hives/yarp_manysubkeyshive.zst",
    "hives/server2022_security",
];

/// The Python that has hivex; where the environment says `CI=true` it must be there.
fn python() -> Option<&'static str> {
    let found = ["python3", "/usr/bin/python3"].into_iter().find(|python| {
        Command::new(python)
            .args(["-c", "import hivex"])
            .output()
            .is_ok_and(|output| output.status.success())
    });
    let on_build_machine = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(
        found.is_some() || !on_build_machine,
        "python3-hivex is needed by this test"
    );
    if found.is_none() {
        eprintln!("skipped: python3-hivex is not installed");
    }
    found
}

#[test]
fn whole_hives_read_as_hivex_reads_them() {
    let Some(python) = python() else { return };
    if corpus::folder().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hive");
    for name in HIVES {
        let bytes = corpus::read(name);
        std::fs::write(&file, &bytes).unwrap();
        let output = Command::new(python)
            .args(["-c", WALK])
            .arg(&file)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let theirs = String::from_utf8(output.stdout).unwrap();
        let ours = walk(&Hive::parse(bytes, &[], &Limits::default()).unwrap());
        assert_eq!(ours.lines().count(), theirs.lines().count(), "{name}");
        for (ours, theirs) in ours.lines().zip(theirs.lines()) {
            assert_eq!(ours, theirs, "{name}");
        }
    }
}

fn walk(hive: &Hive) -> String {
    let mut lines = String::new();
    let mut stack = vec![(hive.root().unwrap(), 0)];
    while let Some((key, depth)) = stack.pop() {
        print(&mut lines, &key, depth);
        let subkeys = key.subkeys().unwrap();
        stack.extend(subkeys.into_iter().rev().map(|key| (key, depth + 1)));
    }
    lines
}

fn print(lines: &mut String, key: &Key<'_>, depth: usize) {
    let name = hex(&key.name().unwrap());
    writeln!(lines, "K {depth} {} {name}", key.written().unwrap().0).unwrap();
    for value in key.values().unwrap() {
        writeln!(
            lines,
            "V {} {} {} {}",
            value.kind,
            value.data.len(),
            corpus::sha256(&value.data),
            hex(&value.name)
        )
        .unwrap();
    }
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// Prints identities, one line each, as hivex and the first sector of the disk tell them: hives SAM, SECURITY, SYSTEM and
/// SOFTWARE, then the image.
const IDENTITIES: &str = r#"
import struct, sys, uuid, hivex
hives = dict(zip(("sam", "security", "system", "software"), (hivex.Hivex(name) for name in sys.argv[1:5])))
sector = open(sys.argv[5], "rb").read(512)
def key(hive, path):
    node = hives[hive].root()
    for part in path.split("/"):
        node = hives[hive].node_get_child(node, part)
        if node is None: return None
    return node
def value(hive, path, name):
    return hives[hive].value_value(hives[hive].node_get_value(key(hive, path), name))
def text(hive, path, name):
    kind, data = value(hive, path, name)
    return str(struct.unpack("<I", data)[0]) if kind == 4 else data.decode("utf-16-le").rstrip("\0")
def sid(data): return "S-1-5-21-%d-%d-%d" % struct.unpack("<3I", data[-12:])
machine = sid(value("sam", "SAM/Domains/Account", "V")[1])
domain = sid(value("security", "Policy/PolPrDmS", "")[1])
print("id.machine_sid", machine)
print("id.sid_match", "yes" if machine == sid(value("security", "Policy/PolAcDmS", "")[1]) else "no")
nt, windows = "Microsoft/Windows NT/CurrentVersion", "Microsoft/Windows/CurrentVersion"
def names(path): return [hives["software"].node_name(node) for node in hives["software"].node_children(key("software", path))]
profiles = names(nt + "/ProfileList")
print("id.foreign_sids", ", ".join(name for name in profiles if name.rsplit("-", 1)[0] not in (machine, domain)))
print("id.computer_name", text("system", "ControlSet001/Control/ComputerName/ComputerName", "ComputerName"))
print("id.dhcpv6_duid", value("system", "ControlSet001/Services/Tcpip6/Parameters", "Dhcpv6DUID")[1].hex())
letter = value("system", "MountedDevices", "\\DosDevices\\C:")[1]
start, = struct.unpack_from("<I", sector, 446 + 8)
print("id.mounted_devices_match", "yes" if letter == sector[0x1b8:0x1bc] + struct.pack("<Q", start * 512) else "no")
print("wsus.client_id", text("software", windows + "/WindowsUpdate", "SusClientId"))
print("msmq.qmid", uuid.UUID(bytes_le=value("software", "Microsoft/MSMQ/Parameters/MachineCache", "QMId")[1]))
print("id.sqm_machine_id", text("software", "Microsoft/SQMClient", "MachineId"))
for name in ("Remote Desktop", "SMS"):
    print(name, "certificate", *names("Microsoft/SystemCertificates/" + name + "/Certificates"))
print("SMS Unique Identifier", text("software", "Microsoft/SMS/Client/Configuration/Client Properties", "SMS Unique Identifier"))
print("Windows Update PingID", text("software", windows + "/WindowsUpdate", "PingID"))
import hashlib
for name, path, entry in (
    ("McAfee ePolicy Orchestrator agent", "Wow6432Node/Network Associates/ePolicy Orchestrator/Agent", "AgentGUID"),
    ("McAfee agent", "McAfee/Agent", "AgentGUID"),
    ("Symantec Endpoint Protection", "Symantec/Symantec Endpoint Protection/SMC/SYLINK/SyLink", "HardwareID"),
    ("Trend Micro OfficeScan", "Wow6432Node/TrendMicro/PC-cillinNTCorp/CurrentVersion", "GUID"),
    ("LANDesk", "Intel/LANDesk/Common API", "UniqueID"),
    ("Altiris agent", "Altiris/Altiris Agent", "MachineGuid"),
    ("BigFix client", "Wow6432Node/BigFix/EnterpriseClient/GlobalOptions", "ComputerID"),
    ("Tanium client", "Wow6432Node/Tanium/Tanium Client", "ComputerID"),
):
    found = text("software", path, entry).strip("{}").lower()
    print(name, "sha256:" + hashlib.sha256(found.encode()).hexdigest())
"#;

/// A sample that holds each identity; what is found of it must be what hivex reads, and the names what its log was made with.
#[test]
fn every_identity_of_an_image_is_the_one_that_hivex_reads() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("golden.img");
    let packed = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/testdata/cases/win7_every_identity/golden.img.zst"
    );
    let packed = std::fs::File::open(packed).unwrap();
    let mut reader = ruzstd::decoding::StreamingDecoder::new(packed).unwrap();
    std::io::copy(&mut reader, &mut std::fs::File::create(&image).unwrap()).unwrap();
    let opened = Image::open(&Source::from_path(image.clone()), &Options::default()).unwrap();
    let installation = &opened.installations[0];
    let mut arguments = Vec::new();
    for name in ["SAM", "SECURITY", "SYSTEM", "SOFTWARE"] {
        let path = installation.windows(&format!("system32\\config\\{name}"));
        let bytes = installation.filesystem.read(&path, 1 << 24).unwrap();
        let file = folder.path().join(name);
        std::fs::write(&file, bytes.unwrap()).unwrap();
        arguments.push(file);
    }
    arguments.push(image);
    let output = Command::new(python)
        .args(["-c", IDENTITIES])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let context = Context::new(installation, Limits::default());
    let facts = collect_in(&context, |_| true).facts;
    let theirs = String::from_utf8(output.stdout).unwrap();
    let ours = identities(&facts);
    for line in theirs.lines() {
        assert!(
            ours.contains(&line.to_owned()),
            "{line} is not in {ours:#?}"
        );
    }
    assert_eq!(theirs.lines().count(), 21);
    // Beside these: the file of the SMS client, and what a certificate and an agent are told by.
    assert_eq!(ours.len(), 26, "{ours:#?}");
    let names = facts.get("evt.computer_names").unwrap().get().unwrap();
    assert_eq!(names.unwrap().0, &Value::texts(["37L4247F27-26", "DESK7"]));
    let renames = facts.get("evt.renames").unwrap().get().unwrap();
    assert_eq!(
        renames.unwrap().0,
        &Value::texts(["WIN-1A2B3C4D5E6 -> DESK7"])
    );
}

/// The facts on identities, and the rows of the table, one line each.
fn identities(facts: &Facts) -> Vec<String> {
    let mut lines = Vec::new();
    for (id, fact) in facts.iter() {
        let of_identity = ["id.", "wsus.", "msmq.", "sms."];
        let Fact::Found { value, .. } = fact else {
            continue;
        };
        if let Value::Map(stored) = value
            && id == "id.stored"
        {
            lines.extend(stored.iter().map(|(name, value)| format!("{name} {value}")));
        } else if of_identity.iter().any(|group| id.starts_with(group)) {
            lines.push(format!("{id} {value}"));
        }
    }
    lines
}
