//! Scenario files: never a panic; every problem prints.
#![no_main]

use firstseen_scenarios::load_text;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(problems) = load_text("fuzz.toml", text) {
        for problem in problems {
            let _ = problem.to_string();
        }
    }
});
