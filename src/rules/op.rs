//! The operators of a condition and what each means for a value.
//!
//! Texts compare without regard to ASCII case (registry names, GUIDs and file names have none), versions part by part,
//! integers as integers. An empty list, map or text counts as not present.

use std::cmp::Ordering;

use crate::evidence::Value;
use crate::rules::truth::Truth;

/// What a test asks of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `==`: the value is that one. False for a fact that is absent.
    Equal,
    /// `!=`: the value is another one. True for a fact that is absent.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
    /// `in`: the value is one of those.
    In,
    /// `contains`: a text has that part, a list has an element with that part, a map has that name.
    Contains,
    /// `contains_any`: `contains` for at least one of those.
    ContainsAny,
    /// `present`: it is there and not empty.
    Present,
    /// `absent`: it is not there, or empty.
    Absent,
    /// `nonempty`: the same as `present`, said of lists.
    NonEmpty,
}

impl Op {
    /// All operators with the word that a rule file uses.
    pub const WORDS: [(&'static str, Self); 12] = [
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("<", Self::Less),
        ("<=", Self::LessOrEqual),
        (">", Self::Greater),
        (">=", Self::GreaterOrEqual),
        ("in", Self::In),
        ("contains", Self::Contains),
        ("contains_any", Self::ContainsAny),
        ("present", Self::Present),
        ("absent", Self::Absent),
        ("nonempty", Self::NonEmpty),
    ];

    /// The operator of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS
            .iter()
            .find(|(known, _)| *known == word)
            .map(|(_, op)| *op)
    }

    /// The word of the operator.
    pub fn as_str(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, op)| *op == self)
            .map_or("", |(word, _)| *word)
    }

    /// What the operator answers for a fact that is absent: a decided state, not an unknown one.
    pub(crate) fn for_absent(self) -> Truth {
        Truth::from(matches!(self, Self::Absent | Self::NotEqual))
    }

    /// What the operator answers for a value of which more may exist. What a list or map holds is decided, what it lacks is
    /// not; a number is a minimum, and only what holds for every greater one too, or for none, is decided.
    pub(crate) fn for_incomplete(self, value: &Value, operands: &[Value]) -> Truth {
        let truth = self.for_value(value, operands);
        // Whether no operand is the number or a greater one, so that the real number is none of them.
        let all_less = || {
            operands
                .iter()
                .all(|operand| compare(operand, value) == Some(Ordering::Less))
        };
        let is_settled = match (self, value) {
            (Self::Contains | Self::ContainsAny, _)
            | (Self::Greater | Self::GreaterOrEqual, Value::Int(_)) => truth == Truth::True,
            (Self::Less | Self::LessOrEqual, Value::Int(_)) => truth == Truth::False,
            (Self::Equal | Self::NotEqual | Self::In, Value::Int(_)) => all_less(),
            _ => true,
        };
        if is_settled { truth } else { Truth::Unknown }
    }

    /// What the operator answers for a value that was found; unknown if the two are not of one type.
    pub(crate) fn for_value(self, value: &Value, operands: &[Value]) -> Truth {
        let ordered = |holds: fn(Ordering) -> bool| match operands.first() {
            Some(operand) => {
                compare(value, operand).map_or(Truth::Unknown, |order| holds(order).into())
            }
            None => Truth::Unknown,
        };
        match self {
            Self::Equal => ordered(Ordering::is_eq),
            Self::NotEqual => ordered(Ordering::is_ne),
            Self::Less => ordered(Ordering::is_lt),
            Self::LessOrEqual => ordered(Ordering::is_le),
            Self::Greater => ordered(Ordering::is_gt),
            Self::GreaterOrEqual => ordered(Ordering::is_ge),
            Self::In => any(operands, |operand| {
                compare(value, operand).map(Ordering::is_eq)
            }),
            Self::Contains | Self::ContainsAny => any(operands, |operand| contains(value, operand)),
            Self::Present | Self::NonEmpty => (!is_empty(value)).into(),
            Self::Absent => is_empty(value).into(),
        }
    }
}

/// True if the test holds for one operand, unknown if it does for none and cannot be made for one.
fn any(operands: &[Value], test: impl Fn(&Value) -> Option<bool>) -> Truth {
    let mut truth = Truth::False;
    for operand in operands {
        match test(operand) {
            Some(true) => return Truth::True,
            Some(false) => {}
            None => truth = Truth::Unknown,
        }
    }
    truth
}

/// The order of two values of one type.
fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Version(left), Value::Version(right)) => Some(left.cmp(right)),
        (Value::Text(left), Value::Text(right)) => {
            Some(left.to_ascii_lowercase().cmp(&right.to_ascii_lowercase()))
        }
        _ => None,
    }
}

