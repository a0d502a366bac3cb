//! How often a program ran, by its prefetch files: one for each path that it was started from.
//!
//! A file counts the runs since it was made, Windows keeps a limited number of files, and many embedded builds and servers
//! make none: the sum is a minimum.

use crate::artifact::prefetch;
use crate::base::win_path::{WinPath, eq_name};
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason};
use crate::facts::Context;
use crate::facts::gather::empty_evidence;

/// The folder below the Windows folder.
const FOLDER: &str = "Prefetch";
/// Largest file that is read, in bytes; libscca knows none above 2 MiB.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// The prefetch files of the folder by name, read once for all programs.
pub(crate) struct Folder<'c, 'i> {
    context: &'c Context<'i>,
    path: WinPath,
    names: Result<Vec<String>, Unknown>,
}

impl<'c, 'i> Folder<'c, 'i> {
    /// Lists the folder; one that is not there is empty.
    pub(crate) fn open(context: &'c Context<'i>) -> Self {
        let path = context.installation.windows(FOLDER);
        let names = match context.installation.filesystem.read_dir(&path) {
            Ok(entries) => Ok(entries
                .unwrap_or_default()
                .into_iter()
                .filter(|entry| !entry.is_dir)
                .map(|entry| entry.name)
                .collect()),
            Err(error) => Err(Unknown::from_error(
                &error,
                context.installation.place(&path),
            )),
        };
        Self {
            context,
            path,
            names,
        }
    }

    /// The runs of a program, from all its files. One that tells of runs decides; where none does, one that could not be
    /// read leaves the number unknown.
    pub(crate) fn runs(&self, program: &str) -> Result<Fact, Unknown> {
        let (mut runs, mut evidence, mut looked, mut unseen) =
            (0_i64, Vec::new(), Vec::new(), None);
        for name in self.names.as_ref().map_err(Clone::clone)? {
            if !is_of(name, program) {
                continue;
            }
            match self.read(name, program) {
                Ok((count, place)) if count > 0 => {
                    runs = runs.saturating_add(i64::from(count));
                    evidence.push(place);
                }
                Ok((_, place)) => looked.push(place),
                Err(unknown) => {
                    unseen.get_or_insert(unknown);
                }
            }
        }
        let mut evidence = evidence.into_iter();
        match (evidence.next(), unseen) {
            (Some(first), _) => Ok(Fact::found_in(runs, first, evidence)),
            (None, Some(unknown)) => Err(unknown),
            (None, None) => {
                let folder = self.context.installation.place(&self.path);
                Ok(Fact::found(0_i64, empty_evidence(looked, &folder)))
            }
        }
    }

    fn read(&self, name: &str, program: &str) -> Result<(u32, Evidence), Unknown> {
        let path = self.path.child(name);
        let place = self.context.installation.place(&path);
        let fail = |error| Unknown::from_error(&error, place.clone());
        let filesystem = &self.context.installation.filesystem;
        let bytes = filesystem.read(&path, FILE_BYTES_MAX).map_err(fail)?;
        let file = prefetch::parse(&bytes.unwrap_or_default()).map_err(fail)?;
        if !eq_name(&file.name, program) {
            return Err(Unknown::new(
                UnknownReason::Corrupt,
                format!("{program} is expected in the file, it names {}", file.name),
                place,
            ));
        }
        let times: Vec<String> = file.last_runs.iter().map(ToString::to_string).collect();
        let last = if times.is_empty() {
            String::new()
        } else {
            format!(", last {}", times.join(", "))
        };
        let metadata = self.context.metadata(&path)?;
        let evidence = self.context.file_evidence(&path, metadata.as_ref());
        let line = format!("{}: {} runs{last}", file.name, file.run_count);
        Ok((file.run_count, evidence.raw(line)))
    }
}

/// Whether `SYSPREP.EXE-2F1E3C44.pf` is a file of the program.
fn is_of(file: &str, program: &str) -> bool {
    let Some((stem, ending)) = file.rsplit_once('.') else {
        return false;
    };
    ending.eq_ignore_ascii_case("pf")
        && stem
            .rsplit_once('-')
            .is_some_and(|(name, _)| eq_name(name, program))
}
