//! A small volume with random damage, opened and walked: every outcome is a result, none a panic or a hang.

#[path = "support/ntfs_case.rs"]
mod ntfs_case;

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
fn the_small_volume_is_whole_without_damage() {
    assert!(ntfs_case::run(&[]));
}

#[test]
fn damage_of_any_kind_ends_in_results() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut opened = 0;
    for _ in 0..COPIES {
        let changes = numbers.next() % 6 + 1;
        let mut input = Vec::new();
        for _ in 0..changes {
            let random = numbers.next().to_le_bytes();
            let value = match random[4] % 4 {
                0 => 0,
                1 => 0xff,
                _ => random[5],
            };
            input.extend([random[0], random[1], random[2], random[3], value]);
        }
        opened += u64::from(ntfs_case::run(&input));
    }
    assert!(opened > COPIES / 2, "{opened}");
}

/// Inputs that fuzzing found.
#[test]
fn crashes_of_the_past_end_in_results() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/crashes/ntfs");
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        ntfs_case::run(&std::fs::read(entry.unwrap().path()).unwrap());
    }
}
