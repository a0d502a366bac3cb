//! Three-valued truth.
//!
//! A test on a fact that could not be seen is neither true nor false; Kleene's strong logic carries that along, so that
//! what was not seen never turns into a pass.

/// Yes, no, or not decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// What was seen does not decide it.
    Unknown,
}

impl Truth {
    /// The other way round; unknown stays unknown.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}
