//! Inputs that once broke a layer of the image, and damaged copies of whole images: none may panic or hang.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::image_case;

/// Longest time that one input may take.
const TIME_MAX: Duration = Duration::from_secs(5);

fn run_all(kind: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/crashes")
        .join(kind);
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let begin = Instant::now();
        run(&std::fs::read(&path).unwrap());
        assert!(begin.elapsed() < TIME_MAX, "{}", path.display());
    }
}

#[test]
fn kept_inputs_of_the_image_layers_do_no_harm() {
    run_all("vhd", image_case::vhd);
    run_all("partition_table", image_case::partition_table);
    run_all("fat", image_case::fat);
    run_all("whole_chain", image_case::whole_chain);
}

/// Numbers without a pattern, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

#[test]
fn damaged_copies_of_a_fat_volume_do_no_harm() {
    if crate::corpus::folder().is_none() {
        return;
    }
    let volume = crate::corpus::read("images/velociraptor_fat_very_small.dd");
    let mut numbers = Numbers(1);
    for _ in 0..2_000 {
        let mut copy = volume.clone();
        for _ in 0..8 {
            let at = numbers.below(4_096);
            copy[at] = u8::try_from(numbers.below(256)).unwrap();
        }
        let begin = Instant::now();
        image_case::fat(&copy);
        assert!(begin.elapsed() < TIME_MAX);
    }
}
