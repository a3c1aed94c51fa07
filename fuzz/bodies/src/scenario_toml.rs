use firstseen_scenarios::load_text;

/// Scenario files: every problem prints.
pub fn scenario_toml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(problems) = load_text("fuzz.toml", text) {
        for problem in problems {
            let _ = problem.to_string();
        }
    }
}
