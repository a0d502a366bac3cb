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
        id: "exec.fbreseal_starts",
        kind: FactType::Int,
        words: &[],
        always: false,
        description: "How often users started fbreseal.exe from Explorer by UserAssist, summed over the profiles: a minimum, as starts from a command line or a script are not counted and profiles are deleted. 0 means that no hive tells of a start and proves nothing.",
        place: "NTUSER.DAT\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\UserAssist\\{GUID}\\Count",
        sources: &["USERASSIST"],
        grade: Grade::Secondary,
    },
    FactDefinition {
        id: "exec.sysprep_starts",
        kind: FactType::Int,
        words: &[],
        always: false,
        description: "How often users started sysprep.exe from Explorer by UserAssist, summed over the profiles: a minimum, as starts from a command line or a script are not counted and profiles are deleted. 0 means that no hive tells of a start and proves nothing.",
        place: "NTUSER.DAT\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\UserAssist\\{GUID}\\Count",
        sources: &["USERASSIST"],
        grade: Grade::Secondary,
    },
    FactDefinition {
        id: "exec.seal_tools_seen",
        kind: FactType::List,
        words: &[],
        always: false,
        description: "Paths of fbreseal.exe and sysprep.exe in the cache of program compatibility and in the users' caches of names. Each was started or looked at once at least; nothing is counted by it.",
        place: "SYSTEM\\{cs}\\Control\\Session Manager\\AppCompatCache!AppCompatCache (XP: AppCompatibility); NTUSER.DAT\\Software\\Microsoft\\Windows\\ShellNoRoam\\MUICache; UsrClass.dat\\Local Settings\\Software\\Microsoft\\Windows\\Shell\\MuiCache",
        sources: &["APPCOMPAT"],
        grade: Grade::Secondary,
    },
];
