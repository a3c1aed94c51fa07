//! `lint`: everything that is wrong with rules and scenarios, without running anything.

use std::collections::BTreeMap;
use std::path::PathBuf;

use firstseen_detector::rule::lint::{LintContext, Severity, lint};
use firstseen_detector::rule::{self, LoadedRule, RuleError, RuleFile};
use firstseen_detector::time::Millis;
use firstseen_scenarios::{Collection, Problem, files_below, find_rule, holds_rules, load_bytes, read_bytes};
use serde_json::json;

use crate::args::{Format, Global, LintArgs};
use crate::commands::json::FORMAT_VERSION;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output::{Output, count as counted};

/// One thing that is wrong, whatever kind of file it is in.
struct Remark {
    severity: Severity,
    code: &'static str,
    path: String,
    place: Option<(usize, Option<usize>)>,
    field: Option<String>,
    message: String,
}

pub(crate) fn run(args: &LintArgs, global: Global, output: &mut Output) -> Result<Exit, Failure> {
    let mut problems = Vec::new();
    let files = files(&args.paths, &mut problems);
    if files.is_empty() && problems.is_empty() {
        return Err(Failure {
            exit: Exit::NothingRan,
            message: "no rule or scenario file (*.toml, *.ndjson, *.json) was found there".to_owned(),
        });
    }
    let context = LintContext::new(now());
    let mut remarks = Vec::new();
    let (mut rules, mut scenarios, mut ids) = (0, Vec::new(), BTreeMap::new());
    for path in &files {
        // Once: a pipe has nothing left the second time.
        match read_bytes(path) {
            Ok(bytes) if holds_rules(&bytes) => {
                let file = rule::read_bytes(&path.display().to_string(), bytes);
                remarks.extend(file.rules.iter().filter_map(|loaded| same_id(loaded, &mut ids)));
                rules += lint_rules(file, &context, &mut remarks);
            }
            Ok(bytes) => scenarios.push(load_bytes(path, bytes)),
            Err(problem) => problems.push(problem),
        }
    }
    let scenario_count = scenarios.len();
    remarks.extend(problems.into_iter().map(|problem| of_problem("unreadable", problem)));
    lint_scenarios(Collection::of(scenarios), &mut remarks);
    let count = |severity| remarks.iter().filter(|remark| remark.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if global.format == Format::Json {
        output.json(&json!({
            "format_version": FORMAT_VERSION,
            "files": files.len(),
            "rules": rules,
            "scenarios": scenario_count,
            "errors": errors,
            "warnings": warnings,
            "findings": remarks.iter().map(as_json).collect::<Vec<_>>(),
        }));
    } else {
        for remark in &remarks {
            output.line(as_text(remark));
        }
        let (files, rules, scenarios) =
            (counted(files.len(), "file"), counted(rules, "rule"), counted(scenario_count, "scenario"));
        let found = format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"));
        output.line(format!("{files}, {rules}, {scenarios}: {found}"));
    }
    Ok(if errors > 0 { Exit::BadInput } else { Exit::Proven })
}

/// Relative dates of rules are compared at the present moment, as a server does.
fn now() -> Millis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The files that were named, and those below the folders that were, in name order.
fn files(paths: &[PathBuf], problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(files_below(path, &["toml", "ndjson", "json"], problems));
        } else {
            files.push(path.clone());
        }
    }
    files
}

fn lint_rules(file: RuleFile, context: &LintContext<'_>, remarks: &mut Vec<Remark>) -> usize {
    let broken = |severity, code: &'static str| {
        move |error: RuleError| Remark {
            severity,
            code,
            path: error.origin,
            place: error.position.map(|position| (position.line, Some(position.column))),
            field: error.field,
            message: error.message,
        }
    };
    remarks.extend(file.errors.into_iter().map(broken(Severity::Error, "unreadable")));
    remarks.extend(file.warnings.into_iter().map(broken(Severity::Warning, "incomplete")));
    for loaded in &file.rules {
        for finding in lint(&loaded.rule, &context.of(&loaded.source)) {
            remarks.push(Remark {
                severity: finding.severity,
                code: finding.code,
                path: loaded.source.origin().to_owned(),
                place: finding.position.map(|position| (position.line, Some(position.column))),
                field: finding.field,
                message: finding.message,
            });
        }
    }
    file.rules.len()
}

/// Of rules with one id a server keeps the last, or refuses the file.
fn same_id(loaded: &LoadedRule, ids: &mut BTreeMap<String, String>) -> Option<Remark> {
    let position = loaded.source.position_of("rule_id");
    let place = format!("{}:{}", loaded.source.origin(), position.line);
    let earlier = ids.insert(loaded.rule.rule_id.clone(), place)?;
    Some(Remark {
        severity: Severity::Warning,
        code: "duplicate-rule-id",
        path: loaded.source.origin().to_owned(),
        place: Some((position.line, Some(position.column))),
        field: Some("rule_id".to_owned()),
        message: format!("'{}' is taken by {earlier}; a server keeps one rule of an id", loaded.rule.rule_id),
    })
}

fn lint_scenarios(collection: Collection, remarks: &mut Vec<Remark>) {
    let (_, problems) = collection.plans(&find_rule);
    remarks.extend(problems.into_iter().map(|problem| of_problem("scenario", problem)));
}

fn of_problem(code: &'static str, problem: Problem) -> Remark {
    Remark {
        severity: Severity::Error,
        code,
        path: problem.path.display().to_string(),
        place: problem.line.map(|line| (line, None)),
        field: None,
        message: problem.what,
    }
}

fn as_text(remark: &Remark) -> String {
    let severity = name(remark.severity);
    let place = match remark.place {
        Some((line, Some(column))) => format!(":{line}:{column}"),
        Some((line, None)) => format!(":{line}"),
        None => String::new(),
    };
    let field = remark.field.as_ref().map(|field| format!("{field}: ")).unwrap_or_default();
    format!("{}{place}: {severity}[{}]: {field}{}", remark.path, remark.code, remark.message)
}

fn as_json(remark: &Remark) -> serde_json::Value {
    json!({
        "severity": name(remark.severity),
        "code": remark.code,
        "path": remark.path,
        "line": remark.place.map(|(line, _)| line),
        "column": remark.place.and_then(|(_, column)| column),
        "field": remark.field,
        "message": remark.message,
    })
}

fn name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
