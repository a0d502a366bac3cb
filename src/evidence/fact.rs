//! A fact: found with its value, absent from a readable place, or unknown for a named reason.

use serde::Serialize;
use serde::ser::SerializeMap;

use crate::error::{Error, ErrorKind};
use crate::evidence::{Evidence, Locator, Value};

/// Why something could not be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UnknownReason {
    /// The source that holds it was not given.
    NotProvided,
    /// The host or the medium failed to deliver the bytes.
    Unreadable,
    /// The bytes break the rules of their format.
    Corrupt,
    /// The bytes are of a kind that is not read, or the question is not decided by this version.
    Unsupported,
    /// The bytes are encrypted.
    Encrypted,
    /// A named limit was reached.
    LimitExceeded,
    /// A third-party parser panicked inside its fence.
    ParserFault,
}

impl UnknownReason {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotProvided => "not_provided",
            Self::Unreadable => "unreadable",
            Self::Corrupt => "corrupt",
            Self::Unsupported => "unsupported",
            Self::Encrypted => "encrypted",
            Self::LimitExceeded => "limit_exceeded",
            Self::ParserFault => "parser_fault",
        }
    }
}

/// Something that could not be seen: the reason, what exactly happened, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Unknown {
    /// The coarse reason.
    pub reason: UnknownReason,
    /// What was expected and what was found.
    pub detail: String,
    /// The place.
    pub evidence: Evidence,
}

impl Unknown {
    /// An unknown at a place.
    pub fn new(reason: UnknownReason, detail: impl Into<String>, locator: Locator) -> Self {
        Self {
            reason,
            detail: detail.into(),
            evidence: Evidence::at(locator),
        }
    }

    /// The unknown that an error at a place leads to.
    pub fn from_error(error: &Error, locator: Locator) -> Self {
        let reason = match error.kind() {
            ErrorKind::Io | ErrorKind::OutOfBounds => UnknownReason::Unreadable,
            ErrorKind::Unsupported => UnknownReason::Unsupported,
            ErrorKind::Encrypted => UnknownReason::Encrypted,
            ErrorKind::LimitExceeded => UnknownReason::LimitExceeded,
            ErrorKind::ParserFault => UnknownReason::ParserFault,
            ErrorKind::NotFound | ErrorKind::PreconditionFailed => UnknownReason::NotProvided,
            ErrorKind::InvalidFormat | ErrorKind::Corrupt => UnknownReason::Corrupt,
        };
        Self::new(reason, error.chain(), locator)
    }
}

/// One fact of an installation.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// It was read: the value and every place that it rests on (never empty).
    Found {
        /// The value.
        value: Value,
        /// The places, the deciding one first.
        evidence: Vec<Evidence>,
        /// Set if an operator vouched for it and nothing in the image shows it.
        asserted: bool,
    },
    /// The place was readable and it is not there.
    Absent(Evidence),
    /// It could not be seen.
    Unknown(Unknown),
}

impl Fact {
    /// A fact found in one place.
    pub fn found(value: impl Into<Value>, evidence: Evidence) -> Self {
        Self::Found {
            value: value.into(),
            evidence: vec![evidence],
            asserted: false,
        }
    }

    /// A fact that rests on several places; the deciding one comes first.
    pub fn found_in(
        value: impl Into<Value>,
        first: Evidence,
        others: impl IntoIterator<Item = Evidence>,
    ) -> Self {
        let mut evidence = vec![first];
        evidence.extend(others);
        Self::Found {
            value: value.into(),
            evidence,
            asserted: false,
        }
    }

    /// Found with its value and the deciding evidence, absent (`None`), or the unknown: `?` carries "could not see" along.
    pub fn get(&self) -> Result<Option<(&Value, &Evidence)>, Unknown> {
        match self {
            Self::Found {
                value, evidence, ..
            } => Ok(evidence.first().map(|first| (value, first))),
            Self::Absent(_) => Ok(None),
            Self::Unknown(unknown) => Err(unknown.clone()),
        }
    }

    /// All places that the fact rests on.
    pub fn evidence(&self) -> &[Evidence] {
        match self {
            Self::Found { evidence, .. } => evidence,
            Self::Absent(evidence) => std::slice::from_ref(evidence),
            Self::Unknown(unknown) => std::slice::from_ref(&unknown.evidence),
        }
    }
}

impl From<Result<Fact, Unknown>> for Fact {
    fn from(result: Result<Fact, Unknown>) -> Self {
        result.unwrap_or_else(Fact::Unknown)
    }
}

/// Why a fact may be more than was found, as reports give it.
struct Incomplete<'u>(&'u Unknown);

impl Serialize for Incomplete<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("reason", self.0.reason.as_str())?;
        map.serialize_entry("detail", &self.0.detail)?;
        map.serialize_entry("evidence", &self.0.evidence)?;
        map.end()
    }
}

impl Serialize for Fact {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize_with(None, serializer)
    }
}

impl Fact {
    /// Serialises the fact; `more` is why more may belong to what was found.
    pub(crate) fn serialize_with<S: serde::Serializer>(
        &self,
        more: Option<&Unknown>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Found {
                value,
                evidence,
                asserted,
            } => {
                map.serialize_entry("state", "found")?;
                map.serialize_entry("value", value)?;
                if *asserted {
                    map.serialize_entry("asserted", &true)?;
                }
                if let Some(unknown) = more {
                    if matches!(value, Value::Int(_)) {
                        map.serialize_entry("at_least", &true)?;
                    }
                    map.serialize_entry("incomplete", &Incomplete(unknown))?;
                }
                if let Some((first, others)) = evidence.split_first() {
                    map.serialize_entry("evidence", first)?;
                    if !others.is_empty() {
                        map.serialize_entry("further_evidence", others)?;
                    }
                }
            }
            Self::Absent(evidence) => {
                map.serialize_entry("state", "absent")?;
                map.serialize_entry("evidence", evidence)?;
            }
            Self::Unknown(unknown) => {
                map.serialize_entry("state", "unknown")?;
                map.serialize_entry("reason", unknown.reason.as_str())?;
                map.serialize_entry("detail", &unknown.detail)?;
                map.serialize_entry("evidence", &unknown.evidence)?;
            }
        }
        map.end()
    }
}
