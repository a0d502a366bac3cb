//! A condition as a rule file writes it, and its conversion into a checked one.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::evidence::Value;
use crate::facts::vocabulary::{self, FactDefinition, FactType};
use crate::rules::condition::{CONDITION_DEPTH_MAX, Condition, Test};
use crate::rules::op::Op;
use crate::rules::typed;

/// What is wrong, and where in the text.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The bytes in question.
    pub(crate) span: Range<usize>,
    /// What was expected and what was found.
    pub(crate) reason: String,
}

impl Fault {
    /// A fault at a place.
    pub(crate) fn new(span: Range<usize>, reason: impl Into<String>) -> Self {
        Self {
            span,
            reason: reason.into(),
        }
    }
}

/// `{ all = [..] }`, `{ any = [..] }`, `{ not = {..} }` or `{ fact = "..", op = "..", value = .. }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCondition {
    all: Option<Vec<Spanned<RawCondition>>>,
    any: Option<Vec<Spanned<RawCondition>>>,
    not: Option<Box<Spanned<RawCondition>>>,
    fact: Option<Spanned<String>>,
    op: Option<Spanned<String>>,
    value: Option<Spanned<toml::Value>>,
}

/// The condition, if its parts are of the vocabulary and its values of the right types.
pub(crate) fn convert(raw: Spanned<RawCondition>, depth: usize) -> Result<Condition, Fault> {
    let span = raw.span();
    if depth >= CONDITION_DEPTH_MAX {
        let reason = format!("conditions are nested at most {CONDITION_DEPTH_MAX} deep");
        return Err(Fault::new(span, reason));
    }
    match raw.into_inner() {
        RawCondition {
            all: Some(parts),
            any: None,
            not: None,
            fact: None,
            op: None,
            value: None,
        } => Ok(Condition::All(convert_parts(parts, &span, depth)?)),
        RawCondition {
            all: None,
            any: Some(parts),
            not: None,
            fact: None,
            op: None,
            value: None,
        } => Ok(Condition::Any(convert_parts(parts, &span, depth)?)),
        RawCondition {
            all: None,
            any: None,
            not: Some(part),
            fact: None,
            op: None,
            value: None,
        } => {
            let part = convert(*part, depth.saturating_add(1))?;
            Ok(Condition::Not(Box::new(part)))
        }
        RawCondition {
            all: None,
            any: None,
            not: None,
            fact: Some(fact),
            op: Some(op),
            value,
        } => Ok(Condition::Test(convert_test(&fact, &op, value, &span)?)),
        _ => Err(Fault::new(
            span,
            "a condition is either all, any, not, or a fact with its op",
        )),
    }
}

fn convert_parts(
    parts: Vec<Spanned<RawCondition>>,
    span: &Range<usize>,
    depth: usize,
) -> Result<Vec<Condition>, Fault> {
    if parts.is_empty() {
        return Err(Fault::new(
            span.clone(),
            "a condition without parts decides nothing",
        ));
    }
    let parts = parts.into_iter();
    parts
        .map(|part| convert(part, depth.saturating_add(1)))
        .collect()
}

fn convert_test(
    id: &Spanned<String>,
    op: &Spanned<String>,
    value: Option<Spanned<toml::Value>>,
    span: &Range<usize>,
) -> Result<Test, Fault> {
    let fact = vocabulary::find(id.get_ref())
        .ok_or_else(|| Fault::new(id.span(), format!("unknown fact {:?}", id.get_ref())))?;
    let known = Op::parse(op.get_ref())
        .ok_or_else(|| Fault::new(op.span(), format!("unknown op {:?}", op.get_ref())))?;
    if !fits(known, fact.kind) {
        let reason = format!(
            "op {} does not fit {}, which is {}",
            known.as_str(),
            fact.id,
            fact.kind.described()
        );
        return Err(Fault::new(op.span(), reason));
    }
    let operands = match (operands_of(known), value) {
        (Operands::None, None) => Vec::new(),
        (Operands::None, Some(value)) => {
            return Err(Fault::new(
                value.span(),
                format!("op {} takes no value", known.as_str()),
            ));
        }
        (_, None) => {
            return Err(Fault::new(
                span.clone(),
                format!("op {} needs a value", known.as_str()),
            ));
        }
        (Operands::One, Some(value)) => vec![operand(fact, value.get_ref(), value.span())?],
        (Operands::Many, Some(value)) => {
            let items = value.get_ref().as_array().filter(|items| !items.is_empty());
            let items = items.ok_or_else(|| {
                Fault::new(
                    value.span(),
                    format!("op {} needs a list of values", known.as_str()),
                )
            })?;
            let items = items.iter();
            items
                .map(|item| operand(fact, item, value.span()))
                .collect::<Result<_, _>>()?
        }
    };
    Ok(Test {
        fact: fact.id.to_owned(),
        op: known,
        operands,
    })
}

enum Operands {
    None,
    One,
    Many,
}

fn operands_of(op: Op) -> Operands {
    match op {
        Op::Present | Op::Absent | Op::NonEmpty => Operands::None,
        Op::In | Op::ContainsAny => Operands::Many,
        _ => Operands::One,
    }
}

/// Whether the operator says something of facts of that type.
fn fits(op: Op, kind: FactType) -> bool {
    match op {
        Op::Present | Op::Absent => true,
        Op::Equal | Op::NotEqual => !matches!(kind, FactType::List | FactType::Map),
        Op::Less | Op::LessOrEqual | Op::Greater | Op::GreaterOrEqual => {
            matches!(kind, FactType::Int | FactType::Version)
        }
        Op::In => matches!(kind, FactType::Int | FactType::Version | FactType::Text),
        Op::Contains | Op::ContainsAny | Op::NonEmpty => {
            matches!(kind, FactType::Text | FactType::List | FactType::Map)
        }
    }
}

/// One value of a test: of the fact's type, or a text where the test looks into the fact.
fn operand(fact: &FactDefinition, raw: &toml::Value, span: Range<usize>) -> Result<Value, Fault> {
    let kind = match fact.kind {
        FactType::List | FactType::Map => FactType::Text,
        other => other,
    };
    let value = typed::value(kind, raw).ok_or_else(|| {
        Fault::new(
            span.clone(),
            format!(
                "{} is compared with {}, this is {raw}",
                fact.id,
                kind.described()
            ),
        )
    })?;
    if let Value::Text(text) = &value
        && matches!(fact.kind, FactType::Text | FactType::List)
        && !fact.words.is_empty()
        && !fact.words.contains(&text.as_str())
    {
        let known = fact.words.join(", ");
        let (never, is) = match fact.kind {
            FactType::List => ("never holds", "holds"),
            _ => ("is never", "is"),
        };
        return Err(Fault::new(
            span,
            format!("{} {never} {text:?}, it {is} one of {known}", fact.id),
        ));
    }
    Ok(value)
}
