//! Keeps docs/fidelity.md honest: whatever it names as evidence is there, and every statement names some.
//!
//! A test is written as the path of its file from the root of the project, `::`, and its name; a case as its path below
//! `detector/tests/conformance`, where `*` stands for anything. Whether they hold the statement is for people to judge.

use std::path::{Path, PathBuf};

#[test]
fn whatever_the_page_names_exists() {
    let (root, page) = (root(), page());
    let torn: Vec<&str> = page.lines().filter(|line| line.matches('`').count() % 2 == 1).collect();
    assert!(torn.is_empty(), "a name that goes on in the next line: {torn:?}");
    let spans = page.lines().flat_map(code_spans);
    let named: Vec<&str> = spans.filter(|span| span.contains(".rs::") || is_case(&root, span)).collect();
    let wrong: Vec<String> = named.iter().filter_map(|name| holds(&root, name).err()).collect();
    assert!(named.len() > 300 && wrong.is_empty(), "{} of {} names:\n{}", wrong.len(), named.len(), wrong.join("\n"));
}

#[test]
fn every_statement_names_what_holds_it() {
    let (root, page) = (root(), page());
    let rows: Vec<(&str, Vec<&str>)> = statements(&page).collect();
    let unheld = |(row, names): &(&str, Vec<&str>)| {
        let wrong: Vec<String> = names.iter().filter_map(|name| holds(&root, name).err()).collect();
        (names.is_empty() || !wrong.is_empty()).then(|| format!("{row}\n  {wrong:?}"))
    };
    let unheld: Vec<String> = rows.iter().filter_map(unheld).collect();
    assert!(rows.len() > 100 && unheld.is_empty(), "{} of {} rows:\n{}", unheld.len(), rows.len(), unheld.join("\n"));
}

#[test]
fn a_name_that_does_not_exist_is_found() {
    let holds = |name| holds(&root(), name).is_ok();
    assert!(holds("detector/tests/fidelity.rs::a_name_that_does_not_exist_is_found"));
    for wrong in [
        "detector/tests/fidelity.rs::a_name_that_does_not_exist_is_foun",
        "detector/tests/fidelity.rs::name_that_does_not_exist_is_found",
        "detector/tests/fidelity.rs::root",
        "detector/tests/fidelty.rs::a_name_that_does_not_exist_is_found",
    ] {
        assert!(!holds(wrong), "{wrong}");
    }
    assert!(holds("kql/logic-*") && holds("kql/match-all-star") && holds("alert_ids.json"));
    for wrong in ["kql/logc-*", "kql/match-all-sta", "kql/", "audit", "alert_id.json", "*", "something else"] {
        assert!(!holds(wrong), "{wrong}");
    }
    let page = "| statement | evidence | held by |\n| --- | --- | --- |\n| one `a \\| b` | S | two |\ntext\n";
    assert_eq!(statements(page).collect::<Vec<_>>(), [("| one `a \\| b` | S | two |", vec![])]);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/fidelity.md")).expect("docs/fidelity.md is part of the project")
}

/// The rows below the head of each table, with the code spans of their last cell.
fn statements(page: &str) -> impl Iterator<Item = (&str, Vec<&str>)> {
    let mut below_head = false;
    page.lines().filter_map(move |line| {
        let (is_row, is_rule) = (line.starts_with("| "), line.starts_with("| ---"));
        let is_statement = is_row && below_head && !is_rule;
        below_head = is_row && (below_head || is_rule);
        let last_cell = line.trim_end_matches([' ', '|']).rsplit(" | ").next().unwrap_or_default();
        is_statement.then(|| (line, code_spans(last_cell).collect()))
    })
}

fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Whether a name begins as those of cases do.
fn is_case(root: &Path, name: &str) -> bool {
    let first = name.split('/').next().unwrap_or_default();
    name.contains('/') && conformance(root).join(first).is_dir() && !first.is_empty()
}

fn conformance(root: &Path) -> PathBuf {
    root.join("detector/tests/conformance")
}

/// Whether a test or a case of that name exists, or why not.
fn holds(root: &Path, name: &str) -> Result<(), String> {
    match name.split_once("::") {
        Some((file, test)) => {
            let text = std::fs::read_to_string(root.join(file)).map_err(|error| format!("{name}: {error}"))?;
            is_test(&text, test).then_some(()).ok_or_else(|| format!("{name}: no such test in the file"))
        }
        None => {
            let (folder, pattern) = name.rsplit_once('/').unwrap_or(("", name));
            let files =
                std::fs::read_dir(conformance(root).join(folder)).map_err(|error| format!("{name}: {error}"))?;
            let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
            let (start, end) = pattern.split_once('*').unwrap_or((pattern, ""));
            let fits = |file: &str| match pattern.contains('*') {
                true => file.starts_with(start) && file.trim_end_matches(".json").ends_with(end),
                false => file == pattern || file.strip_suffix(".json") == Some(pattern),
            };
            let found = !start.is_empty()
                && names.filter(|name| name.contains(".json") || name.contains(".log")).any(|file| fits(&file));
            found.then_some(()).ok_or_else(|| format!("{name}: no such case"))
        }
    }
}

/// Whether a source file has a test of that name: a function below an attribute that makes it one.
fn is_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let head = format!("fn {name}(");
    lines.iter().enumerate().filter(|(_, line)| line.starts_with(&head)).any(|(at, _)| {
        let above = lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        above.into_iter().any(|line| ["#[test]", "#[rstest]"].contains(line))
    })
}
