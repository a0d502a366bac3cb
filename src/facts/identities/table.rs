//! The table of identities that no fact of its own stands for.
//!
//! Certificates, the SMS client and PingID: the reference on sealing evidence; the agents are from memory.

use crate::facts::HiveName;
use crate::facts::identities::place::{IdentityPlace, Store};

/// An agent: product, key below SOFTWARE, value.
type Agent = (&'static str, &'static str, &'static str);

const AGENTS: [Agent; 8] = [
    (
        "McAfee ePolicy Orchestrator agent",
        "Network Associates\\ePolicy Orchestrator\\Agent",
        "AgentGUID",
    ),
    ("McAfee agent", "McAfee\\Agent", "AgentGUID"),
    (
        "Symantec Endpoint Protection",
        "Symantec\\Symantec Endpoint Protection\\SMC\\SYLINK\\SyLink",
        "HardwareID",
    ),
    (
        "Trend Micro OfficeScan",
        "TrendMicro\\PC-cillinNTCorp\\CurrentVersion",
        "GUID",
    ),
    ("LANDesk", "Intel\\LANDesk\\Common API", "UniqueID"),
    ("Altiris agent", "Altiris\\Altiris Agent", "MachineGuid"),
    (
        "BigFix client",
        "BigFix\\EnterpriseClient\\GlobalOptions",
        "ComputerID",
    ),
    ("Tanium client", "Tanium\\Tanium Client", "ComputerID"),
];

/// Certificates of the machine: name, key below SOFTWARE. A subkey is named for the thumbprint (SHA-1).
const CERTIFICATES: [(&str, &str); 2] = [
    (
        "Remote Desktop certificate",
        "Microsoft\\SystemCertificates\\Remote Desktop\\Certificates",
    ),
    (
        "SMS certificate",
        "Microsoft\\SystemCertificates\\SMS\\Certificates",
    ),
];

/// The table that comes with the program.
pub(crate) fn built_in() -> Vec<IdentityPlace> {
    let agents = AGENTS.iter().map(|(name, key, value)| IdentityPlace {
        is_agent: true,
        is_shown: false,
        ..software_value(name, key, value)
    });
    let certificates = CERTIFICATES.iter().map(|(name, key)| IdentityPlace {
        name: (*name).to_owned(),
        store: Store::Subkeys {
            hive: HiveName::Software,
            key: (*key).to_owned(),
        },
        is_agent: false,
        is_shown: true,
    });
    let windows = [
        software_value(
            "SMS Unique Identifier",
            "Microsoft\\SMS\\Client\\Configuration\\Client Properties",
            "SMS Unique Identifier",
        ),
        IdentityPlace {
            name: "SMS Unique Identifier (Smscfg.ini)".to_owned(),
            store: Store::Entry {
                file: "Smscfg.ini".to_owned(),
                entry: "SMS Unique Identifier".to_owned(),
            },
            is_agent: false,
            is_shown: true,
        },
        software_value(
            "Windows Update PingID",
            "Microsoft\\Windows\\CurrentVersion\\WindowsUpdate",
            "PingID",
        ),
    ];
    certificates.chain(windows).chain(agents).collect()
}

fn software_value(name: &str, key: &str, value: &str) -> IdentityPlace {
    IdentityPlace {
        name: name.to_owned(),
        store: Store::Value {
            hive: HiveName::Software,
            key: key.to_owned(),
            value: value.to_owned(),
        },
        is_agent: false,
        is_shown: true,
    }
}
