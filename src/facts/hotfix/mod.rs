//! Whether an image has the hotfix of KB884872: hotfix.kb884872 and hotfix.registry_disagrees.
//!
//! The files decide and the registry does not: its records age, and service packs delete them (KB888535, KB300039). Each
//! file is compared with its own row only; a version at or above the row is fixed, whatever package brought it. The hotfix
//! prevents a new loss of MachineGuid and repairs nothing. Copies in dllcache and ServicePackFiles do not count.

mod markers;
mod table;

use crate::artifact::pe_version::FileVersion;
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::programs::{self, Program};
use crate::facts::read::{earlier, is_version, windows_version};
use crate::facts::{Context, Facts};
use table::{FILES, FixedFile, Role};

/// The first service pack that the hotfix can be installed on.
const SERVICE_PACK_MIN: i64 = 3;
/// The build of Windows 2000.
const BUILD: i64 = 2195;

/// Collects this group; os.version, os.build and os.sp must be there.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let state = state(context, facts);
    let disagrees = markers::disagrees(context, &state);
    facts.put("hotfix.kb884872", state);
    facts.put("hotfix.registry_disagrees", disagrees);
}

/// The state of the files; see the words of the fact.
fn state(context: &Context<'_>, facts: &Facts) -> Result<Fact, Unknown> {
    let (version, evidence) = windows_version(facts)?;
    if !is_version(&version, 5, 0) {
        return Ok(Fact::found(Value::text("not_applicable"), evidence));
    }
    if let Some((Value::Int(build), evidence)) = earlier(facts, "os.build")?
        && *build != BUILD
    {
        let note = format!("build {build}, Windows 2000 is {BUILD}");
        return Ok(Fact::found(
            Value::text("not_applicable"),
            evidence.clone().raw(note),
        ));
    }
    if let Some((Value::Int(pack), evidence)) = earlier(facts, "os.sp")?
        && *pack < SERVICE_PACK_MIN
    {
        let note = format!("service pack {pack}, the hotfix needs {SERVICE_PACK_MIN}");
        return Ok(Fact::found(
            Value::text("prerequisite_missing"),
            evidence.clone().raw(note),
        ));
    }
    Audit::of(context).fact()
}

/// The files of the table as the image has them, each with one line of evidence.
#[derive(Debug, Default)]
struct Audit {
    older_core: Vec<Evidence>,
    older: Vec<Evidence>,
    others: Vec<Evidence>,
    /// The first file without which "fixed" cannot be said: one that could not be read, or a core file that is not there.
    undecided: Option<Unknown>,
    core_undecided: bool,
}

impl Audit {
    fn of(context: &Context<'_>) -> Self {
        let mut audit = Self::default();
        // The files that decide come first, so that an unknown names one of them.
        for role in [Role::Core, Role::Companion] {
            for file in FILES.iter().filter(|file| file.role == role) {
                audit.add(context, file);
            }
        }
        audit
    }

    fn add(&mut self, context: &Context<'_>, file: &FixedFile) {
        let path = context.installation.windows(file.path);
        let fixed = FileVersion(file.fixed);
        match programs::version(context, &path) {
            Ok(Program::Version(version, evidence)) if version < fixed => {
                let line = evidence.raw(format!("{version}, fixed from {fixed} on: older"));
                match file.role {
                    Role::Core => self.older_core.push(line),
                    Role::Companion => self.older.push(line),
                }
            }
            Ok(Program::Version(version, evidence)) => {
                self.others
                    .push(evidence.raw(format!("{version}, fixed from {fixed} on: fixed")));
            }
            Ok(Program::Missing(evidence)) if file.role == Role::Companion => {
                self.others
                    .push(evidence.raw(format!("not there, fixed from {fixed} on")));
            }
            Ok(Program::Missing(evidence)) => self.undecided(
                file,
                Unknown {
                    reason: UnknownReason::NotProvided,
                    detail: format!("not there; this file decides (fixed from {fixed} on)"),
                    evidence,
                },
            ),
            Ok(Program::WithoutVersion(evidence)) => self.undecided(
                file,
                Unknown {
                    reason: UnknownReason::Corrupt,
                    detail: format!("has no version resource (fixed from {fixed} on)"),
                    evidence,
                },
            ),
            Err(unknown) => self.undecided(file, unknown),
        }
    }

    fn undecided(&mut self, file: &FixedFile, unknown: Unknown) {
        self.core_undecided |= file.role == Role::Core;
        self.undecided.get_or_insert(unknown);
    }

    /// One older core file is proof. Without one, every core file must be seen; then one older companion is proof; without
    /// one, every file must be seen.
    fn fact(self) -> Result<Fact, Unknown> {
        let word = match (&self.older_core[..], &self.older[..], self.undecided) {
            ([_, ..], _, _) => "not_fixed",
            ([], _, Some(unknown)) if self.core_undecided => return Err(unknown),
            ([], [_, ..], _) => "partly_fixed",
            ([], [], Some(unknown)) => return Err(unknown),
            ([], [], None) => "fixed",
        };
        let mut lines = self
            .older_core
            .into_iter()
            .chain(self.older)
            .chain(self.others);
        match lines.next() {
            Some(first) => Ok(Fact::found_in(Value::text(word), first, lines)),
            None => Err(Unknown::new(
                UnknownReason::NotProvided,
                "no file of the table was looked at",
                crate::evidence::Locator::default(),
            )),
        }
    }
}

#[cfg(test)]
mod tests;
