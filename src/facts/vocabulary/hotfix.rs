//! Facts on hotfixes.

use crate::facts::vocabulary::{FactDefinition, FactType, Grade};

pub(crate) const FACTS: &[FactDefinition] = &[
    FactDefinition {
        id: "hotfix.kb884872",
        kind: FactType::Text,
        words: &[
            "not_applicable",
            "prerequisite_missing",
            "fixed",
            "partly_fixed",
            "not_fixed",
        ],
        always: false,
        description: "State of the files of KB884872, judged by their versions.",
        place: "versions of the files in %SystemRoot%\\system32",
        sources: &["KB884872"],
        grade: Grade::Primary,
    },
    FactDefinition {
        id: "hotfix.kb884872_files",
        kind: FactType::Map,
        words: &[],
        always: false,
        description: "What each of the 42 files of KB884872 shows, whatever the verdict is: `state` is `fixed`, `older`, `missing`, `no_version` or `unseen` (with `reason` and `detail`), beside `version`, `fixed_from` and whether the file `decides`. Empty where the article is not about this Windows.",
        place: "versions of the files in %SystemRoot%\\system32",
        sources: &["KB884872"],
        grade: Grade::Primary,
    },
    FactDefinition {
        id: "hotfix.registry_disagrees",
        kind: FactType::Bool,
        words: &[],
        always: false,
        description: "Whether the registry says of KB884872 what the files deny, or the reverse.",
        place: "SOFTWARE\\Microsoft\\Updates\\Windows 2000\\SP*\\KB884872; SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Hotfix\\KB884872!Installed",
        sources: &["KB888535"],
        grade: Grade::Primary,
    },
];
