//! Puts a real document onto the virtual timeline.
//!
//! Instants and `_id` are replaced; everything that a rule could tell programs apart by stays as it was seen.

use firstseen_detector::ecs::{EcsDocument, Value};
use firstseen_detector::time::Millis;

/// Where and when a document belongs in a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// `_id`, unique in the scenario and the same in every run.
    pub id: String,
    /// Virtual instant of the event.
    pub time: Millis,
    /// Virtual instant of `event.ingested`; none where the shipper's documents have no such field.
    pub ingested: Option<Millis>,
}

impl Placement {
    /// Rewrites instants and `_id` of a document.
    pub fn apply(&self, document: &mut EcsDocument) {
        document.id = self.id.as_str().into();
        let fields = &mut document.fields;
        let shown: Vec<String> =
            fields.iter().filter(|(name, value)| is_instant(name, value)).map(|(name, _)| name.to_owned()).collect();
        for name in shown {
            fields.set(&name, self.time.to_string());
        }
        fields.set("@timestamp", self.time.to_string());
        if let Some(ingested) = self.ingested {
            fields.set("event.ingested", ingested.to_string());
        }
    }
}

/// Real instants of the event and of its processes: `event.created`, `process.start`, `process.parent.start`, ...
fn is_instant(name: &str, value: &Value) -> bool {
    let named = name == "event.created" || name == "event.start" || name == "event.end" || name == "process.start";
    let process = name.starts_with("process.") && name.ends_with(".start");
    (named || process) && matches!(value, Value::Text(_))
}

#[cfg(test)]
mod tests {
    use firstseen_detector::ecs::Fields;

    use super::*;

    #[test]
    fn instants_and_id_are_replaced_and_nothing_else() {
        let before = serde_json::json!({
            "@timestamp": "2026-11-22T08:22:44.503Z",
            "event": {"created": "2026-11-22T08:22:44.503Z", "action": "exec"},
            "process": {"start": "2026-11-22T08:22:44.500Z", "parent": {"start": "2026-11-22T08:00:00.000Z"}, "pid": 7},
        });
        let fields = Fields::from_json(before.as_object().expect("an object"));
        let mut document = EcsDocument { index: "i".into(), id: "real".into(), fields };
        let time: Millis = "2026-01-05T00:03:00.001Z".parse().expect("valid");
        Placement { id: "s-2-1-1".to_owned(), time, ingested: Some(time + 2000) }.apply(&mut document);
        let now = "2026-01-05T00:03:00.001Z";
        let after = serde_json::json!({
            "@timestamp": now,
            "event": {"created": now, "action": "exec", "ingested": "2026-01-05T00:03:02.001Z"},
            "process": {"start": now, "parent": {"start": now}, "pid": 7},
        });
        assert_eq!(serde_json::to_value(&document.fields).expect("serialisable"), after);
        assert_eq!(document.id, "s-2-1-1");
    }
}
