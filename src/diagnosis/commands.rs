//! Commands that mend it, ready to type: the repair of the image, and what to run on the machine or on each clone.
//!
//! A repair is named only where the plan of the keys says which rename is proved. The commands for a running machine are
//! those of the articles, each with the state in which it is of use; none of them replaces a key.

use serde::Serialize;

use crate::diagnosis::Request;
use crate::diagnosis::ask;
use crate::diagnosis::cause::Cause;
use crate::diagnosis::history;
use crate::diagnosis::problem::{LoggedFailure, Problem};
use crate::facts::Collected;
use crate::facts::machine_keys::Decision;

/// Where a command is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Where the image lies.
    Host,
    /// On the machine or the clone that runs Windows.
    Machine,
}

impl Place {
    /// The words for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "here",
            Self::Machine => "on the running Windows",
        }
    }
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Command {
    /// The command as it is typed.
    pub command: String,
    /// Where it is run.
    pub place: Place,
    /// When it is of use, and what it does.
    pub when: String,
    /// Ids of the sources that give it; empty for a command of this program.
    pub sources: Vec<&'static str>,
}

/// The embedded kinds whose clones are set up by the post-clone actions.
const EMBEDDED: [&str; 4] = ["xpe", "wepos", "wes2009", "posready2009"];

/// The commands for an installation, in the order in which they are run.
pub(crate) fn of(
    collected: &Collected,
    cause: Cause,
    problem: &Problem,
    request: &Request<'_>,
) -> Vec<Command> {
    let mut commands = repair(collected, cause, request);
    let is_repaired = !commands.is_empty();
    commands.extend(msdtc(collected, problem));
    let embedded = ask::word(collected, "os.embedded_kind")
        .is_some_and(|kind| EMBEDDED.contains(&kind))
        && ask::yes_no(collected, "iis.installed") == Some(true);
    if embedded {
        commands.extend(post_clone());
    } else if is_repaired || cause == Cause::Neighbour {
        commands.push(machine(
            "iisreset /restart",
            "after the steps above, once Windows runs again: starts the services of IIS anew",
            &["RESEAL-IIS"],
        ));
    }
    commands
}

fn host(command: String, when: &str) -> Command {
    Command {
        command,
        place: Place::Host,
        when: when.to_owned(),
        sources: Vec::new(),
    }
}

