//! Puts a real document onto the virtual timeline and onto the actor's virtual host.
//!
//! Instants, host and `_id` are replaced; everything that a rule could tell programs apart by stays as it was seen.

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
    /// The machine.
    pub host: VirtualHost,
}

/// A machine of a scenario: its name, and an id that is made from the name alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VirtualHost {
    /// `host.name`
    pub name: String,
    /// `host.id`: 32 hexadecimal digits, as /etc/machine-id has them.
    pub id: String,
}

impl VirtualHost {
    /// The host of that name; the same name is the same host in every run and on every machine.
    #[must_use]
    pub fn new(name: &str) -> VirtualHost {
        let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_DNS, name.as_bytes());
        VirtualHost { name: name.to_owned(), id: id.simple().to_string() }
    }
}

impl Placement {
    /// Rewrites instants, host and `_id` of a document.
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
        fields.set("host.id", self.host.id.as_str());
        fields.set("host.name", self.host.name.as_str());
        if fields.get("host.hostname").is_some() {
            fields.set("host.hostname", self.host.name.as_str());
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
    fn instants_host_and_id_are_replaced_and_nothing_else() {
        let before = serde_json::json!({
            "@timestamp": "2026-11-22T08:22:44.503Z",
            "event": {"created": "2026-11-22T08:22:44.503Z", "action": "exec"},
            "process": {"start": "2026-11-22T08:22:44.500Z", "parent": {"start": "2026-11-22T08:00:00.000Z"}, "pid": 7},
            "host": {"id": "real", "name": "real", "os": {"type": "linux"}},
        });
        let fields = Fields::from_json(before.as_object().expect("an object"));
        let mut document = EcsDocument { index: "i".into(), id: "real".into(), fields };
        let host = VirtualHost::new("web-1");
        let time: Millis = "2026-01-05T00:03:00.001Z".parse().expect("valid");
        Placement { id: "s-2-1-1".to_owned(), time, ingested: Some(time + 2000), host: host.clone() }
            .apply(&mut document);
        let now = "2026-01-05T00:03:00.001Z";
        let after = serde_json::json!({
            "@timestamp": now,
            "event": {"created": now, "action": "exec", "ingested": "2026-01-05T00:03:02.001Z"},
            "process": {"start": now, "parent": {"start": now}, "pid": 7},
            "host": {"id": host.id, "name": "web-1", "os": {"type": "linux"}},
        });
        assert_eq!(serde_json::to_value(&document.fields).expect("serialisable"), after);
        assert_eq!(document.id, "s-2-1-1");
    }

    #[test]
    fn a_host_is_its_name() {
        assert_eq!(VirtualHost::new("web-1"), VirtualHost::new("web-1"));
        assert_ne!(VirtualHost::new("web-1").id, VirtualHost::new("web-2").id);
        assert_eq!(VirtualHost::new("web-1").id.len(), 32);
    }
}
