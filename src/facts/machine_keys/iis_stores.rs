//! What XP SP2 leaves in the folder of metabase backups.

use crate::evidence::Fact;
use crate::facts::machine_keys::live_metabase::inetsrv;
use crate::facts::{Context, Facts};

/// What XP SP2 leaves behind (KB889073), below the folder of IIS.
const IISCHEMA_UPDATE: &str = "MetaBack\\Iischema-update.md0";

/// Collects the fact.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    facts.put("iis.iischema_update_backup", iischema_update(context));
}

fn iischema_update(context: &Context<'_>) -> Fact {
    let path = match inetsrv(context) {
        Ok(folder) => folder.join(IISCHEMA_UPDATE),
        Err(unknown) => return Fact::Unknown(unknown),
    };
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
