//! Reads scenario files and folders. Every error carries file and line; a broken file hides no other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::check::check;
use crate::files::{files_below, holds_rules, read_bytes};
use crate::model::Scenario;
use crate::problem::{Problem, Source, nearest};

/// A scenario and the text that it was read from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// File name and text, for messages and for the story at its top.
    pub source: Source,
    /// What it says.
    pub scenario: Scenario,
}

/// What was found in files and folders.
#[derive(Clone, Debug, Default)]
pub struct Collection {
    /// Everything that could be read, in the order of the paths given, folders in the order of file names.
    pub scenarios: Vec<Loaded>,
    /// Everything that is wrong.
    pub problems: Vec<Problem>,
}

/// Reads one scenario from text.
///
/// # Errors
/// All problems that were found: one if the text is no TOML of the right shape, else every contradiction in it.
pub fn load_text(path: impl Into<PathBuf>, text: &str) -> Result<Loaded, Vec<Problem>> {
    let source = Source::new(path, text.trim_start_matches('\u{feff}'));
    let scenario: Scenario = toml::from_str(source.text()).map_err(|error| vec![shape_problem(&source, &error)])?;
    let problems = check(&source, &scenario);
    if problems.is_empty() { Ok(Loaded { source, scenario }) } else { Err(problems) }
}

/// Reads one scenario from the bytes of a file.
///
/// # Errors
/// As [`load_text`], or that it is no text.
pub fn load_bytes(path: &Path, bytes: Vec<u8>) -> Result<Loaded, Vec<Problem>> {
    match String::from_utf8(bytes) {
        Ok(text) => load_text(path, &text),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let what = format!("not text: the byte at offset {at} is no UTF-8; a scenario is a TOML file");
            Err(vec![Problem { path: path.to_owned(), line: None, what }])
        }
    }
}

/// Reads files, and of every folder its `*.toml` files (subfolders too), and refuses an id that occurs twice. Rule files in a
/// folder are left out: scenarios that name them lie beside them.
#[must_use]
pub fn load_paths(paths: &[PathBuf]) -> Collection {
    let mut problems = Vec::new();
    let mut read = Vec::new();
    for path in paths {
        if !path.is_dir() {
            read.push(read_bytes(path).map_err(|problem| vec![problem]).and_then(|bytes| load_bytes(path, bytes)));
            continue;
        }
        for path in files_below(path, &["toml"], &mut problems) {
            match read_bytes(&path) {
                Ok(bytes) if holds_rules(&bytes) => {}
                Ok(bytes) => read.push(load_bytes(&path, bytes)),
                Err(problem) => problems.push(problem),
            }
        }
    }
    let mut collection = Collection::of(read);
    collection.problems.splice(0..0, problems);
    collection
}

impl Collection {
    /// What was read, with a problem for every id that an earlier scenario has.
    #[must_use]
    pub fn of(read: impl IntoIterator<Item = Result<Loaded, Vec<Problem>>>) -> Collection {
        let mut found = Collection::default();
        for loaded in read {
            match loaded {
                Ok(loaded) => found.scenarios.push(loaded),
                Err(problems) => found.problems.extend(problems),
            }
        }
        found.refuse_duplicates();
        found
    }

    /// Drops every scenario whose id an earlier one has.
    fn refuse_duplicates(&mut self) {
        let mut first: BTreeMap<String, PathBuf> = BTreeMap::new();
        let problems = &mut self.problems;
        self.scenarios.retain(|loaded| {
            let id = &loaded.scenario.id;
            if let Some(earlier) = first.get(id.get_ref()) {
                let what = format!("id '{}' is taken by {}; ids are unique", id.get_ref(), earlier.display());
                problems.push(loaded.source.problem(id.span(), what));
                return false;
            }
            first.insert(id.get_ref().clone(), loaded.source.path().to_owned());
            true
        });
    }
}

/// What a count has to be, in our words.
const WHOLE: &str = "expected a whole number that is not negative";

