//! Alert ids: `alert_ids.json`, vectors of an identity, the text that is hashed and the id.

use std::path::Path;

use firstseen_detector::engine::{AlertIdentity, TermValue};
use serde::Deserialize;
use serde_json::Value;

use crate::CaseResult;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    #[expect(dead_code, reason = "for people: where the vector comes from")]
    source: String,
    input: Input,
    hashed_text: String,
    alert_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    index: String,
    document_id: String,
    version: String,
    space: String,
    rule_id: String,
    new_terms: Vec<Value>,
}

pub(crate) fn run(folder: &Path) -> Vec<CaseResult> {
    let path = folder.join("alert_ids.json");
    if !path.exists() {
        return Vec::new();
    }
    let read = std::fs::read(&path).map_err(|error| error.to_string());
    match read.and_then(|bytes| serde_json::from_slice::<File>(&bytes).map_err(|error| error.to_string())) {
        Err(error) => vec![CaseResult::new(path.display().to_string(), Err(error))],
        Ok(file) => file.vectors.iter().map(|vector| CaseResult::new(&vector.name, check(vector))).collect(),
    }
}

fn check(vector: &Vector) -> Result<(), String> {
    let Input { index, document_id, version, space, rule_id, new_terms } = &vector.input;
    let terms: Option<Vec<TermValue>> = new_terms.iter().map(TermValue::from_json).collect();
    let terms = terms.ok_or("a term is no scalar")?;
    let identity = AlertIdentity { index, document_id, version, space, rule: rule_id, new_terms: &terms };
    let (text, id) = (identity.hashed_text(), identity.id());
    if text != vector.hashed_text {
        return Err(format!("hashed text: expected {}, got {text}", vector.hashed_text));
    }
    if id != vector.alert_id {
        return Err(format!("id: expected {}, got {id}", vector.alert_id));
    }
    Ok(())
}
