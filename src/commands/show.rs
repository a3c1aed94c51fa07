//! `show`: everything there is to know about one scenario, rule or technique.

use firstseen_detector::rule::{self, Rule, RuleKind};
use firstseen_scenarios::{Loaded, catalog};
use firstseen_simulator::{Privileges, Technique, techniques};
use serde_json::json;

use crate::args::{Format, Global, ShowArgs};
use crate::commands::json::FORMAT_VERSION;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(args: &ShowArgs, global: Global, output: &mut Output) -> Result<Exit, Failure> {
    let id = args.id.as_str();
    if let Some(technique) = techniques::all().find(|technique| technique.id == id) {
        show_technique(technique, global, output);
    } else if let Some(loaded) = catalog().scenarios.into_iter().find(|loaded| loaded.scenario.id.get_ref() == id) {
        show_scenario(&loaded, global, output);
    } else if let Some((name, text, rule)) = builtin(id) {
        show_rule(name, text, &rule, global, output);
    } else {
        let known = known_ids();
        let nearest = rule::nearest(id, known.iter().map(String::as_str));
        let hint = nearest.map(|nearest| format!("; did you mean '{nearest}'?")).unwrap_or_default();
        return Err(Failure::input(format!("nothing has the id '{id}'{hint}; 'firstseen list' lists every id")));
    }
    Ok(Exit::Proven)
}

/// A built-in rule by rule id or by the name of its file.
pub(crate) fn builtin(id: &str) -> Option<(&'static str, &'static str, Rule)> {
    let rules = rule::builtin().iter().filter_map(|(name, text)| {
        let rule = rule::load_text(name, text).ok()?.into_iter().next()?;
        Some((*name, *text, rule))
    });
    rules.into_iter().find(|(name, _, rule)| *name == id || rule.rule_id == id)
}

fn known_ids() -> Vec<String> {
    let techniques = techniques::all().map(|technique| technique.id.to_owned());
    let scenarios = catalog().scenarios.into_iter().map(|loaded| loaded.scenario.id.into_inner());
    let rules = rule::builtin().iter().filter_map(|(name, _)| builtin(name)).map(|(_, _, rule)| rule.rule_id);
    techniques.chain(scenarios).chain(rules).collect()
}

fn show_technique(technique: &Technique, global: Global, output: &mut Output) {
    if global.format == Format::Json {
        let parameters = technique
            .parameters
            .iter()
            .map(|parameter| json!({"name": parameter.name, "what": parameter.what, "default": parameter.default}));
        output.json(&json!({
            "format_version": FORMAT_VERSION,
            "kind": "technique",
            "id": technique.id,
            "title": technique.title,
            "reason": technique.reason,
            "evidence": technique.evidence,
            "attack": technique.attack,
            "touches": technique.touches,
            "privileges": privileges(technique),
            "undo": technique.undo,
            "parameters": parameters.collect::<Vec<_>>(),
        }));
        return;
    }
    output.line(format!("{}: {}", technique.id, technique.title));
    for (label, text) in [
        ("why", technique.reason),
        ("evidence", technique.evidence),
        ("touches", technique.touches),
        ("undone", technique.undo),
        ("needs", privileges(technique)),
        ("ATT&CK", &technique.attack.join(", ")),
    ] {
        output.labelled(label, text);
    }
    for parameter in technique.parameters {
        output.labelled("param", &format!("{} = {}: {}", parameter.name, parameter.default, parameter.what));
    }
}

fn privileges(technique: &Technique) -> &'static str {
    match technique.privileges {
        Privileges::None => "no privileges",
        Privileges::Root => "root",
    }
}

fn show_scenario(loaded: &Loaded, global: Global, output: &mut Output) {
    let scenario = &loaded.scenario;
    if global.format == Format::Json {
        output.json(&json!({
            "format_version": FORMAT_VERSION,
            "kind": "scenario",
            "id": scenario.id.get_ref(),
            "title": scenario.title,
            "rule": scenario.rule.get_ref(),
            "story": loaded.source.story(),
            "toml": loaded.source.text(),
        }));
        return;
    }
    // The file is its own best description: story, actors, timeline, expectations.
    output.text(loaded.source.text());
}

fn show_rule(name: &str, text: &str, rule: &Rule, global: Global, output: &mut Output) {
    if global.format == Format::Json {
        output.json(&json!({
            "format_version": FORMAT_VERSION,
            "kind": "rule",
            "id": rule.rule_id,
            "rule": rule.to_api_json(),
            "audit_rules": rule.audit_rules(),
            "capture_env_vars": rule.capture_env_vars(),
            "toml": text,
        }));
        return;
    }
    output.line(format!("{}  ({name})", rule.rule_id));
    output.labelled("name", &rule.name);
    output.labelled("type", rule.kind.name());
    if let RuleKind::NewTerms(new_terms) = &rule.kind {
        output.labelled("terms", &new_terms.fields.join(", "));
        output.labelled("history", &new_terms.history_window_start);
    }
    if let Some(query) = rule.kind.query() {
        output.labelled("query", &query.text);
    }
    output.labelled("schedule", &format!("every {}, from {} to {}", rule.interval, rule.from, rule.to));
    output.labelled("indices", &rule.index.join(", "));
    output.labelled("severity", &format!("{}, risk {}", rule.severity.name(), rule.risk_score));
    for audit_rule in rule.audit_rules() {
        output.labelled("audit", &audit_rule);
    }
    if !rule.capture_env_vars().is_empty() {
        output.labelled("captures", &rule.capture_env_vars().join(", "));
    }
    output.labelled("about", &rule.description);
}