/// What the TOML reader says, in our words where it is about a name.
pub(crate) fn shape_problem(source: &Source, error: &toml::de::Error) -> Problem {
    let message = error.message();
    let mut quoted = message.split('`').skip(1).step_by(2);
    let what = match quoted.next() {
        Some(wrong) if message.starts_with("unknown field") => {
            format!("unknown key '{wrong}'{}", nearest("key", wrong, quoted))
        }
        Some(wrong) if message.starts_with("unknown variant") => {
            format!("unknown value '{wrong}'{}", nearest("value", wrong, quoted))
        }
        Some(missing) if message.starts_with("missing field") => format!("the key '{missing}' is missing"),
        _ => {
            message.lines().collect::<Vec<_>>().join(", ").replace("expected u64", WHOLE).replace("expected u32", WHOLE)
        }
    };
    match error.span() {
        Some(span) => source.problem(span, what),
        None => source.whole(what),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const GOOD: &str = r#"
id = "a"
title = "t"
rule = "rwx-memory"
[actors.x]
host = "web-1"
executable = "/opt/x"
technique = "rwx.mprotect"
[[steps]]
at = "+0s"
actor = "x"
expect = { alerts = 1, terms = [["web-1", "/opt/x"]] }
"#;

    fn problems(text: &str) -> Vec<String> {
        let problems = load_text("a.toml", text).map(|loaded| loaded.scenario).expect_err("refused");
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_good_file_is_read() {
        let loaded = load_text("a.toml", GOOD).expect("valid");
        assert_eq!(loaded.scenario.id.get_ref(), "a");
        assert_eq!(loaded.scenario.steps[0].get_ref().expect.get_ref().alerts, Some(1));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_nearest_known_key() {
        let text = GOOD.replace("alerts = 1", "alrts = 1");
        assert_eq!(problems(&text), ["a.toml:12: unknown key 'alrts'; the nearest known key is 'alerts'"]);
        let text = GOOD.replace("hos", "hoost").replace("t = \"web-1\"", " = \"web-1\"");
        assert_eq!(problems(&text), ["a.toml:6: unknown key 'hoost'; the nearest known key is 'host'"]);
        let text = GOOD.replace("title", "titel");
        assert_eq!(problems(&text), ["a.toml:3: unknown key 'titel'; the nearest known key is 'title'"]);
    }

    #[test]
    fn an_unknown_reason_lists_the_nearest() {
        let text =
            GOOD.replace("alerts = 1, terms = [[\"web-1\", \"/opt/x\"]]", "silent = true, because = \"known-terms\"");
        assert_eq!(
            problems(&text),
            ["a.toml:12: unknown value 'known-terms'; the nearest known value is 'known-term'"]
        );
    }

    #[test]
    fn a_missing_key_and_a_broken_value_name_their_line() {
        assert_eq!(problems(&GOOD.replace("host = \"web-1\"\n", "")), ["a.toml:5: the key 'host' is missing"]);
        let broken = problems(&GOOD.replace("+0s", "soon"));
        assert!(broken[0].starts_with("a.toml:10: 'soon' is no virtual time"), "{broken:?}");
        let torn = problems(&GOOD.replace("title = \"t\"", "title = \"t"));
        assert!(torn[0].starts_with("a.toml:3: "), "{torn:?}");
    }

    #[test]
    fn one_broken_file_does_not_hide_the_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
        write("1.toml", GOOD);
        write("2.toml", "id = ");
        write("3.toml", &GOOD.replace("id = \"a\"", "id = \"b\""));
        write("4.toml", GOOD);
        fs::write(folder.path().join("5.toml"), [0xff, 0xfe]).expect("written");
        write("notes.md", "no scenario");
        let found = load_paths(&[folder.path().to_owned(), folder.path().join("absent.toml")]);
        let ids: Vec<&str> = found.scenarios.iter().map(|loaded| loaded.scenario.id.get_ref().as_str()).collect();
        assert_eq!(ids, ["a", "b"]);
        let problems: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), 4, "{problems:#?}");
        assert!(problems[3].contains("4.toml:2: id 'a' is taken by"), "{problems:#?}");
    }

    #[test]
    fn a_rule_file_beside_scenarios_is_none_and_one_that_is_named_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let rule = folder.path().join("rule.toml");
        fs::write(folder.path().join("a.toml"), GOOD).expect("written");
        fs::write(&rule, "[metadata]\n[rule]\nname = \"x\"\n").expect("written");
        let found = load_paths(&[folder.path().to_owned()]);
        assert_eq!((found.scenarios.len(), &found.problems[..]), (1, &[][..]));
        let named = load_paths(&[rule]);
        assert!(named.problems[0].what.starts_with("unknown key 'metadata'"), "{:?}", named.problems);
    }

    #[test]
    fn a_count_is_a_whole_number_that_is_not_negative() {
        for wrong in ["-1", "1.5", "99999999999999999999"] {
            let wrong = problems(&GOOD.replace("alerts = 1,", &format!("alerts = {wrong},")));
            assert!(wrong[0].starts_with("a.toml:12: ") && wrong[0].contains(WHOLE), "{wrong:?}");
        }
    }
}
