//! What happened to an installation, from every source, in one order of time.
//!
//! Logs, key files, the registry and traces of programs each tell a part, in times of different worth: UTC, local time of a
//! zone that nobody wrote down, a date. The order is that of the readings as they stand; each entry says what its time is
//! worth, and a filter by time keeps whatever may lie inside. Nothing is judged here.

mod events;
mod files;
mod moment;
mod registry;
mod runs;
mod setup;

use std::borrow::Cow;

use serde::Serialize;

use crate::artifact::event_log::Text;
use crate::base::filetime::FileTime;
use crate::base::redact;
use crate::evidence::{Evidence, Unknown};
use crate::facts::{Collected, Context};

pub use moment::{Certainty, Moment};

/// Where an entry comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The System and Application logs.
    EventLog,
    /// `setupact.log`, `setuperr.log` and `setupapi.log`.
    SetupLog,
    /// A value of the registry that is a time, or the time at which a key was written.
    Registry,
    /// The time in the header of a hive.
    Hive,
    /// The times of a key file.
    KeyFile,
    /// The times of another file that tells of sealing.
    File,
    /// Runs in a prefetch file.
    Prefetch,
    /// The last start by a user from Explorer.
    UserAssist,
    /// The cache of program compatibility: when the file of a program was changed.
    AppCompatCache,
}

impl Source {
    /// All sources, in the order in which entries of one moment stand.
    pub const ALL: [Self; 9] = [
        Self::EventLog,
        Self::SetupLog,
        Self::Registry,
        Self::Hive,
        Self::KeyFile,
        Self::File,
        Self::Prefetch,
        Self::UserAssist,
        Self::AppCompatCache,
    ];

    /// The word of reports and options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EventLog => "event_log",
            Self::SetupLog => "setup_log",
            Self::Registry => "registry",
            Self::Hive => "hive",
            Self::KeyFile => "key_file",
            Self::File => "file",
            Self::Prefetch => "prefetch",
            Self::UserAssist => "user_assist",
            Self::AppCompatCache => "app_compat_cache",
        }
    }

    /// The source of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == word)
    }
}

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An identity was made or changed: MachineGuid, SID, name, key.
    Identity,
    /// Sealing, the boot of a clone, and what runs at it.
    Seal,
    /// A service or a tool failed.
    Failure,
    /// Windows was started or ended.
    Boot,
    /// An update was installed.
    Update,
    /// Windows was installed or upgraded.
    Install,
    /// A file or a hive was written.
    Written,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Identity,
        Self::Seal,
        Self::Failure,
        Self::Boot,
        Self::Update,
        Self::Install,
        Self::Written,
    ];

    /// The word of reports and options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Seal => "seal",
            Self::Failure => "failure",
            Self::Boot => "boot",
            Self::Update => "update",
            Self::Install => "install",
            Self::Written => "written",
        }
    }

    /// The kind of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// When, and what that time is worth.
    #[serde(flatten)]
    pub moment: Moment,
    /// Where it comes from.
    pub source: Source,
    /// What it is about.
    pub kind: Kind,
    /// What happened.
    pub text: String,
    /// The place.
    pub evidence: Evidence,
}

/// A source that could not be read in part or as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Unseen {
    /// The source.
    pub source: Source,
    /// Why.
    pub unknown: Unknown,
}

/// What entries are asked for; an empty filter asks for all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// One of these sources. The others are not read.
    pub sources: Vec<Source>,
    /// One of these kinds.
    pub kinds: Vec<Kind>,
    /// Not before that time, as far as the certainty tells.
    pub since: Option<FileTime>,
    /// Not after that time, as far as the certainty tells.
    pub until: Option<FileTime>,
    /// Holding that text, in the entry or in what stands at its place.
    pub text: Option<Text>,
}

/// The entries of an installation in the order of time, and what could not be seen.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// The entries.
    pub entries: Vec<Entry>,
    /// What could not be seen.
    pub unseen: Vec<Unseen>,
}

impl Filter {
    fn wants_source(&self, source: Source) -> bool {
        self.sources.is_empty() || self.sources.contains(&source)
    }

    fn wants(&self, entry: &Entry) -> bool {
        let raw = entry.evidence.raw.as_deref().unwrap_or_default();
        self.wants_source(entry.source)
            && (self.kinds.is_empty() || self.kinds.contains(&entry.kind))
            && entry.moment.may_lie_between(self.since, self.until)
            && self
                .text
                .as_ref()
                .is_none_or(|text| text.is_in(&entry.text) || text.is_in(raw))
    }
}

impl Timeline {
    /// Reads the sources that `filter` asks for and puts their entries in order.
    pub fn read(context: &Context<'_>, collected: &Collected, filter: &Filter) -> Self {
        let mut timeline = Self::default();
        let readers: [(&[Source], Reader); 6] = [
            (&[Source::EventLog], events::read),
            (&[Source::SetupLog], setup::read),
            (&[Source::Registry, Source::Hive], registry::read),
            (&[Source::KeyFile], files::read_keys),
            (&[Source::File], files::read_others),
            (
                &[Source::Prefetch, Source::UserAssist, Source::AppCompatCache],
                runs::read,
            ),
        ];
        for (sources, read) in readers {
            if sources.iter().any(|source| filter.wants_source(*source)) {
                read(context, collected, &mut timeline);
            }
        }
        timeline.entries.retain(|entry| filter.wants(entry));
        timeline
            .unseen
            .retain(|unseen| filter.wants_source(unseen.source));
        timeline.order();
        timeline
    }

    fn order(&mut self) {
        self.entries.sort_by_cached_key(|entry| {
            (
                entry.moment.reading(),
                entry.source,
                entry.kind,
                entry.evidence.locator.to_string(),
                entry.evidence.line,
                entry.evidence.offset,
                entry.text.clone(),
            )
        });
        self.entries.dedup();
    }

    fn add(
        &mut self,
        moment: Option<Moment>,
        source: Source,
        kind: Kind,
        text: String,
        evidence: Evidence,
    ) {
        let text = match redact::secrets(&text) {
            Cow::Owned(shown) => shown,
            Cow::Borrowed(_) => text,
        };
        // What has no time happened all the same.
        self.entries.push(Entry {
            moment: moment.unwrap_or_else(Moment::unknown),
            source,
            kind,
            text,
            evidence,
        });
    }

    fn unseen(&mut self, source: Source, unknown: Unknown) {
        self.unseen.push(Unseen { source, unknown });
    }
}

/// Reads sources into a timeline.
type Reader = fn(&Context<'_>, &Collected, &mut Timeline);

#[cfg(test)]
mod tests;
