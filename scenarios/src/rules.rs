//! Finds the rule that a scenario names.

use std::path::Path;

use firstseen_detector::rule::{self, Rule};

/// A rule, and the text that it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundRule {
    /// What it says.
    pub rule: Rule,
    /// The whole file.
    pub text: String,
}

/// Finds a rule by the name or `rule_id` of a built-in rule, or by its file, relative to the scenario file.
///
/// # Errors
/// What was tried, and the names that there are.
pub fn find_rule(name: &str, scenario: &Path) -> Result<FoundRule, String> {
    let mut known = Vec::new();
    for (built_in, text) in rule::builtin() {
        let found = only_rule(built_in, text)?;
        if *built_in == name || found.rule.rule_id == name {
            return Ok(found);
        }
        known.push(format!("{built_in} ({})", found.rule.rule_id));
    }
    let path = scenario.parent().unwrap_or(Path::new("")).join(name);
    if !path.exists() {
        let known = known.join(", ");
        return Err(format!("no rule '{name}': neither built in ({known}) nor a file {}", path.display()));
    }
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(&path).map_err(|error| format!("cannot read the rule {shown}: {error}"))?;
    only_rule(&shown, &text)
}

/// The one rule of a file; `origin` is what errors call it.
pub(crate) fn only_rule(origin: &str, text: &str) -> Result<FoundRule, String> {
    let mut file = rule::read_text(origin, text);
    if let Some(error) = file.errors.first() {
        return Err(error.to_string());
    }
    // Other things that an export may hold, such as connectors, decide nothing.
    if let Some(missing) = file.warnings.iter().find(|warning| warning.field.as_deref() == Some("exceptions_list")) {
        let what = "a verdict needs the whole rule: export it with them, or take 'exceptions_list' out of the file";
        return Err(format!("{missing}; {what}"));
    }
    match file.rules.len() {
        1 => Ok(FoundRule { rule: file.rules.remove(0).rule, text: text.to_owned() }),
        number => Err(format!("{origin} holds {number} rules; a scenario needs a file with one")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_found_by_name_by_id_and_by_file() {
        let (name, text) = rule::builtin()[0];
        let by_name = find_rule(name, Path::new("x/a.toml")).expect("found");
        assert_eq!(find_rule(&by_name.rule.rule_id, Path::new("x/a.toml")), Ok(by_name.clone()));
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("mine.toml"), text).expect("written");
        assert_eq!(find_rule("mine.toml", &folder.path().join("a.toml")), Ok(by_name));
    }

    #[test]
    fn a_rule_whose_exceptions_are_missing_is_refused_and_one_without_exceptions_is_not() {
        let mut rule = serde_json::Value::Object(
            find_rule(rule::builtin()[0].0, Path::new("a")).expect("found").rule.to_api_json(),
        );
        let connector = r#"{"id":"c","type":"action","attributes":{"name":"mail"},"references":[]}"#;
        assert!(only_rule("a", &format!("{rule}\n{connector}\n")).is_ok());
        rule["exceptions_list"] = serde_json::json!([{"id": "x", "list_id": "mine", "type": "detection"}]);
        let error = only_rule("a", &rule.to_string()).expect_err("incomplete");
        assert!(error.contains("'mine' is not in this file") && error.contains("a verdict needs"), "{error}");
    }

    #[test]
    fn an_unknown_rule_says_where_it_was_looked_for() {
        let error = find_rule("nothing", Path::new("x/a.toml")).expect_err("unknown");
        assert!(error.contains("no rule 'nothing'") && error.contains("x/nothing") && error.contains("rwx"), "{error}");
    }
}
