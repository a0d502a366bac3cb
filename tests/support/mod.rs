//! What integration tests share: outside tools, which a build machine must have and another machine may lack.

use std::process::{Command, Stdio};

/// Says that a test, or a part of it, is left out: past the capture of the test runner, so that it is seen.
#[allow(dead_code, reason = "each test binary uses its part")]
pub(crate) fn skipped(why: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Whether an outside tool can be started; where the environment says `CI=true` a missing one fails the test.
#[allow(dead_code, reason = "each test binary uses its part")]
pub(crate) fn tool(name: &str) -> bool {
    let found = Command::new(name)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    let on_build_machine = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(found || !on_build_machine, "{name} is needed by this test");
    if !found {
        skipped(&format!("{name} is not installed"));
    }
    found
}
