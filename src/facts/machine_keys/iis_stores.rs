//! What XP SP2 leaves in the folder of metabase backups.

use crate::evidence::Fact;
use crate::facts::{Context, Facts};

/// What XP SP2 leaves behind (KB889073).
const IISCHEMA_UPDATE: &str = "system32\\inetsrv\\MetaBack\\Iischema-update.md0";

/// Collects the fact.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    facts.put("iis.iischema_update_backup", iischema_update(context));
}

fn iischema_update(context: &Context<'_>) -> Fact {
    let path = context.installation.windows(IISCHEMA_UPDATE);
    match context.metadata(&path) {
        Err(unknown) => Fact::Unknown(unknown),
        Ok(metadata) => {
            let mut evidence = context.file_evidence(&path, metadata.as_ref());
            if metadata.is_none() {
                evidence = evidence.searched(vec![context.installation.place(&path).to_string()]);
            }
            Fact::found(metadata.is_some(), evidence)
        }
    }
}