fn machine(command: &str, when: &str, sources: &[&'static str]) -> Command {
    Command {
        command: command.to_owned(),
        place: Place::Machine,
        when: when.to_owned(),
        sources: sources.to_vec(),
    }
}

/// The repair of the image, where the plan says so.
fn repair(collected: &Collected, cause: Cause, request: &Request<'_>) -> Vec<Command> {
    if cause == Cause::SealedKeysLost {
        if ask::word(collected, "key.pairing").is_none() {
            return Vec::new();
        }
        return vec![host(
            "goldseal repair DISK-OF-A-COPY".to_owned(),
            "for a copy that has booted once and was shut down: its set-up has given it a MachineGuid of its own, for which the key file is then named",
        )];
    }
    if !is_planned(collected, cause) {
        return Vec::new();
    }
    if request.image.is_none() || request.stand_ins {
        return Vec::new();
    }
    let base = on_image("repair", request);
    vec![
        host(
            base.clone(),
            "first: shows the plan, every byte that would change, and the verdict afterwards; writes nothing",
        ),
        host(
            format!("{base} --apply --in-place"),
            "then: writes it, with a journal beside the image for `goldseal undo`",
        ),
        host(
            format!("{base} --apply --to NEW"),
            "or: writes a repaired copy and leaves the image as it is",
        ),
    ]
}

/// A command of this program on the image as it was named.
pub(crate) fn on_image(command: &str, request: &Request<'_>) -> String {
    let image = request.image.map_or_else(|| "IMAGE".to_owned(), quoted);
    let mut line = format!("goldseal {command} {image}");
    if request.allow_backing_anywhere {
        line.push_str(" --allow-backing-anywhere");
    }
    if let Some(installation) = request.installation {
        line.push_str(&format!(" --installation {installation}"));
    }
    line
}

fn is_planned(collected: &Collected, cause: Cause) -> bool {
    cause == Cause::WrongName
        && matches!(
            collected.plan.decision,
            Decision::RenameOnly | Decision::Swap
        )
}

/// What is said of the repair where one is planned: that its commands follow, or why there are none.
pub(crate) fn repair_note(
    collected: &Collected,
    cause: Cause,
    request: &Request<'_>,
) -> Option<String> {
    let note = if request.stand_ins || request.image.is_none() {
        "No command for the repair is given: artefacts named by option stand in for those of an image, and `goldseal repair` would not see them. Diagnose the image as it is, or rename the files by hand"
    } else {
        "`goldseal repair` does it; the commands below are complete, the first shows the plan and writes nothing"
    };
    is_planned(collected, cause).then(|| note.to_owned())
}

/// What the logs and the missing log of MSDTC ask for. They lose configuration and transactions, so they are named for what
/// holds now: an event of this computer that nothing has mended since.
fn msdtc(collected: &Collected, problem: &Problem) -> Vec<Command> {
    let standing = |id: &str| {
        problem
            .failures
            .iter()
            .find(|one| one.failure.signature == Some(id) && one.still_stands())
    };
    let mut commands = Vec::new();
    if let Some(met) = standing("EVT-4101-MSDTC") {
        let when = format!(
            "the logs tell of another MSDTC with the same identity (event 4101, last {}) and of no new one since: gives this machine one of its own; its configuration is lost",
            history::last_time(&met.failure)
        );
        commands.push(machine("msdtc -uninstall", &when, &["WEVT"]));
        commands.push(machine(
            "msdtc -install",
            "after msdtc -uninstall",
            &["WEVT"],
        ));
    }
    if let Some(why) = log_of_msdtc_is_lost(collected, standing) {
        let when = format!(
            "{why}: makes a new one; only where no transaction is in doubt, for these are lost"
        );
        commands.push(machine("msdtc -resetlog", &when, &["WEVT"]));
    }
    commands
}

/// Why MSDTC needs a new log, if it does: the log is not there, or could not be read. That it was not found once says nothing
/// where it is there now.
fn log_of_msdtc_is_lost<'f>(
    collected: &Collected,
    standing: impl Fn(&str) -> Option<&'f LoggedFailure>,
) -> Option<String> {
    let log = ask::word(collected, "msdtc.log");
    let told = |id: &str, what: &str| {
        let last = history::last_time(&standing(id)?.failure);
        Some(format!(
            "the logs tell that the log of MSDTC {what} (last {last}) and of no start of MSDTC since"
        ))
    };
    if log == Some("missing") {
        return Some("the log of MSDTC is missing".to_owned());
    }
    told("EVT-4154-MSDTC", "could not be read").or_else(|| {
        let is_there = log == Some("there");
        told("EVT-4163-MSDTC", "was not found").filter(|_| !is_there)
    })
}

/// The known work-around for clones of XP Embedded.
fn post_clone() -> Vec<Command> {
    let when = "on a clone where IIS or MSDTC does not start, once, after the cloning has finished (from RunOnce, for example), the three in this order";
    ["msdtc -install -a", "msdtc -resetlog", "iisreset /restart"]
        .into_iter()
        .map(|command| machine(command, when, &["RESEAL-IIS"]))
        .collect()
}

/// A name as a shell takes it.
fn quoted(name: &str) -> String {
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "_./+:@%=,-".contains(character);
    if name.chars().any(char::is_control) {
        // The form of bash, zsh and ksh: every byte that is not plain by its number.
        let escaped = |byte: &u8| {
            let character = char::from(*byte);
            if byte.is_ascii() && is_plain(character) {
                character.to_string()
            } else {
                format!("\\x{byte:02x}")
            }
        };
        let text: String = name.as_bytes().iter().map(escaped).collect();
        let before = if name.starts_with('-') { "./" } else { "" };
        return format!("$'{before}{text}'");
    }
    if !name.is_empty() && !name.starts_with('-') && name.chars().all(is_plain) {
        name.to_owned()
    } else if name.starts_with('-') {
        quoted(&format!("./{name}"))
    } else {
        format!("'{}'", name.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_where_a_shell_would_read_it_as_more_than_one_word() {
        assert_eq!(quoted("golden.vhd"), "golden.vhd");
        assert_eq!(quoted("my golden.vhd"), "'my golden.vhd'");
        assert_eq!(quoted("it's; rm x"), "'it'\\''s; rm x'");
        assert_eq!(quoted("-x.img"), "./-x.img");
        assert_eq!(quoted("a\nb.img"), "$'a\\x0ab.img'");
    }
}
