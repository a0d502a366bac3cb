//! Where results and messages go: results to standard output or a file, everything else to standard error.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use goldseal::report::{Style, printable, printable_json};
use serde::Serialize;

use crate::cli::args::{ColorChoice, Format, OutputArgs};
use crate::cli::{Failure, guard};

/// Width of tables where the output is no terminal, in columns.
const WIDTH_DEFAULT: usize = 100;
/// Narrowest and widest table, in columns.
const WIDTH_RANGE: (usize, usize) = (60, 140);

/// The results of one run, kept until the command is done.
#[derive(Debug)]
pub(crate) struct Output {
    format: Format,
    file: Option<PathBuf>,
    /// The output where it was made before the command began.
    taken: Option<File>,
    quiet: bool,
    verbose: bool,
    no_progress: bool,
    color: ColorChoice,
    results: Vec<u8>,
}

impl Output {
    pub(crate) fn new(args: &OutputArgs) -> Self {
        Self {
            format: args.format,
            file: args.output.clone(),
            taken: None,
            quiet: args.quiet,
            verbose: args.verbose,
            no_progress: args.no_progress,
            color: args.color,
            results: Vec::new(),
        }
    }

    /// Where the results go, if that is a file.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Takes the open file of the results.
    pub(crate) fn take(&mut self, file: File) {
        self.taken = Some(file);
    }

    /// Removes the file that was taken for results which there are not.
    pub(crate) fn give_back(&mut self) {
        if let (Some(_), Some(path)) = (self.taken.take(), &self.file) {
            guard::remove_taken(path);
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Whether progress may be drawn: on a terminal, and where nobody forbade it.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.no_progress && !self.quiet && io::stderr().is_terminal()
    }

    /// Adds text to the results.
    pub(crate) fn text(&mut self, text: &str) {
        self.results.extend_from_slice(text.as_bytes());
    }

    /// Adds bytes to the results.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.results.extend_from_slice(bytes);
    }

    /// Adds a JSON document to the results.
    pub(crate) fn json(&mut self, document: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(document)
            .map_err(|error| Failure::Failed(format!("JSON: {error}")))?;
        match printable_json(&text) {
            Cow::Borrowed(_) if self.results.is_empty() => self.results = text.into_bytes(),
            safe => self.text(&safe),
        }
        self.text("\n");
        Ok(())
    }

    /// Says something on standard error, unless quiet was asked for.
    pub(crate) fn note(&self, message: &str) {
        if !self.quiet {
            say(&format!("note: {}", printable(message)));
        }
    }

    /// How tables look on this output.
    pub(crate) fn style(&self) -> Style {
        let terminal = self.file.is_none() && io::stdout().is_terminal();
        let wish = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Style {
            width: if terminal {
                terminal_width()
            } else {
                WIDTH_DEFAULT
            },
            color: match self.color {
                ColorChoice::Auto => terminal && wish,
                ColorChoice::Always => true,
                ColorChoice::Never => false,
            },
            verbose: self.verbose,
        }
    }

    /// Writes the results out.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        match &self.file {
            Some(path) => {
                let mut file = match self.taken.take() {
                    Some(file) => file,
                    None => guard::open_to_replace(path)?,
                };
                file.write_all(&self.results).map_err(|error| {
                    Failure::Failed(format!("--output {}: {error}", path.display()))
                })
            }
            None => match write_stdout(&self.results) {
                // The reader has seen enough (`| head`): the verdict still is the exit code.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                result => {
                    result.map_err(|error| Failure::Failed(format!("standard output: {error}")))
                }
            },
        }
    }
}

fn write_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

fn terminal_width() -> usize {
    let columns =
        rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_col));
    if columns == 0 {
        WIDTH_DEFAULT
    } else {
        columns.clamp(WIDTH_RANGE.0, WIDTH_RANGE.1)
    }
}

/// Says why a command ended.
pub(crate) fn complain(message: &str) {
    say(&format!("goldseal: {}", printable(message)));
}

fn say(line: &str) {
    // Where standard error is closed nobody can be told.
    let _ = writeln!(io::stderr(), "{line}");
}
