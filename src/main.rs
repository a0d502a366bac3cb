//! The program: parses arguments, calls the library, turns the result into an exit code; nothing else.

#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

use goldseal::base::contain::is_contained;

fn main() -> ExitCode {
    let report_panic = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // A panic of a fenced parser becomes an `unknown` with its place; its text would only frighten.
        if !is_contained() {
            report_panic(info);
        }
    }));
    ExitCode::from(cli::run().code())
}
