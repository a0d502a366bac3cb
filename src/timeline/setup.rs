//! What the logs of set-up, Sysprep and device installation tell.

use crate::artifact::text_log::panther::SetupEvent;
use crate::facts::{Collected, Context, setup_logs};
use crate::timeline::{Kind, Moment, Source, Timeline};

/// From this number of sections on devices were found anew, as on another machine.
const MANY_SECTIONS: u64 = 10;

pub(crate) fn read(context: &Context<'_>, collected: &Collected, timeline: &mut Timeline) {
    read_sysprep(context, collected, timeline);
    let devices = setup_logs::read_devices(context);
    for device in devices.bursts {
        let burst = &device.burst;
        if burst.sections < MANY_SECTIONS && !burst.mini_setup {
            continue;
        }
        let (kind, what) = if burst.mini_setup {
            (Kind::Seal, "mini-setup installed devices")
        } else {
            (Kind::Install, "devices were installed")
        };
        let text = format!(
            "{what}: {} sections until {} ({})",
            burst.sections,
            burst.last.format("%H:%M:%S"),
            if burst.programs.is_empty() {
                "by Plug and Play".to_owned()
            } else {
                burst.programs.join(", ")
            }
        );
        let moment = Moment::local(burst.first);
        timeline.add(moment, Source::SetupLog, kind, text, device.evidence);
    }
    for unknown in devices.unseen {
        timeline.unseen(Source::SetupLog, unknown);
    }
}

fn read_sysprep(context: &Context<'_>, _collected: &Collected, timeline: &mut Timeline) {
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
