//! Work that waits for a restart: setup.cbs_reboot_pending and setup.pending_renames.
//!
//! Renames wait on healthy machines too (3 of 5 measured hives), so their number is a note. A servicing stack that waits
//! makes Sysprep refuse.

use crate::artifact::registry::KeyValue;
use crate::evidence::{Fact, Unknown};
use crate::facts::gather::{Gather, empty_evidence};
use crate::facts::{Context, Facts, HiveName};

const CBS: &str = "Microsoft\\Windows\\CurrentVersion\\Component Based Servicing";
const CBS_KEYS: [&str; 2] = ["RebootPending", "PackagesPending"];
/// Servicing that could not end, below the Windows folder.
const PENDING_XML: &str = "WinSxS\\pending.xml";
const SESSION_MANAGER: &str = "Control\\Session Manager";
const RENAMES: [&str; 2] = [
    "PendingFileRenameOperations",
    "PendingFileRenameOperations2",
];

/// Collects setup.cbs_reboot_pending and setup.pending_renames.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    facts.put("setup.cbs_reboot_pending", cbs(context));
    facts.put("setup.pending_renames", renames(context));
}

fn cbs(context: &Context<'_>) -> Fact {
    let mut gather = Gather::default();
    for name in CBS_KEYS {
        let path = format!("{CBS}\\{name}");
        match context.key(HiveName::Software, &path) {
            Err(unknown) => gather.unseen(unknown),
            Ok(Some(found)) => gather.found(name, found.evidence),
            Ok(None) => gather.nothing(context.absent_evidence(HiveName::Software, &path, None)),
        }
    }
    gather.file(context, &context.installation.windows(PENDING_XML));
    gather.flag(&context.place(HiveName::Software, CBS, None))
}

/// Number of pairs of an old and a new name; an empty new name deletes the file.
fn renames(context: &Context<'_>) -> Result<Fact, Unknown> {
    let key = context.in_control_set(SESSION_MANAGER)?;
    let (mut pairs, mut evidence, mut absent) = (0_usize, Vec::new(), Vec::new());
    for name in RENAMES {
        // The strings as they stand: an empty one is the second of its pair. The empty ones at the end are cut off.
        match context.typed(HiveName::System, &key, name, KeyValue::strings)? {
            None => absent.push(context.absent_evidence(HiveName::System, &key, Some(name))),
            Some(found) => {
                pairs = pairs.saturating_add(found.value.len().div_ceil(2));
                evidence.push(found.evidence);
            }
        }
    }
    let count = i64::try_from(pairs).unwrap_or(i64::MAX);
    let place = context.place(HiveName::System, &key, None);
    let mut evidence = evidence.into_iter();
    Ok(match evidence.next() {
        Some(first) => Fact::found_in(count, first, evidence),
        None => Fact::found(count, empty_evidence(absent, &place)),
    })
}
