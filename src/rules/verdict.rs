//! The verdict: one answer a question, from the blocking rules alone.

use serde::Serialize;

use crate::rules::finding::{Finding, Outcome};
use crate::rules::rule::{Question, Severity};

/// The answer to one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every blocking rule that applies was decided and none fired.
    Safe,
    /// A blocking rule fired.
    Unsafe,
    /// None fired, and one that applies could not be decided.
    Inconclusive,
}

impl Verdict {
    /// The answer to a question that the findings give.
    pub fn of(findings: &[Finding], question: Question) -> Self {
        let blocking = |outcome: Outcome| {
            findings.iter().any(|finding| {
                finding.severity == Severity::Blocks
                    && finding.serves(question)
                    && finding.outcome == outcome
            })
        };
        if blocking(Outcome::Fired) {
            Self::Unsafe
        } else if blocking(Outcome::Unknown) {
            Self::Inconclusive
        } else {
            Self::Safe
        }
    }

    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Unsafe => "unsafe",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// The answers to both questions; serialised as `{"clone": ..., "seal": ...}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Verdicts {
    /// May copies of this image be deployed as it stands?
    pub clone: Verdict,
    /// May this image be sealed now?
    pub seal: Verdict,
}

impl Verdicts {
    /// The answers that the findings give.
    pub fn of(findings: &[Finding]) -> Self {
        Self {
            clone: Verdict::of(findings, Question::Clone),
            seal: Verdict::of(findings, Question::Seal),
        }
    }

    /// The answer to one question.
    pub fn get(self, question: Question) -> Verdict {
        match question {
            Question::Clone => self.clone,
            Question::Seal => self.seal,
        }
    }
}

/// Whether a rule of severity `warns` (or worse) that serves the question fired.
pub fn warned(findings: &[Finding], question: Question) -> bool {
    findings.iter().any(|finding| {
        finding.severity <= Severity::Warns
            && finding.serves(question)
            && finding.outcome == Outcome::Fired
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity, questions: &[Question], outcome: Outcome) -> Finding {
        Finding {
            rule: "TST-001".to_owned(),
            title: String::new(),
            severity,
            questions: questions.to_vec(),
            outcome,
            message: String::new(),
            remedy: String::new(),
            sources: Vec::new(),
            evidence: Vec::new(),
            missing: Vec::new(),
        }
    }

    fn check(findings: &[Finding], clone: Verdict, seal: Verdict) {
        assert_eq!(Verdicts::of(findings), Verdicts { clone, seal });
    }

    #[test]
    fn a_fired_blocker_is_unsafe_even_beside_an_unknown_one() {
        let fired = finding(Severity::Blocks, &Question::ALL, Outcome::Fired);
        let unknown = finding(Severity::Blocks, &Question::ALL, Outcome::Unknown);
        check(&[unknown, fired], Verdict::Unsafe, Verdict::Unsafe);
    }

    #[test]
    fn an_unknown_blocker_is_inconclusive() {
        let unknown = finding(Severity::Blocks, &Question::ALL, Outcome::Unknown);
        check(&[unknown], Verdict::Inconclusive, Verdict::Inconclusive);
    }

    #[test]
    fn a_rule_answers_only_the_questions_that_it_serves() {
        let fired = finding(Severity::Blocks, &[Question::Seal], Outcome::Fired);
        check(&[fired], Verdict::Safe, Verdict::Unsafe);
    }

    #[test]
    fn what_does_not_apply_or_is_clear_is_safe() {
        let clear = finding(Severity::Blocks, &Question::ALL, Outcome::Clear);
        let other = finding(Severity::Blocks, &Question::ALL, Outcome::NotApplicable);
        check(&[clear, other], Verdict::Safe, Verdict::Safe);
    }

    #[test]
    fn warnings_and_remarks_never_decide_a_verdict() {
        for outcome in [Outcome::Fired, Outcome::Unknown] {
            let warns = finding(Severity::Warns, &Question::ALL, outcome);
            let informs = finding(Severity::Informs, &Question::ALL, outcome);
            check(&[warns, informs], Verdict::Safe, Verdict::Safe);
        }
    }

    #[test]
    fn a_fired_warning_is_told() {
        let warns = finding(Severity::Warns, &[Question::Clone], Outcome::Fired);
        let informs = finding(Severity::Informs, &Question::ALL, Outcome::Fired);
        assert!(warned(std::slice::from_ref(&warns), Question::Clone));
        assert!(!warned(&[warns, informs], Question::Seal));
    }
}
