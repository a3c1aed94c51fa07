#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| firstseen_fuzz_bodies::scenario_toml(bytes));
