//! Management and security agents that stored an identity: id.agents.
//!
//! A table, all of it from memory: product, key below SOFTWARE (also looked for below Wow6432Node), value. A value that
//! is there and not empty is an identity; what it says is not reported.

use crate::evidence::Fact;
use crate::facts::gather::Gather;
use crate::facts::{Context, Facts, HiveName};

/// An agent and where it keeps its identity.
struct Agent {
    product: &'static str,
    key: &'static str,
    value: &'static str,
}

const AGENTS: [Agent; 8] = [
    Agent {
        product: "McAfee ePolicy Orchestrator agent",
        key: "Network Associates\\ePolicy Orchestrator\\Agent",
        value: "AgentGUID",
    },
    Agent {
        product: "McAfee agent",
        key: "McAfee\\Agent",
        value: "AgentGUID",
    },
    Agent {
        product: "Symantec Endpoint Protection",
        key: "Symantec\\Symantec Endpoint Protection\\SMC\\SYLINK\\SyLink",
        value: "HardwareID",
    },
    Agent {
        product: "Trend Micro OfficeScan",
        key: "TrendMicro\\PC-cillinNTCorp\\CurrentVersion",
        value: "GUID",
    },
    Agent {
        product: "LANDesk",
        key: "Intel\\LANDesk\\Common API",
        value: "UniqueID",
    },
    Agent {
        product: "Altiris agent",
        key: "Altiris\\Altiris Agent",
        value: "MachineGuid",
    },
    Agent {
        product: "BigFix client",
        key: "BigFix\\EnterpriseClient\\GlobalOptions",
        value: "ComputerID",
    },
    Agent {
        product: "Tanium client",
        key: "Tanium\\Tanium Client",
        value: "ComputerID",
    },
];

/// Collects id.agents.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let mut gather = Gather::default();
    for agent in &AGENTS {
        for key in [agent.key.to_owned(), format!("Wow6432Node\\{}", agent.key)] {
            match context.value(HiveName::Software, &key, agent.value) {
                Err(unknown) => gather.unseen(unknown),
                Ok(Some(found)) if !found.value.data.is_empty() => {
                    gather.found(agent.product, found.evidence);
                }
                Ok(Some(found)) => gather.nothing(found.evidence),
                Ok(None) => gather.nothing(context.absent_evidence(
                    HiveName::Software,
                    &key,
                    Some(agent.value),
                )),
            }
        }
    }
    let fact: Fact = gather.list(&context.place(HiveName::Software, "", None));
    facts.put("id.agents", fact);
}
