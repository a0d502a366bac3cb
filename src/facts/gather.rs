//! Facts that rest on several places: each is found, seen empty, or not seen, and the sum keeps all three apart.
//!
//! One place that shows the thing decides; if none does, one place that could not be seen leaves the fact unknown.

use crate::base::win_path::WinPath;
use crate::evidence::{Evidence, Fact, Locator, Unknown, Value};
use crate::facts::Context;

/// What the places that were looked into show.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    items: Vec<String>,
    evidence: Vec<Evidence>,
    looked: Vec<Evidence>,
    unseen: Option<Unknown>,
}

impl Gather {
    /// Something is there; `item` is how a list shows it.
    pub(crate) fn found(&mut self, item: impl Into<String>, evidence: Evidence) {
        self.items.push(item.into());
        self.evidence.push(evidence);
    }

    /// The place was readable and shows nothing.
    pub(crate) fn nothing(&mut self, evidence: Evidence) {
        self.looked.push(evidence);
    }

    /// The place could not be seen; the first such place is kept.
    pub(crate) fn unseen(&mut self, unknown: Unknown) {
        self.unseen.get_or_insert(unknown);
    }

    /// Whether a file is there, listed by its path.
    pub(crate) fn file(&mut self, context: &Context<'_>, path: &WinPath) {
        match context.metadata(path) {
            Err(unknown) => self.unseen(unknown),
            Ok(Some(metadata)) if !metadata.is_dir => {
                self.found(
                    path.to_string(),
                    context.file_evidence(path, Some(&metadata)),
                );
            }
            Ok(_) => self.nothing(context.file_evidence(path, None)),
        }
    }

    /// All that was found, as a list; `place` stands in where no place was looked into.
    pub(crate) fn list(self, place: &Locator) -> Fact {
        let items = Value::texts(self.items.clone());
        self.fact(items, Value::List(Vec::new()), place)
    }

    /// Whether anything was found.
    pub(crate) fn flag(self, place: &Locator) -> Fact {
        self.fact(Value::Bool(true), Value::Bool(false), place)
    }

    fn fact(self, some: Value, none: Value, place: &Locator) -> Fact {
        let mut evidence = self.evidence.into_iter();
        if let Some(first) = evidence.next() {
            return Fact::found_in(some, first, evidence);
        }
        if let Some(unknown) = self.unseen {
            return Fact::Unknown(unknown);
        }
        Fact::found(none, empty_evidence(self.looked, place))
    }
}

/// One evidence for several places that show nothing: the first, and the list of all.
pub(crate) fn empty_evidence(looked: Vec<Evidence>, place: &Locator) -> Evidence {
    let searched = looked
        .iter()
        .map(|evidence| evidence.locator.to_string())
        .collect();
    looked
        .into_iter()
        .next()
        .unwrap_or_else(|| Evidence::at(place.clone()))
        .searched(searched)
}

/// The fact whether a file is there.
pub(crate) fn file_exists_fact(context: &Context<'_>, path: &WinPath) -> Fact {
    let mut gather = Gather::default();
    gather.file(context, path);
    gather.flag(&context.installation.place(path))
}
