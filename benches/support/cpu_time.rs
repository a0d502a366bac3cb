//! Processor time of a benchmark, which says the same on a machine that does other work too.

use std::time::Duration;

/// Processor time of the main thread so far; no benchmark starts another. The first number of `/proc/self/schedstat`.
pub(crate) fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}
