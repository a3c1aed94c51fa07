//! Every published rule of a folder loads, compiles and lints without an error.
//!
//! The folder is named by `FIRSTSEEN_CORPUS`; such rules are other people's and no part of this project. Without it the
//! tests say that they are skipped.

use std::io::Write as _;
use std::path::PathBuf;

use firstseen_detector::rule::lint::{LintContext, Severity, lint};
use firstseen_detector::rule::{self, RuleFile};

/// All files of the corpus, read; nothing if there is no corpus.
fn corpus(test: &str) -> Vec<(PathBuf, RuleFile)> {
    let Some(folder) = std::env::var_os("FIRSTSEEN_CORPUS") else {
        // Not println!: a reason to skip has to be seen although the test passes.
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: FIRSTSEEN_CORPUS names no folder of rule files");
        return Vec::new();
    };
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("readable").path())
        .filter(|path| {
            path.extension().is_some_and(|extension| ["toml", "json", "ndjson"].iter().any(|e| *e == extension))
        })
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} holds no rule files", folder.display());
    paths.into_iter().map(|path| (path.clone(), rule::read_file(&path))).collect()
}

#[test]
fn every_file_loads_and_holds_one_rule() {
    for (path, file) in corpus("every_file_loads_and_holds_one_rule") {
        assert_eq!(file.errors, [], "{}", path.display());
        assert_eq!(file.rules.len(), 1, "{}", path.display());
        let rule = &file.rules[0].rule;
        assert_eq!(rule::Rule::from_api_json(&rule.to_api_json()).as_ref(), Ok(rule), "{}", path.display());
    }
}

#[test]
fn lint_finds_no_error() {
    let context = LintContext::new("2026-11-22T12:00:00Z".parse().expect("an instant"));
    for (_, file) in corpus("lint_finds_no_error") {
        for loaded in &file.rules {
            let mut findings = lint(&loaded.rule, &context.of(&loaded.source));
            if std::env::var_os("FIRSTSEEN_CORPUS_SHOW").is_some() {
                for finding in &findings {
                    let place = finding.position.map_or_else(String::new, |p| format!("{}:{}", p.line, p.column));
                    let _ = writeln!(std::io::stderr(), "{}:{place}: {finding}", loaded.source.origin());
                }
            }
            findings.retain(|finding| finding.severity == Severity::Error);
            assert_eq!(findings, [], "{}", loaded.source.origin());
        }
    }
}
