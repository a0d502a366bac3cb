//! Which image is being read: one line on standard error, on a terminal only.

use std::io::{self, Write};

use crate::cli::output::Output;

/// A line that is overwritten by the next one and cleared at the end.
#[derive(Debug)]
pub(crate) struct Progress {
    total: usize,
    done: usize,
    shown: bool,
}

impl Progress {
    /// Progress over `total` images.
    pub(crate) fn new(output: &Output, total: usize) -> Self {
        Self {
            total,
            done: 0,
            shown: output.shows_progress() && total > 1,
        }
    }

    /// Says that the next image is begun.
    pub(crate) fn next(&mut self, name: &str) {
        self.done = self.done.saturating_add(1);
        if self.shown {
            let name = goldseal::report::printable(name);
            let _ = write!(
                io::stderr(),
                "\r\x1b[2K[{}/{}] {name}",
                self.done,
                self.total
            );
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}
