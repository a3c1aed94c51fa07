//! Rule files in any form: never a panic; what loads survives being written and read in the API's form.
#![no_main]

use firstseen_detector::rule::{self, Rule};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for loaded in rule::read_text("fuzz", text).rules {
        let _ = (loaded.rule.audit_rules(), loaded.rule.capture_env_vars());
        let _ = Rule::from_api_json(&loaded.rule.to_api_json());
    }
});
