//! `lint`: everything that is wrong with rules and scenarios, without running anything.

use std::fs;
use std::path::{Path, PathBuf};

use firstseen_detector::rule::lint::{LintContext, Severity, lint};
use firstseen_detector::rule::{self, RuleError};
use firstseen_detector::time::Millis;
use firstseen_scenarios::{Collection, find_rule, load_paths};
use serde_json::json;

use crate::args::{Format, Global, LintArgs};
use crate::commands::json::FORMAT_VERSION;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output::Output;

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
    let mut files = Vec::new();
    for path in &args.paths {
        collect(path, &mut files)?;
    }
    if files.is_empty() {
        return Err(Failure {
            exit: Exit::NothingRan,
            message: "no rule or scenario file (*.toml, *.ndjson, *.json) was found there".to_owned(),
        });
    }
    let context = LintContext::new(now());
    let mut remarks = Vec::new();
    let (mut rules, mut scenarios) = (0, Vec::new());
    for file in &files {
        if is_scenario(file) { scenarios.push(file.clone()) } else { rules += lint_rules(file, &context, &mut remarks) }
    }
    let scenario_count = scenarios.len();
    lint_scenarios(load_paths(&scenarios), &mut remarks);
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
        let [files, rules, scenarios, errors, warnings] = [
            (files.len(), "file"),
            (rules, "rule"),
            (scenario_count, "scenario"),
            (errors, "error"),
            (warnings, "warning"),
        ]
        .map(|(number, what)| format!("{number} {what}{}", if number == 1 { "" } else { "s" }));
        output.line(format!("{files}, {rules}, {scenarios}: {errors}, {warnings}"));
    }
    Ok(if errors > 0 { Exit::BadInput } else { Exit::Proven })
}

/// Relative dates of rules are compared at the present moment, as a server does.
fn now() -> Millis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The files below a path, in name order.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let cannot = |error| Failure::input(format!("cannot list the folder '{}': {error}", path.display()));
    let entries = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(cannot)?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let known = path.extension().is_some_and(|ending| ["toml", "ndjson", "json"].iter().any(|it| ending == *it));
        if path.is_dir() || known {
            collect(&path, files)?;
        }
    }
    Ok(())
}

/// A scenario has a timeline; a rule file has a table of that name. What is neither is reported as a rule.
fn is_scenario(path: &Path) -> bool {
    let Ok(text) = fs::read_to_string(path) else { return false };
    match text.parse::<toml::Table>() {
        Ok(table) => !table.get("rule").is_some_and(toml::Value::is_table) && !table.contains_key("metadata"),
        Err(_) => text.lines().any(|line| line.trim_start().starts_with("[[steps]]")),
    }
}

fn lint_rules(path: &Path, context: &LintContext<'_>, remarks: &mut Vec<Remark>) -> usize {
    let file = rule::read_file(path);
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

fn lint_scenarios(collection: Collection, remarks: &mut Vec<Remark>) {
    let (_, problems) = collection.plans(&find_rule);
    remarks.extend(problems.into_iter().map(|problem| Remark {
        severity: Severity::Error,
        code: "scenario",
        path: problem.path.display().to_string(),
        place: problem.line.map(|line| (line, None)),
        field: None,
        message: problem.what,
    }));
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
