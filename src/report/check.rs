//! The report of `check`: one document an installation, or an error in its place.

use serde::Serialize;

use crate::error::{Error, ErrorKind};
use crate::facts::shared_identities::AcrossImages;
use crate::facts::{Collected, Facts, MachineKey};
use crate::image::{Image, Installation};
use crate::report::SCHEMA_VERSION;
use crate::rules::{Finding, Verdicts};

/// The program that made a report.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Tool {
    name: &'static str,
    version: &'static str,
}

impl Tool {
    /// This program.
    pub const THIS: Self = Self {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
    };
}

/// The image that a report speaks of.
#[derive(Debug, Clone, Serialize)]
pub struct ImageInfo {
    /// As the user typed it.
    pub source: String,
    /// Size of what was named, in bytes.
    pub size_bytes: u64,
    /// The chain of layers, outermost first.
    pub layers: Vec<String>,
    /// Warnings about the image as a whole.
    pub notes: Vec<String>,
}

impl ImageInfo {
    /// The image down to where its volumes part.
    pub fn of_image(image: &Image) -> Self {
        Self {
            source: image.source.clone(),
            size_bytes: image.size_bytes,
            layers: image.layers.clone(),
            notes: image.notes.clone(),
        }
    }

    /// The image down to the file system of one installation; the notes of all volumes are among those of the image.
    pub fn of_installation(image: &Image, installation: &Installation) -> Self {
        Self {
            layers: installation.layers.clone(),
            ..Self::of_image(image)
        }
    }
}

/// The installation that a report speaks of.
#[derive(Debug, Clone, Serialize)]
pub struct InstallationInfo {
    /// Its number in the image, from 0.
    pub index: usize,
    /// The Windows folder, from the root of its volume.
    pub system_root: String,
}

impl InstallationInfo {
    /// The installation as reports name it.
    pub fn new(installation: &Installation) -> Self {
        Self {
            index: installation.index,
            system_root: installation.system_root.to_string(),
        }
    }
}

/// The report of `check` on one installation.
#[derive(Debug, Serialize)]
pub struct CheckReport {
    schema_version: &'static str,
    tool: Tool,
    /// The image.
    pub image: ImageInfo,
    /// The installation.
    pub installation: InstallationInfo,
    /// The verdicts.
    pub verdict: Verdicts,
    /// The result of every rule, in the order of the ids.
    pub findings: Vec<Finding>,
    /// Every fact.
    pub facts: Facts,
    /// Every machine key file.
    pub machine_keys: Vec<MachineKey>,
    /// What a comparison with the other images shows, where more than one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub across_images: Option<AcrossImages>,
}

impl CheckReport {
    /// Puts together what was collected and judged.
    pub fn new(
        mut image: ImageInfo,
        installation: &Installation,
        collected: Collected,
        findings: Vec<Finding>,
    ) -> Self {
        image.notes.extend(collected.notes);
        Self {
            schema_version: SCHEMA_VERSION,
            tool: Tool::THIS,
            image,
            installation: InstallationInfo::new(installation),
            verdict: Verdicts::of(&findings),
            findings,
            facts: collected.facts,
            machine_keys: collected.machine_keys,
            across_images: None,
        }
    }
}

/// What went wrong with an image, in place of a report.
#[derive(Debug, Serialize)]
pub struct ErrorReport {
    schema_version: &'static str,
    tool: Tool,
    /// The image, as far as it was opened.
    pub image: ImageInfo,
    /// What went wrong.
    pub error: ErrorInfo,
}

/// What went wrong.
#[derive(Debug, Serialize)]
pub struct ErrorInfo {
    /// A word for programs: the kind of the error, `no_windows` or `no_such_installation`.
    pub kind: String,
    /// The sentence for people.
    pub message: String,
}

impl ErrorReport {
    /// An error in an image that was opened at least in part.
    pub fn new(image: ImageInfo, kind: &str, message: &str) -> Self {
        let error = ErrorInfo {
            kind: kind.to_owned(),
            message: message.to_owned(),
        };
        Self {
            schema_version: SCHEMA_VERSION,
            tool: Tool::THIS,
            image,
            error,
        }
    }

    /// The error of an image that could not be opened.
    pub fn of_error(source: &str, error: &Error) -> Self {
        let image = ImageInfo {
            source: source.to_owned(),
            size_bytes: 0,
            layers: Vec::new(),
            notes: Vec::new(),
        };
        Self::new(image, kind_word(error.kind()), &error.chain())
    }
}

fn kind_word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Io => "io",
        ErrorKind::InvalidFormat => "invalid_format",
        ErrorKind::Unsupported => "unsupported",
        ErrorKind::Encrypted => "encrypted",
        ErrorKind::Corrupt => "corrupt",
        ErrorKind::OutOfBounds => "out_of_bounds",
        ErrorKind::NotFound => "not_found",
        ErrorKind::LimitExceeded => "limit_exceeded",
        ErrorKind::ParserFault => "parser_fault",
        ErrorKind::PreconditionFailed => "precondition_failed",
    }
}

/// One element of the output of `check`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Entry {
    /// An installation that was checked.
    Check(Box<CheckReport>),
    /// An image, or an installation, that could not be.
    Error(ErrorReport),
}
