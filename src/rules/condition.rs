//! Conditions over facts, in three-valued logic.
//!
//! A condition is a test of one fact, or `all`, `any` and `not` of conditions. `all` is false if a part is false, else
//! unknown if a part is unknown; `any` is true if a part is true, else unknown if a part is unknown. A fact that was not
//! collected or could not be seen makes its test unknown. A fact that is absent is decided: see [`Op`].

use crate::evidence::{Fact, Value};
use crate::facts::{Facts, vocabulary};
use crate::rules::op::Op;
use crate::rules::truth::Truth;

/// How deep conditions may be nested; the loader refuses more, so that evaluation is bounded.
pub const CONDITION_DEPTH_MAX: usize = 8;

/// A condition over facts.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Every part holds.
    All(Vec<Condition>),
    /// At least one part holds.
    Any(Vec<Condition>),
    /// The part does not hold.
    Not(Box<Condition>),
    /// A test of one fact.
    Test(Test),
}

/// A test of one fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// The id of the fact.
    pub fact: String,
    /// The operator.
    pub op: Op,
    /// What the fact is compared with: none, one, or several for `in` and `contains_any`.
    pub operands: Vec<Value>,
}

/// What the facts say of a condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Whether it holds.
    pub truth: Truth,
    /// The facts that would have decided it, if it is unknown; in the order of the condition, each once.
    pub missing: Vec<String>,
}

impl Condition {
    /// Decides the condition.
    pub fn decide(&self, facts: &Facts) -> Decision {
        match self {
            Self::All(parts) => combine(parts, facts, Truth::False, Truth::True),
            Self::Any(parts) => combine(parts, facts, Truth::True, Truth::False),
            Self::Not(part) => {
                let decision = part.decide(facts);
                Decision {
                    truth: decision.truth.negated(),
                    missing: decision.missing,
                }
            }
            Self::Test(test) => test.decide(facts),
        }
    }

    /// All tests, in the order in which they are written.
    pub fn tests(&self) -> Vec<&Test> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::tests).collect(),
            Self::Not(part) => part.tests(),
            Self::Test(test) => vec![test],
        }
    }

    /// The ids of all facts that the condition reads, each once.
    pub fn facts(&self) -> Vec<&str> {
        let mut ids = Vec::new();
        for test in self.tests() {
            if !ids.contains(&test.fact.as_str()) {
                ids.push(test.fact.as_str());
            }
        }
        ids
    }
}

/// The parts together: `decisive` if one part is that, else unknown if one is unknown, else `otherwise`.
fn combine(parts: &[Condition], facts: &Facts, decisive: Truth, otherwise: Truth) -> Decision {
    let mut missing: Vec<String> = Vec::new();
    for part in parts {
        let decision = part.decide(facts);
        if decision.truth == decisive {
            return Decision {
                truth: decisive,
                missing: Vec::new(),
            };
        }
        for id in decision.missing {
            if !missing.contains(&id) {
                missing.push(id);
            }
        }
    }
    let truth = if missing.is_empty() {
        otherwise
    } else {
        Truth::Unknown
    };
    Decision { truth, missing }
}

