//! Facts on runs of the tools that seal.

use crate::facts::vocabulary::{FactDefinition, FactType, Grade};

pub(crate) const FACTS: &[FactDefinition] = &[
    FactDefinition {
        id: "exec.fbreseal_runs",
        kind: FactType::Int,
        words: &[],
        always: false,
        description: "How often fbreseal.exe ran by its prefetch files: a minimum, as Windows keeps a limited number of files and many embedded builds make none. 0 means that no file tells of a run and proves nothing.",
        place: "%SystemRoot%\\Prefetch\\FBRESEAL.EXE-????????.pf",
        sources: &["PREFETCH"],
        grade: Grade::Secondary,
    },
    FactDefinition {
        id: "exec.sysprep_runs",
        kind: FactType::Int,
        words: &[],
        always: false,
        description: "How often sysprep.exe ran by its prefetch files: a minimum, as Windows keeps a limited number of files and servers make none by default. 0 means that no file tells of a run and proves nothing.",
        place: "%SystemRoot%\\Prefetch\\SYSPREP.EXE-????????.pf",
        sources: &["PREFETCH"],
        grade: Grade::Secondary,
    },
    FactDefinition {
        id: "exec.seal_tools_seen",
        kind: FactType::List,
        words: &[],
        always: false,
        description: "Paths of fbreseal.exe and sysprep.exe in the cache of program compatibility and, where fbreseal belongs to this Windows, in the users' caches of names. Each was started or looked at once at least; nothing is counted by it.",
        place: "SYSTEM\\{cs}\\Control\\Session Manager\\AppCompatCache!AppCompatCache (XP: AppCompatibility); NTUSER.DAT\\Software\\Microsoft\\Windows\\ShellNoRoam\\MUICache",
        sources: &["APPCOMPAT"],
        grade: Grade::Secondary,
    },
];
