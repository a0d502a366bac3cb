//! The program: parses arguments, calls the library, turns the result into an exit code; nothing else.

fn main() {}
