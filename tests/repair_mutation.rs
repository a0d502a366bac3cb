//! Edits planned on a small volume with random damage: a checked plan or a refusal, never a panic or a hang.

#[path = "support/repair_case.rs"]
mod repair_case;

/// How many damaged copies are tried; each run tries the same ones.
const COPIES: u64 = 60;

/// Numbers that are the same in every run (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

#[test]
fn edits_of_the_small_volume_are_planned_without_damage() {
    let (planned, _) = repair_case::run(&[]);
    assert!(planned > 0);
}

#[test]
fn damage_of_any_kind_ends_in_a_checked_plan_or_a_refusal() {
    let mut numbers = Numbers(0x1234_5678_9abc_def1);
    let (mut planned, mut refused) = (0, 0);
    for _ in 0..COPIES {
        let mut input = Vec::new();
        for _ in 0..=numbers.next() % 6 {
            let random = numbers.next().to_le_bytes();
            input.extend_from_slice(random.first_chunk::<5>().unwrap_or(&[0; 5]));
        }
        let (more, fewer) = repair_case::run(&input);
        planned += more;
        refused += fewer;
    }
    assert!(planned > 0 && refused > 0, "{planned} {refused}");
}
