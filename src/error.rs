//! The error of an operation that could not be done, with its place.
//!
//! An [`Error`] ends a run; a [`crate::evidence::Unknown`] ends the reading of one fact. The conversion from the first
//! to the second happens in `facts` only.

use std::fmt;

/// What went wrong, coarsely: callers match on this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The host refused or failed an input or output operation.
    Io,
    /// The bytes are not of the format that was asked for.
    InvalidFormat,
    /// The bytes are of a known format or feature that this program does not read.
    Unsupported,
    /// The bytes are encrypted and no key is at hand.
    Encrypted,
    /// The bytes claim a format and break its rules.
    Corrupt,
    /// A position lies outside of the thing it points into.
    OutOfBounds,
    /// The thing named is not there.
    NotFound,
    /// A size, count or depth is above a named limit.
    LimitExceeded,
    /// A third-party parser panicked inside its fence.
    ParserFault,
    /// A condition that must hold before an action does not hold.
    PreconditionFailed,
}

/// An error with its kind, its place and, if there is one, its cause.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    context: String,
    source: Option<Box<dyn std::error::Error + Send + Sync + 'static>>,
}

/// The result of an operation that can fail with an [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Makes an error whose context names the place, what was expected and what was found.
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self {
            kind,
            context: context.into(),
            source: None,
        }
    }

    /// Makes an error that was caused by another one.
    pub fn with_source(
        kind: ErrorKind,
        context: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
    ) -> Self {
        Self {
            kind,
            context: context.into(),
            source: Some(source.into()),
        }
    }

    /// Short form of [`Error::new`] for [`ErrorKind::Corrupt`].
    pub fn corrupt(context: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, context)
    }

    /// Short form of [`Error::new`] for [`ErrorKind::Unsupported`].
    pub fn unsupported(context: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, context)
    }

    /// Puts the outer place before the context: `outer: inner`.
    #[must_use]
    pub fn at(mut self, outer: impl fmt::Display) -> Self {
        self.context = format!("{outer}: {}", self.context);
        self
    }

    /// The coarse kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The whole chain of causes in one line, outermost first.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn std::error::Error + 'static))
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::with_source(ErrorKind::Io, "input or output", error)
    }
}
