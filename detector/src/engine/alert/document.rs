//! The document that an alerts index would hold.
//!
//! Names and contents are those of Kibana's alerts (`factories/utils/build_alert.ts`, the field maps of
//! `@kbn/rule-data-utils`). `kibana.alert.url` is absent, as it is where no public address is configured.

use serde_json::{Map, Value as Json, json};

use super::reason::reason;
use super::{Alert, AlertIdentity, AlertKind, GroupTerm, TermValue, ThresholdResult, id, overrides, source};
use crate::ecs::Mappings;
use crate::rule::{Rule, RuleKind};

/// Builds the document of an alert from its rule and its event. Names with dots are literal keys; fields of the event keep
/// their nesting.
///
/// `event` is the `_source` of the document; for a threshold alert, [`ThresholdResult::event`]. `mappings` are those of
/// its index: values that contradict them are left out.
#[must_use]
pub fn alert_document(alert: &Alert, rule: &Rule, event: &Map<String, Json>, mappings: &Mappings) -> Map<String, Json> {
    let mut document = alert_part(alert, rule, event, mappings);
    document.extend(rule_part(rule, &overrides::name(rule, event)));
    document
}

/// Writes alert documents as JSON. What they have in common, which is most of each, is rendered once.
#[derive(Clone, Debug)]
pub struct AlertWriter {
    /// The members that come from the rule, with a comma before each.
    rule_part: Vec<u8>,
}

impl AlertWriter {
    /// A writer for the alerts of a rule.
    #[must_use]
    pub fn new(rule: &Rule) -> AlertWriter {
        AlertWriter { rule_part: members(&rule_part(rule, &rule.name)) }
    }

    /// Appends the document that [`alert_document`] builds, its members in another order.
    pub fn write(&self, alert: &Alert, rule: &Rule, event: &Map<String, Json>, mappings: &Mappings, out: &mut Vec<u8>) {
        let own = members(&alert_part(alert, rule, event, mappings));
        let name = overrides::name(rule, event);
        out.push(b'{');
        out.extend_from_slice(own.get(1..).unwrap_or_default());
        if name == rule.name {
            out.extend_from_slice(&self.rule_part);
        } else {
            out.extend_from_slice(&members(&rule_part(rule, &name)));
        }
        out.push(b'}');
    }
}

/// The members of an object as JSON, with a comma before each.
fn members(object: &Map<String, Json>) -> Vec<u8> {
    // A tree of JSON values with text keys always serialises.
    let mut json = serde_json::to_vec(object).unwrap_or_default();
    json.pop();
    if let Some(first) = json.first_mut() {
        *first = b',';
    }
    if object.is_empty() { Vec::new() } else { json }
}

/// Everything that an alert does not share with the other alerts of its rule.
fn alert_part(alert: &Alert, rule: &Rule, event: &Map<String, Json>, mappings: &Mappings) -> Map<String, Json> {
    let mut document = source::kept(event, mappings);
    let severity = overrides::severity(rule, event);
    let name = overrides::name(rule, event);
    let ancestors = ancestors(alert, event);
    let depth = ancestors.iter().filter_map(|ancestor| ancestor["depth"].as_u64()).max().unwrap_or(0) + 1;
    let mut set = |name: &str, value: Json| {
        document.insert(name.to_owned(), value);
    };
    let created = Json::from(alert.created.to_string());

    set("@timestamp", created.clone());
    set("event.kind", json!("signal"));
    set("kibana.space_ids", json!([AlertIdentity::SPACE]));
    set("kibana.version", json!(env!("CARGO_PKG_VERSION")));
    set("kibana.alert.uuid", json!(alert.id));
    set("kibana.alert.start", created.clone());
    set("kibana.alert.last_detected", json!(alert.last_detected));
    set("kibana.alert.intended_timestamp", created);
    set("kibana.alert.status", json!("active"));
    set("kibana.alert.workflow_status", json!(alert.status.name()));
    set("kibana.alert.workflow_tags", json!([]));
    set("kibana.alert.workflow_assignee_ids", json!([]));
    set("kibana.alert.reason", json!(reason(event, severity, &name)));
    set("kibana.alert.severity", json!(severity));
    set("kibana.alert.risk_score", overrides::risk_score(rule, event));
    set("kibana.alert.ancestors", json!(ancestors));
    set("kibana.alert.depth", json!(depth));
    if let Some(time) = alert.original_time {
        set("kibana.alert.original_time", json!(time));
    }
    for (root, own) in [("event", "kibana.alert.original_event"), ("data_stream", "kibana.alert.original_data_stream")]
    {
        for (field, value) in source::leaves_below(event, root) {
            set(&format!("{own}.{field}"), value);
        }
    }
    if let Some(kind) = rule.other.get("building_block_type") {
        set("kibana.alert.building_block_type", kind.clone());
    }
    match &alert.kind {
        AlertKind::NewTerms(terms) => set("kibana.alert.new_terms", json!(terms)),
        AlertKind::Query => {}
        AlertKind::Threshold(result) => {
            for (name, value) in result.fields() {
                set(&format!("kibana.alert.threshold_result.{name}"), value);
            }
        }
    }
    if let Some(suppression) = &alert.suppression {
        set("kibana.alert.instance.id", json!(id::group_id(rule.object_id(), &suppression.terms)));
        set("kibana.alert.suppression.terms", shown(&suppression.terms));
        set("kibana.alert.suppression.start", json!(suppression.start));
        set("kibana.alert.suppression.end", json!(suppression.end));
        set("kibana.alert.suppression.docs_count", json!(suppression.docs_count));
    }
    set("kibana.alert.rule.execution.uuid", json!(alert.execution.uuid.to_string()));
    set("kibana.alert.rule.execution.timestamp", json!(alert.execution.started_at));
    set("kibana.alert.rule.execution.type", json!(alert.execution.kind.name()));
    document
}

