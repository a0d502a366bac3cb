//! What the event logs tell.

use crate::facts::event_logs::{Happened, history};
use crate::facts::{Collected, Context};
use crate::timeline::{Kind, Moment, Source, Timeline};

pub(crate) fn read(context: &Context<'_>, _collected: &Collected, timeline: &mut Timeline) {
    let (entries, unseen) = history(context);
    for entry in entries {
        let kind = match entry.what {
            Happened::Failure => Kind::Failure,
            Happened::Boot => Kind::Boot,
            Happened::Rename => Kind::Identity,
            Happened::Update => Kind::Update,
            Happened::Install => Kind::Install,
            Happened::Msdtc | Happened::Cleared => Kind::Seal,
        };
        let moment = entry.time.and_then(Moment::of_event);
        timeline.add(moment, Source::EventLog, kind, entry.text, entry.evidence);
    }
    for unknown in unseen {
        timeline.unseen(Source::EventLog, unknown);
    }
}
