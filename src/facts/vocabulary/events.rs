//! Facts on event logs.

use crate::facts::event_logs::SIGNATURE_IDS;
use crate::facts::vocabulary::{FactDefinition, FactType, Grade};

/// Where the System log lies.
const SYSTEM: &str = "%SystemRoot%\\system32\\config\\SysEvent.Evt, winevt\\Logs\\System.evtx; SYSTEM\\{cs}\\Services\\EventLog\\System!File";

pub(crate) const FACTS: &[FactDefinition] = &[
    FactDefinition {
        id: "evt.signatures",
        kind: FactType::List,
        words: &SIGNATURE_IDS,
        always: false,
        description: "Known failure events found in the System and Application logs, by signature id: source and event id, then service or code (EVT-IISADMIN-80090006: the IIS Admin service ended with 0x80090006, events 7023 or 7024; EVT-6167-LSASRV: a machine that shares its machine ID with another one was refused, since the updates of August 2025). Matched on source, id, insertion strings and data, never on localised text. What a log does not show it may have lost: an empty list is no proof that nothing happened; its evidence says how far back the log goes. Unknown, or incomplete where it has entries, if a log was emptied (no record; event 104; never full and begun two days or more after InstallDate), or if a failed service is named in a language that is not known.",
        place: "%SystemRoot%\\system32\\config\\*.evt, winevt\\Logs\\*.evtx",
        sources: &["KB5068222", "KB884872", "Q218922", "Q223397", "WEVT"],
        grade: Grade::Primary,
    },
    FactDefinition {
        id: "evt.service_failures",
        kind: FactType::List,
        words: &[],
        always: false,
        description: "Failures of the services of IIS (W3SVC, IISADMIN, MSFTPSVC, SMTPSVC, NntpSvc, HTTPFilter, FTPSVC, WAS), MSDTC, CertSvc and Psysdup2 that the Service Control Manager has logged: event id (7000 to 7003, 7009, 7017 to 7024, 7031, 7034, 7038) and service, each once. The service is known by the name of its key in the data of the event (Windows 10 and later), else by its display name: that of the registry, or the English one.",
        place: SYSTEM,
        sources: &["KB884872", "WEVT"],
        grade: Grade::Primary,
    },
    FactDefinition {
        id: "evt.renames",
        kind: FactType::List,
        words: &[],
        always: false,
        description: "Changes of the computer name, old -> new, in the order of the records (EventLog 6011). On Vista and later the first is that of the installation medium.",
        place: SYSTEM,
        sources: &["WEVT"],
        grade: Grade::Measured,
    },
    FactDefinition {
        id: "evt.computer_names",
        kind: FactType::List,
        words: &[],
        always: false,
        description: "The names of the computer in the records that were read (boots, failures, renames), in their order.",
        place: SYSTEM,
        sources: &["WEVT"],
        grade: Grade::Measured,
    },
    FactDefinition {
        id: "evt.boots",
        kind: FactType::Int,
        words: &[],
        always: false,
        description: "How often the event log service has started (EventLog 6005), as far as the log goes back.",
        place: SYSTEM,
        sources: &["WEVT"],
        grade: Grade::Primary,
    },
    FactDefinition {
        id: "evt.msdtc_reinstalls",
        kind: FactType::Int,
        words: &[],
        always: false,
        description: "How often MSDTC was removed (4105) and within ten minutes installed again (4104) on the same computer, as far as the log goes back; where the clock was set back in between, within 16 records. Event 4104 of MSDTC Client 2 is another event and does not count.",
        place: "%SystemRoot%\\system32\\config\\AppEvent.Evt, winevt\\Logs\\Application.evtx",
        sources: &["RESEAL-IIS", "WEVT"],
        grade: Grade::Primary,
    },
    FactDefinition {
        id: "evt.updates",
        kind: FactType::List,
        words: &[],
        always: false,
        description: "Updates that the log says were installed (NtServicePack 4377), up to Server 2003.",
        place: SYSTEM,
        sources: &["WEVT"],
        grade: Grade::Measured,
    },
    FactDefinition {
        id: "evt.upgraded",
        kind: FactType::Bool,
        words: &[],
        always: false,
        description: "Whether set-up says that it has upgraded an older Windows (Microsoft-Windows-Setup 2003: Installwasanupgrade, on Server 2008 R2 `Install was an upgrade`); absent where the log says nothing of it.",
        place: SYSTEM,
        sources: &["WEVT"],
        grade: Grade::Measured,
    },
];
