//! One value of a term as it is shown: its JSON kind is part of it (`"7"` is not `7`).

use std::cmp::Ordering;

use compact_str::CompactString;
use serde::{Serialize, Serializer};

/// A term value.
///
/// Dates are [`Integer`](TermValue::Integer)s (epoch milliseconds), addresses [`Text`](TermValue::Text)s in canonical
/// form: what an aggregation returns as key.
#[derive(Clone, Debug, PartialEq)]
pub enum TermValue {
    /// A JSON boolean.
    Bool(bool),
    /// A whole JSON number.
    Integer(i64),
    /// A JSON number with a fraction.
    Float(f64),
    /// A JSON string.
    Text(CompactString),
}

impl TermValue {
    /// Reads a JSON scalar; null, arrays and objects are no terms.
    #[must_use]
    pub fn from_json(value: &serde_json::Value) -> Option<TermValue> {
        match value {
            serde_json::Value::Bool(truth) => Some(TermValue::Bool(*truth)),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(integer) => Some(TermValue::Integer(integer)),
                None => number.as_f64().map(TermValue::Float),
            },
            serde_json::Value::String(text) => Some(TermValue::Text(CompactString::from(text.as_str()))),
            serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => None,
        }
    }

    /// The JSON scalar.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            TermValue::Bool(truth) => serde_json::Value::Bool(*truth),
            TermValue::Integer(number) => serde_json::Value::from(*number),
            TermValue::Float(number) => match whole(*number) {
                Some(integer) => serde_json::Value::from(integer),
                None => serde_json::Value::from(*number),
            },
            TermValue::Text(text) => serde_json::Value::from(text.as_str()),
        }
    }

    /// The text of the value without quotes: `7`, `true`, `/opt/acme/updater`.
    #[must_use]
    pub fn to_text(&self) -> CompactString {
        match self {
            TermValue::Bool(true) => CompactString::const_new("true"),
            TermValue::Bool(false) => CompactString::const_new("false"),
            #[expect(clippy::cast_precision_loss, reason = "JavaScript has no other number: the loss is upstream's")]
            TermValue::Integer(number) => js_number(*number as f64).into(),
            TermValue::Float(number) => js_number(*number).into(),
            TermValue::Text(text) => text.clone(),
        }
    }

    /// The order of values of one field as JavaScript's `<` has it (lodash `sortBy`): numbers by value, texts by UTF-16
    /// units, false before true.
    pub(in crate::engine) fn compare(&self, other: &TermValue) -> Ordering {
        match (self, other) {
            (TermValue::Integer(a), TermValue::Integer(b)) => a.cmp(b),
            (TermValue::Float(a), TermValue::Float(b)) => a.total_cmp(b),
            (a, b) => a.to_text().encode_utf16().cmp(b.to_text().encode_utf16()),
        }
    }
}

impl From<&str> for TermValue {
    fn from(text: &str) -> TermValue {
        TermValue::Text(CompactString::from(text))
    }
}

impl Serialize for TermValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

/// The integer that a float is, if it is one that JSON would show without a fraction.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

/// A number as JavaScript's `Number.prototype.toString` writes it (ECMA-262, Number::toString with radix 10): shortest
/// digits that read back, decimal notation from 1e-6 up to 1e21, exponents with a sign outside.
fn js_number(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned(); // also for -0
    }
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() };
    }
    if (1e-6..1e21).contains(&number.abs()) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    if text.contains("e-") { text } else { text.replacen('e', "e+", 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        for (number, text) in [
            (1.0, "1"),
            (-0.0, "0"),
            (1.5, "1.5"),
            (0.1, "0.1"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.25e22, "1.25e+22"),
            (0.000_001, "0.000001"),
            (0.000_000_1, "1e-7"),
            (-1.5e-9, "-1.5e-9"),
        ] {
            assert_eq!(js_number(number), text);
        }
        assert_eq!(TermValue::Integer(9_007_199_254_740_993).to_text(), "9007199254740992");
    }

    #[test]
    fn the_json_kind_survives() {
        for json in [serde_json::json!("7"), serde_json::json!(7), serde_json::json!(1.5), serde_json::json!(true)] {
            assert_eq!(TermValue::from_json(&json).expect("a scalar").to_json(), json);
        }
        assert_eq!(TermValue::from_json(&serde_json::json!(null)), None);
        assert_eq!(TermValue::from_json(&serde_json::json!(["a"])), None);
    }
}
