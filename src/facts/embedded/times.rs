//! Times that are asked again and again whether one of them lies in a span.
//!
//! Logs hold a hundred thousand records, so what is asked for each of them is found by halving and not by walking all.

/// Times in order.
#[derive(Debug)]
pub(crate) struct Times<T>(Vec<T>);

impl<T: Ord> Times<T> {
    /// These times, in whatever order they come.
    pub(crate) fn new(times: impl Iterator<Item = T>) -> Self {
        let mut times: Vec<T> = times.collect();
        times.sort();
        Self(times)
    }

    /// Whether one of them lies between `from` and `to`, both included.
    pub(crate) fn is_any(&self, from: &T, to: &T) -> bool {
        let first = self.0.partition_point(|time| time < from);
        self.0.get(first).is_some_and(|time| time <= to)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::cmp::Ordering;

    use super::*;

    #[test]
    fn both_ends_of_a_span_belong_to_it() {
        let times = Times::new([30, 10].into_iter());
        for (from, to) in [(10, 10), (0, 10), (10, 20), (11, 30), (0, 99)] {
            assert!(times.is_any(&from, &to), "{from} {to}");
        }
        for (from, to) in [(0, 9), (11, 29), (31, 99), (30, 10)] {
            assert!(!times.is_any(&from, &to), "{from} {to}");
        }
        assert!(!Times::new([].into_iter()).is_any(&0, &99));
    }

    thread_local! {
        static COMPARISONS: Cell<u32> = const { Cell::new(0) };
    }

    /// A number whose comparisons are counted.
    #[derive(PartialEq, Eq)]
    struct Counted(u32);

    impl PartialOrd for Counted {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl Ord for Counted {
        fn cmp(&self, other: &Self) -> Ordering {
            COMPARISONS.set(COMPARISONS.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    #[test]
    fn a_question_takes_as_many_comparisons_as_the_number_can_be_halved() {
        let times = Times::new((0..1 << 16).map(Counted));
        COMPARISONS.set(0);
        assert!(times.is_any(&Counted(65_535), &Counted(65_535)));
        assert!(COMPARISONS.get() <= 20, "{}", COMPARISONS.get());
    }
}
