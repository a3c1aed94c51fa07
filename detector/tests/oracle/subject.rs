//! The engine on the same timeline, its answers brought into the oracle's form.

use firstseen_detector::ecs::Mappings;
use firstseen_detector::engine::{
    Alert, Document, ExecutionKind, ExecutionReport, Keep, RuleRunner, TermValue, Warning,
};
use firstseen_detector::rule::Rule;
use firstseen_detector::time::Millis;
use serde_json::{Value, json};

use crate::naive::{AlertOutcome, Outcome, RunOutcome, SuppressionOutcome, Term, group, term};
use crate::world::{Event, Kind, START, TimeSource, World};

pub(crate) fn run(world: &World) -> Outcome {
    let mut runner = RuleRunner::new(&rule(world, false), &mappings(world), Keep::Everything).expect("a valid rule");
    let moments = world.moments();
    let mut narrow = false;
    let mut outcome = Outcome::default();
    let mut pending = 0;
    for (run, at) in world.runs.iter().zip(&moments) {
        // Documents that nobody can find yet may also be handed in later: half of the worlds do.
        let there = |event: &Event| event.visible_from.is_none_or(|visible| visible <= *at);
        let found = world.events.iter().rposition(there).map_or(0, |last| last + 1);
        let handed_in = if world.events.len().is_multiple_of(2) { world.events.len() } else { found };
        ingest(&mut runner, world, pending, handed_in);
        pending = pending.max(handed_in);
        narrow = run.narrow.unwrap_or(narrow);
        runner.change_rule(&rule(world, narrow)).expect("a valid rule");
        let kind = if run.manual { ExecutionKind::Manual } else { ExecutionKind::Scheduled };
        let report = runner.execute(Millis(START + at), kind).expect("a run that succeeds");
        outcome.runs.push(run_outcome(&report));
        if run.close_after {
            runner.close_all_alerts();
        }
    }
    outcome.alerts = runner.alerts().iter().map(alert_outcome).collect();
    outcome
}

fn ingest(runner: &mut RuleRunner, world: &World, from: usize, to: usize) {
    for (position, event) in world.events.iter().enumerate().take(to).skip(from) {
        let source = source(world, event).to_string();
        let index = if event.other_index { "events-2" } else { "events" };
        let ingested = runner.ingest([Document {
            index: Some(index.into()),
            id: Some(position.to_string().into()),
            visible_from: event.visible_from.map(|time| Millis(START + time)),
            source: source.as_bytes(),
        }]);
        assert_eq!((ingested.read, ingested.rejected), (1, Vec::new()));
    }
}

fn mappings(world: &World) -> Mappings {
    let mut mappings = json!({
        "@timestamp": "date", "event.ingested": "date", "kept": "boolean", "user.name": "keyword", "g0": "keyword", "g1": "keyword"
    });
    for (number, kind) in world.rule.kinds.iter().enumerate() {
        mappings[format!("f{number}")] = match kind {
            Kind::Keyword => "keyword".into(),
            Kind::Long => "long".into(),
            Kind::Boolean => "boolean".into(),
        };
    }
    Mappings::from_json(mappings.as_object().expect("an object")).expect("valid mappings")
}

fn rule(world: &World, narrow: bool) -> Rule {
    let shape = &world.rule;
    let mut rule = json!({
        "type": "new_terms",
        "rule_id": "rule-1",
        "query": if narrow { "kept: true" } else { "*" },
        "new_terms_fields": (0..shape.kinds.len()).map(|number| format!("f{number}")).collect::<Vec<_>>(),
        "history_window_start": format!("now-{}s", shape.history / 1000),
        "from": format!("now-{}s", shape.look_back / 1000),
        "to": format!("now{}{}ms", if shape.ahead < 0 { '-' } else { '+' }, shape.ahead.abs()),
        "interval": format!("{}s", shape.interval / 1000),
        "max_signals": shape.max_signals,
    });
    if shape.time != TimeSource::Timestamp {
        rule["timestamp_override"] = "event.ingested".into();
        rule["timestamp_override_fallback_disabled"] = (shape.time == TimeSource::IngestedOnly).into();
    }
    if shape.except_red {
        rule["exceptions"] = json!([[{"field": "user.name", "operator": "included", "type": "match", "value": "red"}]]);
    }
    if let Some(suppression) = &shape.suppression {
        let strategy = if suppression.exempt_missing { "doNotSuppress" } else { "suppress" };
        let fields: &[&str] = if suppression.two_fields { &["g0", "g1"] } else { &["g0"] };
        rule["alert_suppression"] = json!({"group_by": fields, "missing_fields_strategy": strategy});
        if let Some(minutes) = suppression.duration {
            rule["alert_suppression"]["duration"] = json!({"value": minutes, "unit": "m"});
        }
    }
    Rule::from_api_json(rule.as_object().expect("an object")).expect("a readable rule")
}

/// The document, in one of several spellings that mean the same.
fn source(world: &World, event: &Event) -> Value {
    let mut source = json!({"kept": event.kept});
    if let Some(time) = event.timestamp {
        source["@timestamp"] = Millis(START + time).to_string().into();
    }
    if let Some(time) = event.ingested {
        source["event"] = json!({"ingested": START + time});
    }
    if event.red {
        source["user.name"] = "red".into();
    }
    for (number, kind) in world.rule.kinds.iter().enumerate() {
        let values = event.values[number].iter().map(|value| match term(*kind, *value) {
            Term::Flag(truth) => truth.into(),
            Term::Number(number) => number.into(),
            Term::Text(text) => Value::from(text),
        });
        source[format!("f{number}")] = one_or_many(values.collect());
    }
    for (number, values) in event.groups.iter().enumerate() {
        source[format!("g{number}")] = one_or_many(values.iter().map(|value| group(*value).into()).collect());
    }
    source
}

fn one_or_many(mut values: Vec<Value>) -> Value {
    if values.len() == 1 { values.remove(0) } else { values.into() }
}

fn run_outcome(report: &ExecutionReport) -> RunOutcome {
    let windows = report.windows.iter().map(|window| {
        let (from, to) = (window.window.from.0 - START, window.window.to.0 - START);
        (from, to, window.documents, window.combinations, window.new)
    });
    RunOutcome {
        windows: windows.collect(),
        remaining: report.lost.map_or(0, |lost| lost.duration()),
        warnings: report.windows.iter().flat_map(|window| &window.warnings).map(Warning::code).collect(),
        created: report.created.len(),
        updated: report.updated.clone(),
    }
}

fn alert_outcome(alert: &Alert) -> AlertOutcome {
    let suppression = alert.suppression.as_ref().map(|suppression| SuppressionOutcome {
        groups: suppression
            .terms
            .iter()
            .map(|term| {
                term.values.as_ref().map(|values| values.iter().map(|value| value.to_text().to_string()).collect())
            })
            .collect(),
        start: suppression.start.0 - START,
        end: suppression.end.0 - START,
        docs_count: suppression.docs_count,
    });
    let terms = alert.new_terms().iter().map(|value| match value {
        TermValue::Bool(truth) => Term::Flag(*truth),
        TermValue::Integer(number) => Term::Number(*number),
        TermValue::Float(number) => panic!("a fraction, {number}"),
        TermValue::Text(text) => Term::Text(text.to_string()),
    });
    AlertOutcome {
        run: alert.execution.number,
        event: alert.document.id.parse().expect("a position"),
        terms: terms.collect(),
        last_detected: alert.last_detected.0 - START,
        original_time: alert.original_time.map(|time| time.0 - START),
        suppression,
    }
}