impl ThresholdResult {
    /// The synthetic event that a threshold alert is made of: its time, its key, and `threshold_result`.
    #[must_use]
    pub fn event(&self) -> Map<String, Json> {
        let mut event = Map::new();
        event.insert("@timestamp".to_owned(), json!(self.to));
        for GroupTerm { field, values } in &self.terms {
            if let Some([value]) = values.as_deref() {
                event.insert(field.to_string(), value.to_json());
            }
        }
        event.insert("threshold_result".to_owned(), Json::Object(self.fields()));
        event
    }

    fn fields(&self) -> Map<String, Json> {
        let one = |term: &GroupTerm| {
            let value = term.values.as_ref().and_then(|values| values.first()).map(TermValue::to_json);
            json!({"field": term.field, "value": value})
        };
        let cardinality: Vec<Json> =
            self.cardinality.iter().map(|count| json!({"field": count.field, "value": count.value})).collect();
        let mut fields = Map::new();
        fields.insert("terms".to_owned(), Json::Array(self.terms.iter().map(one).collect()));
        fields.insert("count".to_owned(), json!(self.count));
        fields.insert("cardinality".to_owned(), Json::Array(cardinality));
        fields.insert("from".to_owned(), json!(self.from));
        fields
    }
}

/// What the event descends from, and the event itself as the last one.
fn ancestors(alert: &Alert, event: &Map<String, Json>) -> Vec<Json> {
    let mut ancestors = match source::find(event, "kibana.alert.ancestors") {
        Some(Json::Array(known)) => known.clone(),
        _ => Vec::new(),
    };
    let (id, index) = (&alert.document.id, &alert.document.index);
    ancestors.push(match source::find(event, "kibana.alert.rule.uuid") {
        Some(rule) => {
            let depth = source::find(event, "kibana.alert.depth").and_then(Json::as_u64).unwrap_or(1);
            json!({"id": id, "index": index, "type": "signal", "depth": depth, "rule": rule})
        }
        None => json!({"id": id, "index": index, "type": "event", "depth": 0}),
    });
    ancestors
}

/// `[{field, value}]`; a missing value is null, several stay a list.
fn shown(terms: &[GroupTerm]) -> Json {
    terms.iter().map(|term| json!({"field": term.field, "value": term.values})).collect()
}

