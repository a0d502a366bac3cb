//! Files that Sysprep brings or leaves: sysprep.setupcl_present, sysprep.answer_files, sysprep.succeeded_tag.
//!
//! `setupcl.exe` stays after cloning by design (Q180962, Q196018). `$nt4pre$.inf` is the copy of the answer file that
//! Sysprep of NT 4.0 leaves, with a password in clear text (Q241048).

use crate::base::win_path::WinPath;
use crate::facts::gather::{Gather, file_exists_fact};
use crate::facts::machine_keys::in_own_root;
use crate::facts::{Context, Facts};

/// INF answer files below the Windows folder.
const INF_IN_WINDOWS: [&str; 2] = ["system32\\$nt4pre$.inf", "system32\\$winnt$.inf"];
/// INF answer files from the root of the volume.
const INF_IN_ROOT: [&str; 2] = ["sysprep\\sysprep.inf", "sysprep.inf"];
/// XML answer files below the Windows folder, where Windows looks for them ("Windows Setup Automation Overview").
const XML_IN_WINDOWS: [&str; 4] = [
    "Panther\\Unattend\\Unattend.xml",
    "Panther\\Unattend.xml",
    "System32\\Sysprep\\Unattend.xml",
    "System32\\Sysprep\\Panther\\Unattend.xml",
];
/// XML answer files from the root of the volume.
const XML_IN_ROOT: [&str; 2] = ["Unattend.xml", "Autounattend.xml"];

/// What Sysprep of Vista and later leaves when it has succeeded.
pub(crate) fn succeeded_tag(context: &Context<'_>) -> WinPath {
    context
        .installation
        .windows("System32\\Sysprep\\Sysprep_succeeded.tag")
}

/// Where answer files in the form of an INF lie.
pub(crate) fn inf_answer_files(context: &Context<'_>) -> Vec<WinPath> {
    paths(context, &INF_IN_WINDOWS, &INF_IN_ROOT)
}

/// Where answer files in the form of XML lie.
pub(crate) fn xml_answer_files(context: &Context<'_>) -> Vec<WinPath> {
    paths(context, &XML_IN_WINDOWS, &XML_IN_ROOT)
}

fn paths(context: &Context<'_>, in_windows: &[&str], in_root: &[&str]) -> Vec<WinPath> {
    in_windows
        .iter()
        .map(|tail| context.installation.windows(tail))
        .chain(in_root.iter().map(|path| in_own_root(context, path)))
        .collect()
}

/// Collects the facts of this file.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let windows = |tail: &str| context.installation.windows(tail);
    facts.put(
        "sysprep.setupcl_present",
        file_exists_fact(context, &windows("system32\\setupcl.exe")),
    );
    facts.put(
        "sysprep.succeeded_tag",
        file_exists_fact(context, &succeeded_tag(context)),
    );
    let mut answers = Gather::default();
    for path in inf_answer_files(context)
        .iter()
        .chain(&xml_answer_files(context))
    {
        answers.file(context, path);
    }
    facts.put(
        "sysprep.answer_files",
        answers.list(
            &context
                .installation
                .place(&context.installation.system_root),
        ),
    );
}
