//! `goldseal ls`, `cat` and `stat`: look into the image by hand, with the readers that the checks use.

use std::sync::Arc;

use goldseal::base::win_path::WinPath;
use goldseal::evidence::Locator;
use goldseal::image::filesystem::FileSystem;
use goldseal::image::{Image, Source};
use goldseal::report::{FileReport, ListReport, list_text, stat_text};

use crate::cli::args::PathArgs;
use crate::cli::output::Output;
use crate::cli::{Exit, Failure, open};

/// Largest file that `cat` writes out, in bytes.
const CAT_BYTES_MAX: u64 = 1 << 30;

/// The volume that a path is looked up on, and its place.
struct Target {
    filesystem: Arc<dyn FileSystem>,
    locator: Locator,
}

pub(crate) fn ls(args: &PathArgs, output: &mut Output) -> Result<Exit, Failure> {
    let target = target(args, output)?;
    let path = WinPath::new(&args.path);
    let metadata = target
        .filesystem
        .metadata(&path)?
        .ok_or_else(|| not_there(&target, &path))?;
    let report = if metadata.is_dir || path.is_root() {
        let entries = target
            .filesystem
            .read_dir_metadata(&path)?
            .ok_or_else(|| not_there(&target, &path))?;
        ListReport::new(&target.locator, &path, entries)
    } else {
        ListReport::new(
            &target.locator,
            &path,
            vec![(metadata.name.clone(), Ok(metadata))],
        )
    };
    if output.is_json() {
        output.json(&report)?;
    } else {
        let style = output.style();
        output.text(&list_text(&report, &style));
    }
    Ok(Exit::Safe)
}

pub(crate) fn cat(args: &PathArgs, output: &mut Output) -> Result<Exit, Failure> {
    let target = target(args, output)?;
    let (path, stream) = split_stream(&args.path);
    let content = match stream {
        None => target.filesystem.read(&path, CAT_BYTES_MAX)?,
        Some(stream) => target
            .filesystem
            .read_stream(&path, stream, CAT_BYTES_MAX)?,
    };
    let Some(content) = content else {
        let metadata = target.filesystem.metadata(&path)?;
        if stream.is_none() && metadata.is_some_and(|metadata| metadata.is_dir) {
            let place = target.locator.step(&path);
            return Err(Failure::Failed(format!("{place}: is a directory")));
        }
        return Err(not_there(&target, &WinPath::new(&args.path)));
    };
    output.bytes(&content);
    Ok(Exit::Safe)
}

pub(crate) fn stat(args: &PathArgs, output: &mut Output) -> Result<Exit, Failure> {
    let target = target(args, output)?;
    let path = WinPath::new(&args.path);
    let metadata = target
        .filesystem
        .metadata(&path)?
        .ok_or_else(|| not_there(&target, &path))?;
    let descriptor = target.filesystem.security_descriptor(&path);
    let report = FileReport::new(&target.locator, &path, metadata, descriptor);
    if output.is_json() {
        output.json(&report)?;
    } else {
        let style = output.style();
        output.text(&stat_text(&report, &style));
    }
    Ok(Exit::Safe)
}

fn not_there(target: &Target, path: &WinPath) -> Failure {
    Failure::NotThere(format!("{}: not there", target.locator.step(path)))
}

/// `FILE:STREAM`; a drive letter is no stream.
fn split_stream(text: &str) -> (WinPath, Option<&str>) {
    let name_start = text.rfind(['\\', '/']).map_or(0, |at| at.saturating_add(1));
    let name = text.get(name_start..).unwrap_or("");
    match name.split_once(':') {
        Some((file, stream)) if file.len() > 1 => {
            let folder = text.get(..name_start).unwrap_or("");
            (WinPath::new(&format!("{folder}{file}")), Some(stream))
        }
        _ => (WinPath::new(text), None),
    }
}

fn target(args: &PathArgs, output: &Output) -> Result<Target, Failure> {
    let source = Source::from_path(&args.image);
    let image = open::open(&source, &open::options(args.allow_backing_anywhere))?;
    open::say_notes(&image, output);
    match args.volume {
        Some(number) => numbered_volume(image, number),
        None => first_volume(image),
    }
}

fn numbered_volume(image: Image, number: usize) -> Result<Target, Failure> {
    let volumes = image.volumes.len();
    let volume = image.volumes.into_iter().nth(number).ok_or_else(|| {
        Failure::Usage(format!(
            "--volume {number}: {} holds {volumes} volumes, counted from 0",
            image.source
        ))
    })?;
    Ok(Target {
        filesystem: volume.filesystem?,
        locator: volume.locator,
    })
}

fn first_volume(image: Image) -> Result<Target, Failure> {
    if let Some(installation) = image.installations.first() {
        return Ok(Target {
            filesystem: Arc::clone(&installation.filesystem),
            locator: installation.locator.clone(),
        });
    }
    let mut reasons = vec![format!("{}: no volume that can be read", image.source)];
    for volume in image.volumes {
        match volume.filesystem {
            Ok(filesystem) => {
                return Ok(Target {
                    filesystem,
                    locator: volume.locator,
                });
            }
            Err(error) => reasons.push(error.chain()),
        }
    }
    Err(Failure::Failed(reasons.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drive_letter_is_no_stream() {
        assert_eq!(split_stream("C:\\a\\b.txt").1, None);
        let (path, stream) = split_stream("C:\\a\\b.txt:Zone.Identifier");
        assert_eq!(
            (path.to_string().as_str(), stream),
            ("a\\b.txt", Some("Zone.Identifier"))
        );
        assert_eq!(split_stream("b.txt:s").1, Some("s"));
    }
}