/// Everything below `kibana.alert.rule.` but the execution.
fn rule_part(rule: &Rule, name: &str) -> Map<String, Json> {
    /// Copied when the rule has them.
    const COPIED: [&str; 9] = [
        "license",
        "note",
        "rule_name_override",
        "created_at",
        "created_by",
        "updated_at",
        "updated_by",
        "building_block_type",
        "timestamp_override",
    ];
    /// Copied, and an empty list otherwise.
    const LISTS: [&str; 9] = [
        "tags",
        "author",
        "references",
        "false_positives",
        "threat",
        "severity_mapping",
        "risk_score_mapping",
        "exceptions_list",
        "actions",
    ];
    /// Parameters of the scheduler and of the object, not of the rule type.
    const NOT_PARAMETERS: [&str; 16] = [
        "id",
        "name",
        "tags",
        "interval",
        "enabled",
        "actions",
        "throttle",
        "created_at",
        "created_by",
        "updated_at",
        "updated_by",
        "revision",
        "execution_summary",
        "outcome",
        "alias_target_id",
        "alias_purpose",
    ];
    let (category, type_id) = match rule.kind {
        RuleKind::NewTerms(_) => ("New Terms Rule", "siem.newTermsRule"),
        RuleKind::Query(_) => ("Custom Query Rule", "siem.queryRule"),
        RuleKind::Threshold(_) => ("Threshold Rule", "siem.thresholdRule"),
        RuleKind::Unsupported(_) => ("", ""),
    };
    let mut parameters = rule.to_api_json();
    let own = |key: &str, default: Json| rule.other.get(key).cloned().unwrap_or(default);
    let mut fields = Map::new();
    let mut set = |name: &str, value: Json| {
        fields.insert(format!("kibana.alert.rule.{name}"), value);
    };
    set("uuid", json!(rule.object_id()));
    set("rule_id", json!(rule.rule_id));
    set("name", json!(name));
    set("type", json!(rule.kind.name()));
    set("description", json!(rule.description));
    set("version", own("version", json!(1)));
    set("category", json!(category));
    set("rule_type_id", json!(type_id));
    set("consumer", json!("siem"));
    set("producer", json!("siem"));
    set("immutable", own("immutable", json!(false)));
    set("enabled", own("enabled", json!(true)));
    set("revision", own("revision", json!(0)));
    set("indices", json!(rule.index));
    for key in ["from", "to", "interval", "max_signals", "severity", "risk_score"] {
        set(key, parameters.get(key).cloned().unwrap_or_default());
    }
    for key in COPIED {
        if let Some(value) = parameters.get(key) {
            set(key, value.clone());
        }
    }
    for key in LISTS {
        set(key, own(key, json!([])));
    }
    parameters.retain(|key, _| !NOT_PARAMETERS.contains(&key.as_str()));
    set("parameters", Json::Object(parameters));
    fields
}

#[cfg(test)]
mod tests {
    use compact_str::CompactString;

    use super::*;
    use crate::engine::{AlertStatus, DocumentRef, Execution, ExecutionKind, Suppression, TermCount};
    use crate::time::Millis;

    const NOON: Millis = Millis(1_700_000_000_000);

    fn rule(extra: Json) -> Rule {
        let mut json = json!({
            "type": "new_terms", "rule_id": "r-1", "name": "N", "query": "*", "new_terms_fields": ["host.id"],
            "history_window_start": "now-7d", "severity": "medium", "risk_score": 47, "index": ["events"], "tags": ["t"],
            "timestamp_override": "event.ingested",
        });
        json.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        Rule::from_api_json(json.as_object().expect("an object")).expect("valid")
    }

    fn alert() -> Alert {
        Alert {
            id: "a1".to_owned(),
            kind: AlertKind::NewTerms(vec![TermValue::from("h"), TermValue::Integer(7)]),
            execution: Execution::new("r-1", 3, NOON, ExecutionKind::Scheduled),
            document: DocumentRef { index: "events".into(), id: "d1".into() },
            created: NOON,
            last_detected: NOON + 1,
            original_time: Some(NOON - 1),
            suppression: None,
            status: AlertStatus::Open,
        }
    }

    fn document(alert: &Alert, rule: &Rule, event: Json) -> Map<String, Json> {
        alert_document(alert, rule, event.as_object().expect("an object"), &Mappings::new())
    }

    #[test]
    fn what_is_written_is_the_document() {
        let event = json!({"host": {"name": "H"}, "event": {"category": "process"}});
        for extra in [json!({}), json!({"rule_name_override": "host.name"})] {
            let rule = rule(extra);
            let mut written = Vec::new();
            let members = event.as_object().expect("an object");
            AlertWriter::new(&rule).write(&alert(), &rule, members, &Mappings::new(), &mut written);
            let read: Json = serde_json::from_slice(&written).expect("JSON");
            assert_eq!(read, Json::Object(document(&alert(), &rule, event.clone())));
        }
    }

