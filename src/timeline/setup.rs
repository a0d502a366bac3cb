//! What the logs of set-up, Sysprep and device installation tell.

use crate::artifact::text_log::panther::SetupEvent;
use crate::artifact::text_log::setup_api::SealStep;
use crate::facts::{Collected, Context, embedded, setup_logs};
use crate::timeline::{Kind, Moment, Source, Timeline};

/// From this number of sections on devices were found anew, as on another machine.
const MANY_SECTIONS: u64 = 10;

pub(crate) fn read(context: &Context<'_>, collected: &Collected, timeline: &mut Timeline) {
    read_sysprep(context, collected, timeline);
    read_fba(context, timeline);
    let devices = setup_logs::read_devices(context);
    for device in devices.bursts {
        let burst = &device.burst;
        if burst.sections < MANY_SECTIONS && burst.seal.is_none() {
            continue;
        }
        let kind = burst.seal.map_or(Kind::Install, |_| Kind::Seal);
        let what = match burst.seal {
            None => "devices were installed",
            Some(SealStep::Tool) => "a tool that seals installed devices",
            Some(SealStep::Generalize) => "Sysprep generalized devices",
            Some(SealStep::Specialize) => "Sysprep specialized devices",
            Some(SealStep::MiniSetup) => "mini-setup installed devices",
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
            SetupEvent::PassFailed { pass, code } => (
                Kind::Failure,
                format!("pass {pass} of Sysprep failed with 0x{code:08x}"),
            ),
            SetupEvent::StateInvalid => (
                Kind::Failure,
                "Sysprep refused to run: an earlier run left the image in an invalid state"
                    .to_owned(),
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

/// The lines about reseals in the log of the First Boot Agent: a time of day without a date, which is no moment.
fn read_fba(context: &Context<'_>, timeline: &mut Timeline) {
    match embedded::fba_lines(context) {
        Ok(lines) => {
            for (line, place) in lines.unwrap_or_default() {
                let what = if line.done {
                    "tells of a reseal that was done"
                } else {
                    "mentions a reseal"
                };
                let time = line.time.map_or_else(
                    || "no date".to_owned(),
                    |time| format!("at {time} of a day that it does not name"),
                );
                let said = place.raw.as_deref().unwrap_or_default();
                let text = format!("the log of the First Boot Agent {what} ({time}): {said}");
                timeline.add(None, Source::SetupLog, Kind::Seal, text, place);
            }
        }
        Err(unknown) => timeline.unseen(Source::SetupLog, unknown),
    }
}
