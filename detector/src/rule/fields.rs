//! Typed reading of the fields of one JSON object, with errors that name the field and what was expected.

use serde_json::{Map, Value as Json};

use super::error::{FieldError, did_you_mean, nearest};
use super::spans::join;

/// The fields of an object. Null is absent.
pub(super) struct Fields<'a> {
    pub(super) object: &'a Map<String, Json>,
    path: String,
}

impl<'a> Fields<'a> {
    /// The fields of an object that stands at a dotted path (empty: the rule itself).
    pub(super) fn new(object: &'a Map<String, Json>, path: &str) -> Fields<'a> {
        Fields { object, path: path.to_owned() }
    }

    pub(super) fn required<T>(&self, value: Option<T>, name: &str) -> Result<T, FieldError> {
        value.ok_or_else(|| {
            let similar = nearest(name, self.object.keys().map(String::as_str).filter(|key| *key != name));
            let hint = similar.map_or_else(String::new, |key| format!("; there is '{key}', was that meant?"));
            FieldError::new(join(&self.path, name), format!("is missing{hint}"))
        })
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, FieldError> {
        match self.value(name) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(other) => Err(FieldError::expected(join(&self.path, name), "text", other)),
        }
    }

    pub(super) fn owned(&self, name: &str, default: &str) -> Result<String, FieldError> {
        Ok(self.text(name)?.unwrap_or(default).to_owned())
    }

    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, FieldError> {
        let path = join(&self.path, name);
        let items = match self.value(name) {
            None => return Ok(None),
            Some(Json::Array(items)) => items,
            Some(other) => return Err(FieldError::expected(path, "a list of texts", other)),
        };
        let text = |(number, item): (usize, &Json)| match item {
            Json::String(text) => Ok(text.clone()),
            other => Err(FieldError::expected(join(&path, &number.to_string()), "text", other)),
        };
        items.iter().enumerate().map(text).collect::<Result<_, _>>().map(Some)
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, FieldError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        match value.as_i64() {
            Some(number) => Ok(Some(number)),
            None => Err(FieldError::expected(join(&self.path, name), "a whole number", value)),
        }
    }

    /// A number that counts something.
    pub(super) fn count(&self, name: &str) -> Result<Option<u64>, FieldError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        match value.as_u64() {
            Some(number) => Ok(Some(number)),
            None => Err(FieldError::expected(join(&self.path, name), "a whole number of at least 0", value)),
        }
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, FieldError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        match value.as_f64() {
            Some(number) => Ok(Some(number)),
            None => Err(FieldError::expected(join(&self.path, name), "a number", value)),
        }
    }

    pub(super) fn truth(&self, name: &str) -> Result<Option<bool>, FieldError> {
        match self.value(name) {
            None => Ok(None),
            Some(Json::Bool(truth)) => Ok(Some(*truth)),
            Some(other) => Err(FieldError::expected(join(&self.path, name), "true or false", other)),
        }
    }

    pub(super) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<Option<T>, FieldError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let names = choices.iter().map(|(name, _)| *name);
        match choices.iter().find(|(name, _)| *name == text) {
            Some((_, value)) => Ok(Some(*value)),
            None => {
                let all: Vec<&str> = names.clone().collect();
                let message =
                    format!("expected one of {}, got \"{text}\"{}", all.join(", "), did_you_mean(text, names));
                Err(FieldError::new(join(&self.path, name), message))
            }
        }
    }

    pub(super) fn table(&self, name: &str) -> Result<Option<Fields<'a>>, FieldError> {
        let path = join(&self.path, name);
        match self.value(name) {
            None => Ok(None),
            Some(Json::Object(object)) => Ok(Some(Fields { object, path })),
            Some(other) => Err(FieldError::expected(path, "a table", other)),
        }
    }

    fn value(&self, name: &str) -> Option<&'a Json> {
        self.object.get(name).filter(|value| !value.is_null())
    }
}