impl Test {
    fn decide(&self, facts: &Facts) -> Decision {
        let truth = match facts.get(&self.fact) {
            None | Some(Fact::Unknown(_)) => Truth::Unknown,
            Some(Fact::Absent(_))
                if vocabulary::find(&self.fact).is_some_and(|fact| fact.always) =>
            {
                Truth::Unknown
            }
            Some(Fact::Absent(_)) => self.op.for_absent(),
            Some(Fact::Found { value, .. }) => {
                if facts.incomplete(&self.fact).is_some() {
                    self.op.for_incomplete(value, &self.operands)
                } else {
                    self.op.for_value(value, &self.operands)
                }
            }
        };
        let missing = if truth == Truth::Unknown {
            vec![self.fact.clone()]
        } else {
            Vec::new()
        };
        Decision { truth, missing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Evidence, Locator, Unknown, UnknownReason};

    fn yes(id: &str) -> Condition {
        Condition::Test(Test {
            fact: id.to_owned(),
            op: Op::Equal,
            operands: vec![Value::Bool(true)],
        })
    }

    fn place() -> Locator {
        Locator::new("test")
    }

    fn facts() -> Facts {
        let mut facts = Facts::new();
        facts.put("a.true", Fact::found(true, Evidence::at(place())));
        facts.put("a.false", Fact::found(false, Evidence::at(place())));
        facts.put("a.absent", Fact::Absent(Evidence::at(place())));
        facts.put(
            "a.unknown",
            Fact::Unknown(Unknown::new(UnknownReason::Corrupt, "bad", place())),
        );
        facts
    }

    fn check(condition: &Condition, truth: Truth, missing: &[&str]) {
        let decision = condition.decide(&facts());
        assert_eq!(decision.truth, truth);
        assert_eq!(decision.missing, missing);
    }

    #[test]
    fn a_fact_that_could_not_be_seen_or_was_not_collected_is_unknown() {
        check(&yes("a.unknown"), Truth::Unknown, &["a.unknown"]);
        check(&yes("a.none"), Truth::Unknown, &["a.none"]);
    }

    #[test]
    fn a_list_that_may_not_be_all_decides_what_it_holds_and_nothing_else() {
        let mut facts = Facts::new();
        facts.put(
            "a.list",
            Fact::found(Value::texts(["one"]), Evidence::at(place())),
        );
        let contains = |word: &str| {
            Condition::Test(Test {
                fact: "a.list".to_owned(),
                op: Op::Contains,
                operands: vec![Value::text(word)],
            })
        };
        assert_eq!(contains("two").decide(&facts).truth, Truth::False);
        let unseen = Unknown::new(UnknownReason::Corrupt, "bad", place());
        facts.mark_incomplete("a.list", unseen);
        assert_eq!(contains("one").decide(&facts).truth, Truth::True);
        let undecided = contains("two").decide(&facts);
        assert_eq!(
            (undecided.truth, undecided.missing),
            (Truth::Unknown, vec!["a.list".to_owned()])
        );
    }

    #[test]
    fn an_absent_fact_is_decided() {
        check(&yes("a.absent"), Truth::False, &[]);
    }

    #[test]
    fn an_absence_decides_nothing_where_the_vocabulary_says_that_the_fact_is_always_there() {
        let mut facts = Facts::new();
        facts.put("iis.installed", Fact::Absent(Evidence::at(place())));
        assert_eq!(yes("iis.installed").decide(&facts).truth, Truth::Unknown);
    }

    #[test]
    fn all_is_false_if_a_part_is_false_whatever_is_unknown() {
        let all = Condition::All(vec![yes("a.unknown"), yes("a.false")]);
        check(&all, Truth::False, &[]);
    }

    #[test]
    fn all_is_unknown_if_a_part_is_unknown_and_none_is_false() {
        let all = Condition::All(vec![yes("a.true"), yes("a.unknown"), yes("a.none")]);
        check(&all, Truth::Unknown, &["a.unknown", "a.none"]);
    }

    #[test]
    fn any_is_true_if_a_part_is_true_whatever_is_unknown() {
        check(
            &Condition::Any(vec![yes("a.unknown"), yes("a.true")]),
            Truth::True,
            &[],
        );
    }

    #[test]
    fn any_names_only_the_parts_that_would_have_decided() {
        let any = Condition::Any(vec![yes("a.false"), yes("a.unknown")]);
        check(&any, Truth::Unknown, &["a.unknown"]);
    }

    #[test]
    fn not_of_unknown_is_unknown() {
        check(
            &Condition::Not(Box::new(yes("a.unknown"))),
            Truth::Unknown,
            &["a.unknown"],
        );
        check(&Condition::Not(Box::new(yes("a.false"))), Truth::True, &[]);
    }
}
