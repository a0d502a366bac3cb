//! A rule file of any content is refused or gives a rule that can be decided and documented.

#![no_main]

use goldseal::facts::Facts;
use goldseal::rules::{self, Catalogue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(catalogue) = Catalogue::empty().with_files([("fuzz.toml", text)]) {
        let _ = rules::run(&catalogue, &Facts::new());
        let _ = rules::catalogue_page(&catalogue);
    }
});
