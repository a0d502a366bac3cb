//! What a repair of one installation does to the others of the image.
//!
//! Installations on one volume can lie side by side, or one be put aside in a folder of the other, and the key files of one
//! are a few folders away from those of the next. So every check is run on all of them before and after, and a repair that
//! takes a file of another one, or makes it worse, is refused.

use crate::base::win_path::WinPath;
use crate::error::Result;
use crate::image::{Image, Installation};
use crate::repair::gate::{Gate, Planned, Refusal};
use crate::repair::plan::RepairPlan;
use crate::repair::preview::{Checked, Preview};
use crate::rules::{Catalogue, Finding, Outcome, Severity};

/// Another installation of the image, before and after.
#[derive(Debug)]
pub struct Neighbour<'p> {
    /// Its number in the image.
    pub index: usize,
    /// Its Windows folder.
    pub system_root: String,
    /// What `check` says of it now.
    pub before: Checked,
    /// What `check` would say of it afterwards.
    pub after: &'p Checked,
    /// A file of the plan that is a key file of this installation.
    shared: Option<String>,
}

impl<'p> Neighbour<'p> {
    /// All installations of the image but `repaired`.
    ///
    /// # Errors
    /// A parser that panicked, and an installation that is not there any more where the image is seen through the plan.
    pub fn all(
        image: &Image,
        repaired: &Installation,
        plan: &RepairPlan,
        seen: &'p Preview,
        catalogue: &Catalogue,
    ) -> Result<Vec<Self>> {
        let others = image
            .installations
            .iter()
            .filter(|other| other.index != repaired.index);
        others
            .map(|other| {
                let before = Checked::run(other, catalogue)?;
                // Paths mean the same file on the same volume only.
                let shared = (other.locator == repaired.locator)
                    .then(|| shared(plan, &before))
                    .flatten();
                Ok(Self {
                    index: other.index,
                    system_root: other.system_root.to_string(),
                    before,
                    after: seen.of(other.index)?,
                    shared,
                })
            })
            .collect()
    }

    /// The rules that say something else afterwards, as they were and as they would be.
    pub fn changes(&self) -> impl Iterator<Item = (&Finding, &Finding)> {
        let both = self.before.findings.iter().zip(&self.after.findings);
        both.filter(|(was, is)| was.outcome != is.outcome || was.message != is.message)
    }

    /// How the plan harms this installation, if it does.
    fn harm(&self) -> Option<String> {
        if let Some(path) = &self.shared {
            return Some(format!("{path} is a key file of it too"));
        }
        let (was, is) = self.changes().find(|(was, is)| is_worse(was, is))?;
        Some(format!(
            "{} there goes from {} to {}",
            is.rule,
            was.outcome.as_str(),
            is.outcome.as_str()
        ))
    }
}

fn is_worse(was: &Finding, is: &Finding) -> bool {
    let is_worse = match is.outcome {
        Outcome::Fired => was.outcome != Outcome::Fired,
        Outcome::Unknown => matches!(was.outcome, Outcome::Clear | Outcome::NotApplicable),
        Outcome::Clear | Outcome::NotApplicable => false,
    };
    is_worse && is.severity != Severity::Informs
}

fn shared(plan: &RepairPlan, of_it: &Checked) -> Option<String> {
    let renamed = plan.actions.iter().map(|action| &action.from);
    let mut touched = renamed.chain(plan.removals.iter().map(|removal| &removal.path));
    let is_key = |path: &&String| {
        let path = WinPath::new(path);
        let mut keys = of_it.collected.machine_keys.iter();
        keys.any(|key| WinPath::new(&key.path).eq_ignore_case(&path))
    };
    touched.find(is_key).cloned()
}

/// Refuses a plan that harms another installation.
///
/// # Errors
/// The refusal, which names the installation and the harm.
pub fn check(neighbours: &[Neighbour<'_>]) -> Planned<()> {
    let harmed =
        |other: &Neighbour<'_>| Some((other.index, other.system_root.clone(), other.harm()?));
    match neighbours.iter().find_map(harmed) {
        None => Ok(()),
        Some((index, system_root, harm)) => Err(Refusal::new(
            Gate::OtherInstallation,
            format!("the change would harm installation {index} in {system_root}: {harm}"),
        )),
    }
}

/// Which installation is to be repaired, where the image holds several and none was named.
///
/// # Errors
/// The refusal, which lists them.
pub fn only_one(image: &Image) -> Planned<()> {
    if image.installations.len() < 2 {
        return Ok(());
    }
    let list: Vec<String> = image
        .installations
        .iter()
        .map(|each| format!("{}: {}", each.index, each.place(&each.system_root)))
        .collect();
    Err(Refusal::new(
        Gate::SeveralInstallations,
        format!(
            "{} holds {} installations ({}); name the one to repair with --installation N",
            image.source,
            image.installations.len(),
            list.join("; ")
        ),
    ))
}
