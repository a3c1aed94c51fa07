//! A rule, a few documents and executions, in few words.

use firstseen_detector::ecs::{Mappings, parse_date};
use firstseen_detector::engine::{Document, EngineError, ExecutionKind, ExecutionReport, Keep, RuleRunner, Warning};
use firstseen_detector::rule::Rule;
use firstseen_detector::time::Millis;
use serde_json::{Map, Value, json};

/// A time of 2024-05-10 (`11:58`, `11:58:00.001`), or of another day (`2024-05-03T11:58`).
pub(crate) fn at(text: &str) -> Millis {
    let whole = if text.contains('T') { text.to_owned() } else { format!("2024-05-10T{text}") };
    parse_date(&whole).unwrap_or_else(|| panic!("'{text}' is a time"))
}

pub(crate) struct Lab {
    pub(crate) runner: RuleRunner,
    rule: Map<String, Value>,
    documents: usize,
}

impl Lab {
    /// A rule over `host.name`: 9 minutes every 5, a history of 7 days; `changes` are applied to it.
    pub(crate) fn new(changes: Value) -> Lab {
        Lab::with(changes, json!({})).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same with more mapped fields.
    pub(crate) fn mapped(changes: Value, mappings: Value) -> Lab {
        Lab::with(changes, mappings).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn with(changes: Value, more: Value) -> Result<Lab, EngineError> {
        let mut rule = object(json!({
            "type": "new_terms", "rule_id": "rule-1", "new_terms_fields": ["host.name"], "from": "now-9m", "interval": "5m",
            "history_window_start": "now-7d"
        }));
        rule.extend(object(changes));
        let mut mappings = object(json!({
            "@timestamp": "date", "event.ingested": "date", "host.name": "keyword", "user.name": "keyword"
        }));
        mappings.extend(object(more));
        let mappings = Mappings::from_json(&mappings).expect("valid mappings");
        let runner = RuleRunner::new(&parsed(&rule), &mappings, Keep::Everything)?;
        Ok(Lab { runner, rule, documents: 0 })
    }

    /// Hands in a document: its `@timestamp` (empty: none) and its other fields. Its id is `d1`, `d2` and so on.
    pub(crate) fn doc(&mut self, time: &str, fields: Value) -> &mut Lab {
        self.late(time, "1970-01-01T00:00", fields)
    }

    /// A document that executions before `visible` do not find.
    pub(crate) fn late(&mut self, time: &str, visible: &str, fields: Value) -> &mut Lab {
        let id = format!("d{}", self.documents + 1);
        self.named("events", &id, time, visible, fields)
    }

    pub(crate) fn named(&mut self, index: &str, id: &str, time: &str, visible: &str, fields: Value) -> &mut Lab {
        self.documents += 1;
        let mut source = object(fields);
        if !time.is_empty() {
            source.insert("@timestamp".to_owned(), at(time).to_string().into());
        }
        let source = Value::from(source).to_string();
        let ingested = self.runner.ingest([Document {
            index: Some(index.into()),
            id: Some(id.into()),
            visible_from: Some(at(visible)),
            source: source.as_bytes(),
        }]);
        assert_eq!(ingested.rejected, []);
        self
    }

    /// A host was seen.
    pub(crate) fn host(&mut self, time: &str, name: &str) -> &mut Lab {
        self.doc(time, json!({"host.name": name}))
    }

    /// Changes parameters of the rule.
    pub(crate) fn change(&mut self, changes: Value) -> &mut Lab {
        self.rule.extend(object(changes));
        self.runner.change_rule(&parsed(&self.rule)).unwrap_or_else(|error| panic!("{error}"));
        self
    }

    /// The alerts that a scheduled execution creates: `terms document`, as in `web-1 d1`.
    pub(crate) fn run(&mut self, time: &str) -> Vec<String> {
        let report = self.report(time);
        self.created(&report)
    }

    pub(crate) fn run_by_hand(&mut self, time: &str) -> Vec<String> {
        let report = self.runner.execute(at(time), ExecutionKind::Manual).unwrap_or_else(|error| panic!("{error}"));
        self.created(&report)
    }

    pub(crate) fn report(&mut self, time: &str) -> ExecutionReport {
        self.try_run(time).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn try_run(&mut self, time: &str) -> Result<ExecutionReport, EngineError> {
        self.runner.execute(at(time), ExecutionKind::Scheduled)
    }

    pub(crate) fn created(&self, report: &ExecutionReport) -> Vec<String> {
        self.runner.alerts()[report.created.clone()]
            .iter()
            .map(|alert| {
                let terms: Vec<String> = alert.new_terms().iter().map(|term| term.to_text().to_string()).collect();
                format!("{} {}", terms.join(","), alert.document.id)
            })
            .collect()
    }
}

/// Codes of all warnings of an execution.
pub(crate) fn warnings(report: &ExecutionReport) -> Vec<&'static str> {
    report.warnings.iter().chain(report.windows.iter().flat_map(|window| &window.warnings)).map(Warning::code).collect()
}

pub(crate) const NONE: [&str; 0] = [];

fn object(json: Value) -> Map<String, Value> {
    json.as_object().expect("an object").clone()
}

fn parsed(rule: &Map<String, Value>) -> Rule {
    Rule::from_api_json(rule).expect("a readable rule")
}
