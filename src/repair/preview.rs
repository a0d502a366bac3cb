//! The preview: every check run on the image as it is, and on the image as it would be.
//!
//! The second run opens the image anew with the planned sectors laid over its disk, from the container on down, so nothing
//! of the first run can stand in for what the changed image shows.

use crate::base::contain::contain;
use crate::base::limits::Limits;
use crate::base::win_path::WinPath;
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::Fact;
use crate::facts::{self, Collected};
use crate::image::{Image, Installation, Options, Source};
use crate::repair::plan::RepairPlan;
use crate::rules::{self, Catalogue, Finding, Verdicts};

/// What `check` says of an installation.
#[derive(Debug)]
pub struct Checked {
    /// The facts.
    pub collected: Collected,
    /// The result of every rule.
    pub findings: Vec<Finding>,
}

impl Checked {
    /// Runs every check on an installation.
    ///
    /// # Errors
    /// A parser that panicked.
    pub fn run(installation: &Installation, catalogue: &Catalogue) -> Result<Self> {
        contain(&installation.locator.to_string(), || {
            let collected = facts::collect(installation, Limits::default());
            let findings = rules::run(catalogue, &collected.facts);
            Ok(Self {
                collected,
                findings,
            })
        })
    }

    /// Whether both runs gave the same facts and the same result of every rule.
    ///
    /// # Errors
    /// Facts that can't be written as JSON, which is how they are compared.
    pub fn is_same(&self, other: &Self) -> Result<bool> {
        let shown = |checked: &Self| {
            serde_json::to_string(&(&checked.collected.facts, &checked.findings))
                .map_err(|error| Error::with_source(ErrorKind::InvalidFormat, "facts", error))
        };
        Ok(shown(self)? == shown(other)?)
    }

    /// Whether both runs gave the same values and outcomes; places may differ, for the image may be a copy.
    pub fn is_same_but_for_places(&self, other: &Self) -> bool {
        let facts = |checked: &Self| -> Vec<(String, String)> {
            let value = |fact: &Fact| match fact {
                Fact::Found { value, .. } => value.to_string(),
                Fact::Absent(_) => "absent".to_owned(),
                Fact::Unknown(unknown) => unknown.reason.as_str().to_owned(),
            };
            let all = checked.collected.facts.iter();
            all.map(|(id, fact)| (id.to_owned(), value(fact))).collect()
        };
        let outcomes = |checked: &Self| -> Vec<_> {
            let all = checked.findings.iter();
            all.map(|finding| (finding.rule.clone(), finding.outcome))
                .collect()
        };
        facts(self) == facts(other) && outcomes(self) == outcomes(other)
    }

    /// The verdicts.
    pub fn verdicts(&self) -> Verdicts {
        Verdicts::of(&self.findings)
    }
}

/// What `check` says of every installation of an image, in their order.
#[derive(Debug)]
pub struct Preview {
    source: String,
    installations: Vec<Checked>,
}

impl Preview {
    /// What it says of one installation.
    ///
    /// # Errors
    /// It is not there: then the plan is wrong.
    pub fn of(&self, index: usize) -> Result<&Checked> {
        self.installations.get(index).ok_or_else(|| {
            Error::new(
                ErrorKind::PreconditionFailed,
                format!(
                    "{}: seen through the plan, installation {index} is no longer there",
                    self.source
                ),
            )
        })
    }

    /// [`Checked::is_same`] for every installation.
    ///
    /// # Errors
    /// As there.
    pub fn is_same(&self, other: &Self) -> Result<bool> {
        for (one, another) in self.installations.iter().zip(&other.installations) {
            if !one.is_same(another)? {
                return Ok(false);
            }
        }
        Ok(self.installations.len() == other.installations.len())
    }

    /// [`Checked::is_same_but_for_places`] for every installation.
    pub fn is_same_but_for_places(&self, other: &Self) -> bool {
        let mut pairs = self.installations.iter().zip(&other.installations);
        self.installations.len() == other.installations.len()
            && pairs.all(|(one, another)| one.is_same_but_for_places(another))
    }
}

/// Runs every check on all installations of an image seen through a plan.
///
/// # Errors
/// An image that can't be opened through the plan, and a parser that panicked.
pub fn after(
    source: &Source,
    options: &Options,
    plan: &RepairPlan,
    catalogue: &Catalogue,
) -> Result<Preview> {
    let options = Options {
        overlay: plan.sectors.clone(),
        renames: if plan.moves.is_empty() {
            Vec::new()
        } else {
            plan.actions
                .iter()
                .map(|action| (WinPath::new(&action.from), WinPath::new(&action.to)))
                .collect()
        },
        ..options.clone()
    };
    let image = contain(&source.as_typed(), || Image::open(source, &options))?;
    let installations: Result<Vec<Checked>> = image
        .installations
        .iter()
        .map(|installation| Checked::run(installation, catalogue))
        .collect();
    Ok(Preview {
        source: image.source,
        installations: installations?,
    })
}
