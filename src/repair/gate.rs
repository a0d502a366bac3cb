//! Why a repair is refused: every gate has a word for programs and a sentence for people.
//!
//! Writing is the most dangerous thing this program does, so what is not known to be safe is refused. A refusal is made
//! before anything is written; what fails after that is [`Gate::Failed`].

use std::fmt;

use serde::Serialize;

use crate::error::{Error, ErrorKind};

/// What stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Gate {
    /// The volume is marked dirty.
    Dirty,
    /// Another flag of the volume says that work on it is not finished.
    VolumeFlags,
    /// `$LogFile` is in use, of version 2.0 (fast start), or can't be read.
    LogNotClean,
    /// A hibernated session keeps changes of the volume, or it can't be told whether one does.
    Hibernated,
    /// A structure that the change would touch, or a first record of the volume, is damaged.
    Damaged,
    /// The file is encrypted by EFS: another name would not make it usable.
    Efs,
    /// The file has further names, and the change would need it to have one only.
    HardLinks,
    /// The file has an attribute list, and the change would need it to have none.
    AttributeList,
    /// The file takes part in a transaction of NTFS (TxF).
    Transaction,
    /// The file has an object id, a reparse point or another thing that an index elsewhere refers to.
    Referenced,
    /// The MFT record is kept twice, in `$MFTMirr`, or belongs to the file system itself.
    SystemRecord,
    /// There is no file of that name.
    NotThere,
    /// A directory, or something else that is no file.
    NotAFile,
    /// The new name can't be given: other length, a sign that no name may have, an 8.3 name.
    Name,
    /// Another file has the new name.
    NameTaken,
    /// The index of the directory has no room for the new order without a new block.
    NoRoom,
    /// The image is in use: locked, mounted, or open in another program.
    InUse,
    /// The image is not the one that the plan was made for.
    ImageChanged,
    /// A journal beside the image says that an earlier repair was not finished, or is in the way of a new one.
    Journal,
    /// The image is of a kind that is not written into.
    Container,
    /// The file system is one that this action is not made for.
    FileSystem,
    /// The proof does not decide which file is the right one.
    Undecided,
    /// The image is sealed, and its copies get another MachineGuid: no name of a key file in it lasts.
    Sealed,
    /// The image holds several installations, and none was named.
    SeveralInstallations,
    /// The change would harm another installation of the image.
    OtherInstallation,
    /// Something could not be read.
    Unreadable,
    /// A write failed on the way; the sentence says what state that leaves.
    Failed,
}

impl Gate {
    /// The word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dirty => "dirty",
            Self::VolumeFlags => "volume_flags",
            Self::LogNotClean => "log_not_clean",
            Self::Hibernated => "hibernated",
            Self::Damaged => "damaged",
            Self::Efs => "efs",
            Self::HardLinks => "hard_links",
            Self::AttributeList => "attribute_list",
            Self::Transaction => "transaction",
            Self::Referenced => "referenced",
            Self::SystemRecord => "system_record",
            Self::NotThere => "not_there",
            Self::NotAFile => "not_a_file",
            Self::Name => "name",
            Self::NameTaken => "name_taken",
            Self::NoRoom => "no_room",
            Self::InUse => "in_use",
            Self::ImageChanged => "image_changed",
            Self::Journal => "journal",
            Self::Container => "container",
            Self::FileSystem => "file_system",
            Self::Undecided => "undecided",
            Self::Sealed => "sealed",
            Self::SeveralInstallations => "several_installations",
            Self::OtherInstallation => "other_installation",
            Self::Unreadable => "unreadable",
            Self::Failed => "failed",
        }
    }
}

/// A refusal: nothing was changed, unless it is of [`Gate::Failed`] and its text says so.
#[derive(Debug)]
pub struct Refusal {
    /// What stands in the way.
    pub gate: Gate,
    /// The sentence for people.
    pub text: String,
}

/// The result of planning.
pub type Planned<T> = Result<T, Refusal>;

impl Refusal {
    /// A refusal at `gate`.
    pub fn new(gate: Gate, text: impl Into<String>) -> Self {
        Self {
            gate,
            text: text.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.gate == Gate::Failed {
            return write!(f, "failed: {}", self.text);
        }
        write!(f, "refused ({}): {}", self.gate.as_str(), self.text)
    }
}

impl std::error::Error for Refusal {}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let gate = match error.kind() {
            ErrorKind::Corrupt => Gate::Damaged,
            ErrorKind::Encrypted => Gate::Efs,
            _ => Gate::Unreadable,
        };
        Self::new(gate, error.chain())
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(ErrorKind::PreconditionFailed, refusal.to_string())
    }
}
