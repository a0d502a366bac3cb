//! Facts on the logs of set-up and Sysprep.

use crate::facts::vocabulary::{FactDefinition, FactType, Grade};

/// Where the logs lie.
const LOGS: &str = "setupact.log, setuperr.log in %SystemRoot%, %SystemRoot%\\Panther and the folders below (UnattendGC), %SystemRoot%\\System32\\Sysprep\\Panther, \\$Windows.~BT\\Sources\\Panther";

pub(crate) const FACTS: &[FactDefinition] = &[
    FactDefinition {
        id: "setuplog.machine_guids",
        kind: FactType::List,
        words: &[],
        always: false,
        description: "MachineGuids that set-up says it has assigned (CryptoSysPrep_Specialize of capisp.dll, Vista and later), in the order of their local times: the last one is what MachineGuid should be unless it was changed since. Sysprep clears its own log when it runs, so an empty list is no proof that none was assigned.",
        place: LOGS,
        sources: &["CAPISP-LOG"],
        grade: Grade::Primary,
    },
    FactDefinition {
        id: "setuplog.sysprep_failures",
        kind: FactType::List,
        words: &[],
        always: false,
        description: "Providers of Sysprep that failed: file, function and the code that it returned, each once, the last failure last.",
        place: LOGS,
        sources: &["KB2769827", "KB929828"],
        grade: Grade::Primary,
    },
    FactDefinition {
        id: "setuplog.sysprep_runs",
        kind: FactType::Int,
        words: &[],
        always: false,
        description: "How many runs of Sysprep the logs tell of; a lower bound, since Sysprep clears its log when it runs.",
        place: LOGS,
        sources: &["CI-CHECK"],
        grade: Grade::Secondary,
    },
    FactDefinition {
        id: "setuplog.generalize_runs",
        kind: FactType::Int,
        words: &[],
        always: false,
        description: "How many runs of Sysprep with the option to generalize the logs tell of; a lower bound.",
        place: LOGS,
        sources: &["CI-CHECK"],
        grade: Grade::Secondary,
    },
    FactDefinition {
        id: "setuplog.mini_setups",
        kind: FactType::Int,
        words: &[],
        always: false,
        description: "How often mini-setup has installed devices (setup -newsetup -mini in setupapi.log, 2000 to 2003): the first boots of a sealed image, as far as the log goes back.",
        place: "%SystemRoot%\\setupapi.log; %SystemRoot%\\inf\\setupapi.*.log",
        sources: &["SETUPAPI-LOG", "MEM"],
        grade: Grade::Memory,
    },
];