    #[test]
    fn an_alert_of_a_new_terms_rule_carries_its_terms_and_its_event() {
        let event = json!({
            "@timestamp": "2023-11-14T22:13:19.999Z", "host": {"id": "h", "name": "H"},
            "event": {"kind": "event", "category": ["process"], "severity": 3, "ingested": "2023-11-14T22:13:20.000Z"},
            "data_stream": {"dataset": "d", "namespace": "default", "type": "logs"},
        });
        let got = document(&alert(), &rule(json!({"version": 7})), event);
        for (name, value) in [
            ("@timestamp", json!("2023-11-14T22:13:20.000Z")),
            ("event.kind", json!("signal")),
            ("event", json!({"category": ["process"], "severity": 3, "ingested": "2023-11-14T22:13:20.000Z"})),
            ("host", json!({"id": "h", "name": "H"})),
            ("kibana.alert.uuid", json!("a1")),
            ("kibana.alert.start", json!("2023-11-14T22:13:20.000Z")),
            ("kibana.alert.last_detected", json!("2023-11-14T22:13:20.001Z")),
            ("kibana.alert.original_time", json!("2023-11-14T22:13:19.999Z")),
            ("kibana.alert.new_terms", json!(["h", 7])),
            ("kibana.alert.original_event.kind", json!("event")),
            ("kibana.alert.original_event.category", json!(["process"])),
            ("kibana.alert.original_event.severity", json!(3)),
            ("kibana.alert.original_data_stream.dataset", json!("d")),
            ("kibana.alert.ancestors", json!([{"id": "d1", "index": "events", "type": "event", "depth": 0}])),
            ("kibana.alert.depth", json!(1)),
            ("kibana.alert.status", json!("active")),
            ("kibana.alert.workflow_status", json!("open")),
            ("kibana.alert.reason", json!("process event on H created medium alert N.")),
            ("kibana.alert.severity", json!("medium")),
            ("kibana.alert.risk_score", json!(47)),
            ("kibana.alert.rule.uuid", json!("r-1")),
            ("kibana.alert.rule.category", json!("New Terms Rule")),
            ("kibana.alert.rule.rule_type_id", json!("siem.newTermsRule")),
            ("kibana.alert.rule.execution.type", json!("scheduled")),
            ("kibana.alert.rule.execution.timestamp", json!("2023-11-14T22:13:20.000Z")),
            ("kibana.alert.rule.version", json!(7)),
            ("kibana.alert.rule.indices", json!(["events"])),
            ("kibana.alert.rule.threat", json!([])),
            ("kibana.alert.rule.timestamp_override", json!("event.ingested")),
            ("kibana.space_ids", json!(["default"])),
        ] {
            assert_eq!(got.get(name), Some(&value), "{name}");
        }
        let parameters = &got["kibana.alert.rule.parameters"];
        assert_eq!(parameters["new_terms_fields"], json!(["host.id"]));
        assert_eq!(parameters["history_window_start"], json!("now-7d"));
        assert_eq!(parameters.get("tags"), None);
    }

    #[test]
    fn what_does_not_apply_is_absent() {
        let got = document(&Alert { original_time: None, ..alert() }, &rule(json!({})), json!({}));
        for name in [
            "kibana.alert.original_time",
            "kibana.alert.suppression.terms",
            "kibana.alert.instance.id",
            "kibana.alert.building_block_type",
            "kibana.alert.threshold_result.count",
            "kibana.alert.rule.license",
        ] {
            assert_eq!(got.get(name), None, "{name}");
        }
        assert!(!got.keys().any(|name| name.starts_with("kibana.alert.original_event")));
    }

