use firstseen_detector::rule::{self, Rule};

/// Rule files in any form: what loads survives being written and read in the API's form.
pub fn rule_toml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for loaded in rule::read_text("fuzz", text).rules {
        let _ = (loaded.rule.audit_rules(), loaded.rule.capture_env_vars());
        let _ = Rule::from_api_json(&loaded.rule.to_api_json());
    }
}
