//! Files on the way in: what lies below a folder, the bytes of one, and whether they are a rule's.

use std::fs;
use std::path::{Path, PathBuf};

use firstseen_detector::rule;

use crate::problem::Problem;

/// The files below a folder (subfolders too) whose names end so, in the order of their names. A folder that cannot be listed
/// is a problem and hides no other.
pub fn files_below(folder: &Path, endings: &[&str], problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut paths: Vec<PathBuf> = match entries {
        Ok(entries) => entries.into_iter().map(|entry| entry.path()).collect(),
        Err(error) => {
            problems.push(problem(folder, format!("cannot list the folder: {error}")));
            return files;
        }
    };
    paths.sort();
    for path in paths {
        if path.is_dir() {
            // A link to a folder could lead back here: only real folders are entered.
            if !path.is_symlink() {
                files.extend(files_below(&path, endings, problems));
            }
        } else if path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known))
            // Pipes and devices have no end; whoever reads a link to nothing says so.
            && (path.is_file() || !path.exists())
        {
            files.push(path);
        }
    }
    files
}

/// The bytes of a file.
///
/// # Errors
/// That it cannot be read, or is far too large.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, Problem> {
    rule::file_bytes(path).map_err(|what| problem(path, what))
}

/// Whether a file holds rules, in TOML or JSON, and no scenario, however broken either may be.
#[must_use]
pub fn holds_rules(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let is_json =
        text.starts_with('{') || text.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with('{'));
    let header = |line: &str| ["[metadata]", "[rule]"].contains(&line.trim());
    is_json
        || match text.parse::<toml::Table>() {
            // A scenario names its rule, a rule file has a table of that name.
            Ok(table) => table.get("rule").is_some_and(toml::Value::is_table) || table.contains_key("metadata"),
            Err(_) => text.lines().any(header),
        }
}

fn problem(path: &Path, what: String) -> Problem {
    Problem { path: path.to_owned(), line: None, what }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rstest::rstest;

    use super::*;

    #[test]
    fn a_folder_gives_its_files_in_order_and_follows_no_link_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("b")).expect("made");
        for name in ["c.toml", "a.toml", "b/x.json", "notes.md"] {
            fs::write(at(name), "").expect("written");
        }
        symlink("..", at("b/loop")).expect("linked");
        symlink("a.toml", at("d.toml")).expect("linked");
        symlink("/dev/zero", at("zero.toml")).expect("linked");
        symlink("nothing", at("lost.toml")).expect("linked");
        let mut problems = Vec::new();
        let found = files_below(folder.path(), &["toml", "json"], &mut problems);
        assert_eq!(found, ["a.toml", "b/x.json", "c.toml", "d.toml", "lost.toml"].map(at));
        assert_eq!(problems, []);
        assert!(read_bytes(&at("lost.toml")).expect_err("nothing there").what.starts_with("cannot be read"));
        assert!(read_bytes(Path::new("/dev/zero")).expect_err("endless").what.contains("64 MiB"));
        files_below(&at("absent"), &["toml"], &mut problems);
        assert!(problems[0].what.starts_with("cannot list the folder"), "{problems:?}");
    }

    #[rstest]
    #[case("[metadata]\n[rule]\n", true)]
    #[case("\u{feff}[rule]\nname = \"x\"", true)]
    #[case("[metadata]\n[rule]\nname = \"torn", true)]
    #[case("{\"rule_id\": 1}\n{", true)]
    #[case(" [ {", true)]
    #[case("rule = \"x\"\n[actors.a]", false)]
    #[case("id = \"a", false)]
    #[case("", false)]
    fn rules_and_scenarios_are_told_apart(#[case] text: &str, #[case] rules: bool) {
        assert_eq!(holds_rules(text.as_bytes()), rules);
        assert_eq!(holds_rules(&[text.as_bytes(), b"\n# \xff"].concat()), rules);
    }
}