    #[test]
    fn an_alert_names_its_rule_its_execution_and_that_nobody_looked_at_it() {
        let own = json!({
            "id": "object", "building_block_type": "default", "license": "L", "author": ["A"], "revision": 2, "from": "now-9m",
            "severity_mapping": [], "risk_score_mapping": [],
        });
        let execution = Execution::new("object", 3, NOON, ExecutionKind::Manual);
        let alert = Alert { execution, status: AlertStatus::Closed, ..alert() };
        let got = document(&alert, &rule(own), json!({}));
        for (name, value) in [
            ("kibana.alert.workflow_status", json!("closed")),
            ("kibana.alert.workflow_tags", json!([])),
            ("kibana.alert.workflow_assignee_ids", json!([])),
            ("kibana.alert.building_block_type", json!("default")),
            ("kibana.alert.intended_timestamp", json!("2023-11-14T22:13:20.000Z")),
            ("kibana.alert.rule.uuid", json!("object")),
            ("kibana.alert.rule.rule_id", json!("r-1")),
            ("kibana.alert.rule.name", json!("N")),
            ("kibana.alert.rule.type", json!("new_terms")),
            ("kibana.alert.rule.consumer", json!("siem")),
            ("kibana.alert.rule.producer", json!("siem")),
            ("kibana.alert.rule.license", json!("L")),
            ("kibana.alert.rule.author", json!(["A"])),
            ("kibana.alert.rule.tags", json!(["t"])),
            ("kibana.alert.rule.revision", json!(2)),
            ("kibana.alert.rule.enabled", json!(true)),
            ("kibana.alert.rule.from", json!("now-9m")),
            ("kibana.alert.rule.max_signals", json!(100)),
            ("kibana.alert.rule.execution.type", json!("manual")),
            ("kibana.alert.rule.execution.uuid", json!(execution.uuid.to_string())),
        ] {
            assert_eq!(got.get(name), Some(&value), "{name}");
        }
        assert_eq!(got["kibana.alert.rule.parameters"]["risk_score"], json!(47));
        assert_eq!(got.get("kibana.alert.url"), None, "no public address is configured");
    }

    #[test]
    fn suppression_is_shown_with_missing_values_as_null() {
        let group = |field: &str, values| GroupTerm { field: CompactString::new(field), values };
        let suppression = Suppression {
            terms: vec![group("host.name", Some(vec![TermValue::from("H")])), group("user.name", None)],
            start: NOON - 5,
            end: NOON,
            docs_count: 4,
        };
        let got = document(&Alert { suppression: Some(suppression), ..alert() }, &rule(json!({})), json!({}));
        assert_eq!(
            got["kibana.alert.suppression.terms"],
            json!([{"field": "host.name", "value": ["H"]}, {"field": "user.name", "value": null}])
        );
        assert_eq!(got["kibana.alert.suppression.docs_count"], json!(4));
        assert_eq!(got["kibana.alert.suppression.start"], json!("2023-11-14T22:13:19.995Z"));
        assert_eq!(got["kibana.alert.instance.id"].as_str().map(str::len), Some(40));
    }

    #[test]
    fn an_alert_on_an_alert_descends_from_it() {
        let event = json!({
            "kibana.alert.rule.uuid": "r-0", "kibana.alert.depth": 1,
            "kibana.alert.ancestors": [{"id": "d0", "index": "e", "type": "event", "depth": 0}],
        });
        let got = document(&alert(), &rule(json!({})), event);
        assert_eq!(
            got["kibana.alert.ancestors"],
            json!([
                {"id": "d0", "index": "e", "type": "event", "depth": 0},
                {"id": "d1", "index": "events", "type": "signal", "depth": 1, "rule": "r-0"},
            ])
        );
        assert_eq!((&got["kibana.alert.depth"], &got["kibana.alert.rule.uuid"]), (&json!(2), &json!("r-1")));
    }

    #[test]
    fn a_threshold_alert_is_made_of_a_synthetic_event() {
        let result = ThresholdResult {
            terms: vec![GroupTerm { field: "host.id".into(), values: Some(vec![TermValue::from("h")]) }],
            count: 5,
            cardinality: Some(TermCount { field: "user.id".into(), value: 2 }),
            from: NOON - 9,
            to: NOON - 2,
        };
        let event = result.event();
        assert_eq!(event["@timestamp"], json!("2023-11-14T22:13:19.998Z"));
        let rule = rule(json!({"type": "threshold", "threshold": {"field": ["host.id"], "value": 5}}));
        let alert = Alert { kind: AlertKind::Threshold(result), original_time: Some(NOON - 2), ..alert() };
        let got = document(&alert, &rule, Json::Object(event));
        assert_eq!(got["host.id"], json!("h"));
        assert_eq!(got.get("threshold_result"), None);
        assert_eq!(got["kibana.alert.threshold_result.terms"], json!([{"field": "host.id", "value": "h"}]));
        assert_eq!(got["kibana.alert.threshold_result.count"], json!(5));
        assert_eq!(got["kibana.alert.threshold_result.cardinality"], json!([{"field": "user.id", "value": 2}]));
        assert_eq!(got["kibana.alert.threshold_result.from"], json!("2023-11-14T22:13:19.991Z"));
        assert_eq!(got["kibana.alert.rule.rule_type_id"], json!("siem.thresholdRule"));
    }
}
