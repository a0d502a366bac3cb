//! The commands: what the user typed in, results and an exit code out.

mod args;
mod browse;
mod check;
mod diagnose;
mod events;
mod guard;
mod inspect;
mod keys;
mod open;
mod output;
mod progress;
mod reg;
mod repair;
mod repair_decision;
mod rules;
mod timeline;
mod undo;

use clap::{CommandFactory, Parser};
use goldseal::base::contain::contain;
use goldseal::error::Error;
use goldseal::report::{diagnose_schema, schema, timeline_schema};

use args::{Cli, Command, Reported};
use output::Output;

/// The exit codes that scripts rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Safe, or done.
    Safe = 0,
    /// Unsafe, or the thing asked for is not there.
    Unsafe = 1,
    /// Wrong usage.
    Usage = 2,
    /// A blocking rule could not be decided.
    Inconclusive = 3,
    /// The image could not be opened.
    Failed = 4,
}

impl Exit {
    /// The number for the operating system.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Safe => 0,
            Self::Unsafe => 1,
            Self::Usage => 2,
            Self::Inconclusive => 3,
            Self::Failed => 4,
        }
    }

    /// The worse of two: 4, then 1, then 3, then 0.
    pub(crate) fn worse(self, other: Self) -> Self {
        let rank = |exit: Self| match exit {
            Self::Safe => 0,
            Self::Inconclusive => 1,
            Self::Unsafe => 2,
            Self::Failed => 3,
            Self::Usage => 4,
        };
        if rank(other) > rank(self) {
            other
        } else {
            self
        }
    }
}

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line cannot be followed.
    Usage(String),
    /// The thing asked for is not in the image.
    NotThere(String),
    /// The image could not be opened, or a result could not be written.
    Failed(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error.chain())
    }
}

/// Runs the command line of this process.
pub(crate) fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results; a write that fails leaves nobody to tell.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Safe
            };
        }
    };
    let mut output = Output::new(&cli.output);
    let ended = guard::check(&cli.command, &mut output)
        .and_then(|()| fenced(|| dispatch(&cli.command, &mut output)))
        .and_then(|exit| output.finish().map(|()| exit));
    if ended.is_err() {
        output.give_back();
    }
    match ended {
        Ok(exit) => exit,
        Err(Failure::Usage(message)) => report(&message, Exit::Usage),
        Err(Failure::NotThere(message)) => report(&message, Exit::Unsafe),
        Err(Failure::Failed(message)) => report(&message, Exit::Failed),
    }
}

/// Runs a command; a panic in it is a failure with an exit code of ours, as everything else that went wrong.
fn fenced(command: impl FnOnce() -> Result<Exit, Failure>) -> Result<Exit, Failure> {
    contain("the command", || Ok(command()))?
}

fn report(message: &str, exit: Exit) -> Exit {
    output::complain(message);
    exit
}

fn dispatch(command: &Command, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        Command::Check(args) => check::run(args, output),
        Command::Inspect(args) => inspect::run(args, output),
        Command::Keys(args) => keys::run(args, output),
        Command::Diagnose(args) => diagnose::run(args, output),
        Command::Repair(args) => repair::run(args, output),
        Command::Undo(args) => undo::run(args, output),
        Command::Ls(args) => browse::ls(args, output),
        Command::Cat(args) => browse::cat(args, output),
        Command::Stat(args) => browse::stat(args, output),
        Command::Reg(args) => reg::run(args, output),
        Command::Events(args) => events::run(args, output),
        Command::Timeline(args) => timeline::run(args, output),
        Command::Rules(args) => rules::list(args, output),
        Command::Explain(args) => rules::explain(args, output),
        Command::Schema { report } => {
            output.text(match report {
                Reported::Check => schema(),
                Reported::Diagnose => diagnose_schema(),
                Reported::Timeline => timeline_schema(),
            });
            Ok(Exit::Safe)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "goldseal", &mut script);
            output.bytes(&script);
            Ok(Exit::Safe)
        }
        Command::Man { page } => {
            output.bytes(&manual_page(page.as_deref())?);
            Ok(Exit::Safe)
        }
    }
}

/// The manual page of the program, or of one command under the name by which the first refers to it.
fn manual_page(command: Option<&str>) -> Result<Vec<u8>, Failure> {
    let mut program = Cli::command();
    // The options that every command shares belong to each page.
    program.build();
    let described = match command {
        None => program,
        Some(name) => {
            let found = program.find_subcommand(name).cloned();
            found.ok_or_else(|| {
                Failure::Usage(format!("man {name}: there is no command of that name"))
            })?
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(described)
        .render(&mut page)
        .map_err(|error| Failure::Failed(format!("manual page: {error}")))?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_that_the_manual_refers_to_can_be_had_and_names_its_options() {
        let text = |command| String::from_utf8(manual_page(command).unwrap()).unwrap();
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            assert!(
                text(None).contains(&format!("goldseal\\-{name}(1)")),
                "{name}"
            );
            let page = text(Some(name));
            for option in command.get_arguments().filter_map(clap::Arg::get_long) {
                let written = option.replace('-', "\\-");
                assert!(page.contains(&written), "{name}: {option}");
            }
        }
        assert!(manual_page(Some("nothing")).is_err());
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_panic_in_a_command_is_a_failure_and_not_an_exit_code_of_its_own() {
        let ended = fenced(|| panic!("out of range"));
        assert!(matches!(ended, Err(Failure::Failed(text)) if text.contains("out of range")));
    }

    #[test]
    fn failed_is_worse_than_unsafe_is_worse_than_inconclusive() {
        let order = [Exit::Safe, Exit::Inconclusive, Exit::Unsafe, Exit::Failed];
        for (index, worse) in order.iter().enumerate() {
            for better in &order[..index] {
                assert_eq!(better.worse(*worse), *worse);
                assert_eq!(worse.worse(*better), *worse);
            }
        }
    }
}
