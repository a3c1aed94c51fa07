//! A [`CoalescedEvent`] as JSON, with go-libaudit's names: for people who compare.

use serde_json::{Map, Value, json};

use super::coalesced::{Account, Address, CoalescedEvent, File};
use super::pairs::Pairs;

impl CoalescedEvent<'_> {
    /// The JSON that go-libaudit prints for the same event, before ids get their names.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let (summary, process, ecs) = (&self.summary, &self.process, &self.ecs);
        let list = |values: &[&[String]; 2]| values.concat().into_iter().map(Value::String).collect::<Value>();
        let mut event = object([
            ("@timestamp", json!(self.time)),
            ("sequence", json!(self.serial)),
            ("category", json!(self.category)),
            ("record_type", json!(self.record_type.to_string().to_ascii_lowercase())),
            ("session", json!(self.session)),
            (
                "summary",
                object([
                    ("actor", known([("primary", &*summary.actor_primary), ("secondary", &*summary.actor_secondary)])),
                    (
                        "object",
                        known([
                            ("type", summary.object_type),
                            ("primary", &summary.object_primary),
                            ("secondary", &summary.object_secondary),
                        ]),
                    ),
                ]),
            ),
            ("user", object(some([("ids", pairs(&self.ids)), ("selinux", pairs(&self.selinux))]))),
            (
                "ecs",
                json!({
                    "event": some([("category", list(&ecs.category)), ("type", list(&ecs.types))]).into_iter().collect::<Map<_, _>>(),
                    "user": {
                        "effective": account(ecs.effective.as_ref()),
                        "target": account(ecs.target.as_ref()),
                        "changes": {},
                    },
                    "group": account(ecs.group.as_ref()),
                }),
            ),
        ]);
        for (key, text) in [("action", summary.action), ("how", &*summary.how)] {
            if !text.is_empty() {
                event["summary"][key] = json!(text);
            }
        }
        if let Value::Object(user) = account(ecs.user.as_ref()) {
            user.into_iter().for_each(|(key, value)| event["ecs"]["user"][key] = value);
        }
        if !ecs.kind.is_empty() {
            event["ecs"]["event"]["kind"] = json!(ecs.kind);
        }
        if let Some(outcome) = ecs.outcome {
            event["ecs"]["event"]["outcome"] = json!(outcome);
        }
        event["process"] = known([
            ("pid", &*process.pid),
            ("ppid", &*process.ppid),
            ("title", &*process.title),
            ("name", &*process.name),
            ("exe", &*process.exe),
            ("cwd", &*process.cwd),
        ]);
        if !process.args.is_empty() {
            event["process"]["args"] = json!(process.args);
        }
        let rest = some([
            ("result", if self.result.is_empty() { Value::Null } else { json!(self.result) }),
            ("tags", json!(self.tags)),
            ("data", data(&self.data, &self.socket)),
            ("paths", self.paths.iter().map(pairs).collect()),
            ("source", self.source.as_ref().map_or(Value::Null, address)),
            ("destination", self.destination.as_ref().map_or(Value::Null, address)),
            ("network", self.direction.map_or(Value::Null, |direction| json!({ "direction": direction }))),
        ]);
        rest.into_iter().for_each(|(key, value)| event[key] = value);
        if let Some(described) = &self.file {
            event["file"] = file(described);
        }
        event
    }
}

fn object<K: Into<String>>(entries: impl IntoIterator<Item = (K, Value)>) -> Value {
    Value::Object(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// The entries that are not null and not empty.
fn some<const N: usize>(entries: [(&str, Value); N]) -> Vec<(String, Value)> {
    let is_some = |value: &Value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
        _ => true,
    };
    entries.into_iter().filter(|(_, value)| is_some(value)).map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The texts that are not empty.
fn known<const N: usize>(entries: [(&str, &str); N]) -> Value {
    entries.into_iter().filter(|(_, text)| !text.is_empty()).map(|(key, text)| (key.to_owned(), json!(text))).collect()
}

fn pairs(pairs: &Pairs<'_>) -> Value {
    pairs.iter().map(|(key, value)| (key.to_owned(), json!(value))).collect()
}

fn data(data: &Pairs<'_>, socket: &Pairs<'_>) -> Value {
    let socket = socket.iter().map(|(key, value)| (format!("socket_{key}"), json!(value)));
    data.iter().map(|(key, value)| (key.to_owned(), json!(value))).chain(socket).collect()
}

fn account(account: Option<&Account<'_>>) -> Value {
    match account {
        None => json!({}),
        Some(Account::Unset) => json!({ "id": "unset" }),
        Some(Account::Id(id)) => json!({ "id": id }),
        Some(Account::Name(name)) => json!({ "name": name }),
    }
}

fn file(file: &File<'_>) -> Value {
    let mut json = known([
        ("path", &*file.path),
        ("device", &*file.device),
        ("inode", &*file.inode),
        ("mode", file.mode.as_str()),
        ("uid", &*file.uid),
        ("gid", &*file.gid),
    ]);
    if !file.selinux.is_empty() {
        json["selinux"] = pairs(&file.selinux);
    }
    json
}

fn address(address: &Address<'_>) -> Value {
    known([("ip", &*address.ip), ("port", &*address.port), ("path", &*address.path)])
}