fn contains(value: &Value, operand: &Value) -> Option<bool> {
    let Value::Text(part) = operand else {
        return None;
    };
    match value {
        Value::Text(text) => Some(has_part(text, part)),
        Value::List(items) => Some(items.iter().any(|item| has_part(&item.to_string(), part))),
        Value::Map(items) => Some(items.keys().any(|name| name.eq_ignore_ascii_case(part))),
        _ => None,
    }
}

fn has_part(text: &str, part: &str) -> bool {
    text.to_ascii_lowercase()
        .contains(&part.to_ascii_lowercase())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Version;

    fn holds(word: &str, value: &Value, operands: &[Value]) -> Truth {
        Op::parse(word).unwrap().for_value(value, operands)
    }

    fn version(text: &str) -> Value {
        Value::Version(Version::parse(text).unwrap())
    }

    #[test]
    fn versions_are_ordered_by_their_parts() {
        assert_eq!(
            holds("<", &version("5.0.2919.800"), &[version("5.0.2919.6307")]),
            Truth::True
        );
        assert_eq!(
            holds(">=", &version("10.0"), &[version("6.3")]),
            Truth::True
        );
        assert_eq!(
            holds("in", &version("5.00"), &[version("4.0"), version("5.0")]),
            Truth::True
        );
    }

    #[test]
    fn texts_have_no_case() {
        assert_eq!(
            holds("==", &Value::text("0000040c"), &[Value::text("0000040C")]),
            Truth::True
        );
        assert_eq!(
            holds("!=", &Value::text("c:"), &[Value::text("C:")]),
            Truth::False
        );
    }

    #[test]
    fn a_list_contains_an_element_with_that_part() {
        let boot = Value::texts(["autocheck autochk *", "setupcl.exe"]);
        assert_eq!(
            holds("contains", &boot, &[Value::text("SETUPCL")]),
            Truth::True
        );
        assert_eq!(
            holds("contains", &boot, &[Value::text("setupcn")]),
            Truth::False
        );
    }

    #[test]
    fn a_map_contains_a_whole_name_only() {
        let services = Value::Map([("MSFTPSVC".to_owned(), Value::Bool(true))].into());
        assert_eq!(
            holds("contains", &services, &[Value::text("msftpsvc")]),
            Truth::True
        );
        assert_eq!(
            holds("contains", &services, &[Value::text("FTPSVC")]),
            Truth::False
        );
    }

    #[test]
    fn an_empty_list_is_not_present() {
        assert_eq!(holds("present", &Value::List(vec![]), &[]), Truth::False);
        assert_eq!(holds("nonempty", &Value::List(vec![]), &[]), Truth::False);
        assert_eq!(holds("absent", &Value::List(vec![]), &[]), Truth::True);
        assert_eq!(holds("present", &Value::Bool(false), &[]), Truth::True);
    }

    #[test]
    fn values_of_two_types_decide_nothing() {
        assert_eq!(
            holds("==", &Value::text("1"), &[Value::Int(1)]),
            Truth::Unknown
        );
        assert_eq!(
            holds("!=", &Value::text("1"), &[Value::Int(1)]),
            Truth::Unknown
        );
        assert_eq!(
            holds("in", &Value::Bool(true), &[Value::text("yes")]),
            Truth::Unknown
        );
    }

    #[test]
    fn a_minimum_decides_what_holds_for_every_greater_number_too_or_for_none() {
        let at_least_two = |word: &str, operands: &[i64]| {
            let operands: Vec<Value> = operands.iter().map(|number| Value::Int(*number)).collect();
            Op::parse(word)
                .unwrap()
                .for_incomplete(&Value::Int(2), &operands)
        };
        let (yes, no, open) = (Truth::True, Truth::False, Truth::Unknown);
        for (word, for_one, for_two, for_three) in [
            (">=", yes, yes, open),
            (">", yes, open, open),
            ("<", no, no, open),
            ("<=", no, open, open),
            ("==", no, open, open),
            ("!=", yes, open, open),
            ("in", no, open, open),
        ] {
            let found = [1, 2, 3].map(|number| at_least_two(word, &[number]));
            assert_eq!(found, [for_one, for_two, for_three], "{word}");
        }
        assert_eq!(at_least_two("in", &[0, 1]), no);
        assert_eq!(at_least_two("in", &[1, 4]), open);
        assert_eq!(at_least_two("present", &[]), yes);
    }

    #[test]
    fn every_operator_has_one_word() {
        for (word, op) in Op::WORDS {
            assert_eq!(op.as_str(), word);
        }
        assert_eq!(Op::parse("matches"), None);
    }
}
