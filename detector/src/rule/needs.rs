//! What a rule needs on the host before it can see anything: audit rules, and captured environment variables.
//!
//! Rules say it in prose for people (`setup`, older ones in `note`), so this reads the two things that are regular there:
//! lines in the syntax of auditctl, and the names after the setting `linux.advanced.capture_env_vars`.

use serde_json::Value as Json;

use super::Rule;

impl Rule {
    /// The audit rules (`-a always,exit ...`, `-A ...`, `-w PATH ...`) that the rule asks for, in the order of the text, each
    /// once.
    ///
    /// A line may stand in a code block or in a list, may be quoted, and may begin with `auditctl`.
    #[must_use]
    pub fn audit_rules(&self) -> Vec<String> {
        let mut rules: Vec<String> = Vec::new();
        for text in self.texts() {
            for rule in text.lines().filter_map(audit_rule) {
                if !rules.iter().any(|known| known == rule) {
                    rules.push(rule.to_owned());
                }
            }
        }
        rules
    }

    /// The names of environment variables that Elastic Defend has to capture for this rule (its advanced setting
    /// `linux.advanced.capture_env_vars`), in the order of the text, each once.
    #[must_use]
    pub fn capture_env_vars(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for text in self.texts() {
            for rest in
                text.lines().flat_map(|line| line.match_indices(SETTING).map(|(at, _)| &line[at + SETTING.len()..]))
            {
                for name in variable_names(rest) {
                    if !names.iter().any(|known| known == name) {
                        names.push(name.to_owned());
                    }
                }
            }
        }
        names
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let note = self.other.get("note").and_then(Json::as_str);
        [Some(self.setup.as_str()), note].into_iter().flatten()
    }
}

const SETTING: &str = "linux.advanced.capture_env_vars";

/// The audit rule of a line, without list markers and quotes.
fn audit_rule(line: &str) -> Option<&str> {
    let mut rule = line.trim();
    loop {
        let shorter = rule
            .strip_prefix("-- ")
            .or_else(|| rule.strip_prefix("- "))
            .or_else(|| rule.strip_prefix("* "))
            .or_else(|| rule.strip_prefix(['"', '\'', '`', '$', '#', '>']))
            .or_else(|| rule.strip_prefix("sudo "))
            .or_else(|| rule.strip_prefix("auditctl "))
            .map(str::trim_start);
        match shorter {
            Some(shorter) => rule = shorter,
            None => break,
        }
    }
    let rule = rule.trim_end_matches(['"', '\'', '`', '.', ' ']);
    let (option, rest) = rule.split_once(' ')?;
    let argument = rest.trim_start();
    let is_rule = match option {
        "-a" | "-A" => argument.split_once(' ').is_some_and(|(list, _)| {
            list.split_once(',')
                .is_some_and(|pair| [pair.0, pair.1].iter().any(|part| ["always", "never"].contains(part)))
        }),
        "-w" => argument.starts_with('/'),
        _ => false,
    };
    is_rule.then_some(rule)
}

/// The list of names after the setting: `variable should be set to "A,B"`, `= A, B`, `` to `A,B` ``.
fn variable_names(rest: &str) -> impl Iterator<Item = &str> {
    // The setting itself may be quoted: its closing quote is not the opening one of the value.
    let rest = rest.trim_start_matches(['`', '"', '\'', '”', '*']);
    let list = match rest.find(['`', '"', '\'', '“']) {
        Some(start) => {
            let value = rest[start..].trim_start_matches(['`', '"', '\'', '“']);
            value.split(['`', '"', '\'', '”']).next().unwrap_or_default()
        }
        None => rest.trim_start().strip_prefix(['=', ':']).unwrap_or_default().trim().trim_end_matches('.'),
    };
    list.split(',').map(str::trim).filter(|name| is_variable_name(name))
}

/// A name that a shell could export.
fn is_variable_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_setup(setup: &str) -> Rule {
        let object = serde_json::json!({"type": "query", "setup": setup});
        Rule::from_api_json(object.as_object().expect("an object")).expect("valid")
    }

    #[test]
    fn audit_rules_are_found_in_every_dress() {
        let setup = "Add this:\n```\n-a always,exit -F arch=b64 -S mprotect\n```\n- or these:\n  \
            -- \"-a exit,always -F arch=b64 -S prctl -k p\"\n  -w /etc/passwd -p wa -k e\n- -w /a b -p x\n\
            `auditctl -a always,exit -S kill`.\n$ sudo auditctl -A never,exit -F uid=0\n\
            -a always,exit -F arch=b64 -S mprotect\n";
        assert_eq!(
            with_setup(setup).audit_rules(),
            [
                "-a always,exit -F arch=b64 -S mprotect",
                "-a exit,always -F arch=b64 -S prctl -k p",
                "-w /etc/passwd -p wa -k e",
                "-w /a b -p x",
                "-a always,exit -S kill",
                "-A never,exit -F uid=0",
            ]
        );
    }

    #[test]
    fn prose_and_other_options_are_no_audit_rules() {
        let setup =
            "- Confirm that auditctl -l lists it.\n-w is for watches\n-a good idea\n-a\n-D\n-a list,of things\n";
        assert_eq!(with_setup(setup).audit_rules(), Vec::<String>::new());
    }

    #[test]
    fn variable_names_are_read_from_the_sentence_that_sets_them() {
        for (setup, names) in [
            ("- the linux.advanced.capture_env_vars variable should be set to \"A,B_2\".", vec!["A", "B_2"]),
            ("set `linux.advanced.capture_env_vars` to `A, B`.", vec!["A", "B"]),
            ("linux.advanced.capture_env_vars = A,B", vec!["A", "B"]),
            ("linux.advanced.capture_env_vars: A", vec!["A"]),
            ("Scroll down or search for “linux.advanced.capture_env_vars”.", vec![]),
            ("- linux.advanced.capture_env_vars has to be set", vec![]),
            ("“linux.advanced.capture_env_vars” must be “A,B”", vec!["A", "B"]),
        ] {
            assert_eq!(with_setup(setup).capture_env_vars(), names, "{setup}");
        }
    }
}
