//! What the logs of set-up and Sysprep tell.

use crate::artifact::text_log::panther::SetupEvent;
use crate::facts::{Collected, Context, setup_logs};
use crate::timeline::{Kind, Moment, Source, Timeline};

pub(crate) fn read(context: &Context<'_>, _collected: &Collected, timeline: &mut Timeline) {
    let logs = setup_logs::read(context);
    for line in logs.lines {
        let (kind, text) = match line.event {
            SetupEvent::MachineGuidAssigned(guid) => (
                Kind::Identity,
                format!("set-up assigned MachineGuid {guid} (CryptoSysPrep_Specialize)"),
            ),
            SetupEvent::RunBegins => (Kind::Seal, "a run of Sysprep begins".to_owned()),
            SetupEvent::Option(name) => (Kind::Seal, format!("Sysprep runs with option {name}")),
            SetupEvent::ProviderFailed {
                file,
                function,
                code,
            } => (
                Kind::Failure,
                format!("provider {file},{function} of Sysprep failed with 0x{code:08x}"),
            ),
            SetupEvent::Succeeded => (Kind::Seal, "Sysprep succeeded".to_owned()),
            // Some hundred providers run to their end in each pass; failures are what tells.
            SetupEvent::ProviderDone { .. } => continue,
        };
        let moment = line.time.and_then(Moment::local);
        timeline.add(moment, Source::SetupLog, kind, text, line.evidence);
    }
    for unknown in logs.unseen {
        timeline.unseen(Source::SetupLog, unknown);
    }
}
