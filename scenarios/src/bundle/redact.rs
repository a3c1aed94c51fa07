//! Takes the names of the machine and of its users out of a bundle.

use serde_json::Value as Json;

/// Which names are replaced by what, everywhere: in texts and in the hexadecimal digits of raw records.
///
/// Replacing is the same everywhere, so that what belonged together still does and a replay gives the same verdicts.
#[derive(Clone, Debug, Default)]
pub struct Redaction {
    names: Vec<(String, String)>,
}

impl Redaction {
    /// Nothing is replaced.
    #[must_use]
    pub fn none() -> Redaction {
        Redaction::default()
    }

    /// Host names become `host-1`, `host-2`, ..., user names `user-1`, ...; names shorter than three characters stay, and so
    /// does `root`: they say nothing about anybody, and stand inside other words.
    #[must_use]
    pub fn of<'a>(hosts: impl IntoIterator<Item = &'a str>, users: impl IntoIterator<Item = &'a str>) -> Redaction {
        let mut names = Vec::new();
        let mut add = |kind: &str, list: &mut dyn Iterator<Item = &'a str>| {
            for (number, name) in list.filter(|name| !Self::is_too_short(name) && *name != "root").enumerate() {
                names.push((name.to_owned(), format!("{kind}-{}", number + 1)));
            }
        };
        add("host", &mut hosts.into_iter());
        add("user", &mut users.into_iter());
        // The longest first: one name may begin another.
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        Redaction { names }
    }

    /// Whether a name is not replaced because it would be found inside too many words.
    #[must_use]
    pub fn is_too_short(name: &str) -> bool {
        name.len() < 3
    }

    /// The same without the names that stand in a text as words of their own: what a scenario or a rule says is no secret of
    /// this machine, and replacing it would change what is proven.
    pub(super) fn sparing(&self, texts: [&str; 2]) -> Redaction {
        let stands = |name: &str| texts.iter().any(|text| replace_words(text, name, "").is_some());
        Redaction { names: self.names.iter().filter(|(name, _)| !stands(name)).cloned().collect() }
    }

    /// Whether anything is replaced.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.names.is_empty()
    }

    pub(super) fn apply(&self, json: &mut Json) {
        match json {
            Json::String(text) => self.text(text),
            Json::Array(values) => values.iter_mut().for_each(|value| self.apply(value)),
            Json::Object(members) => members.values_mut().for_each(|value| self.apply(value)),
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }

    fn text(&self, text: &mut String) {
        for (name, instead) in &self.names {
            if let Some(replaced) = replace_words(text, name, instead) {
                *text = replaced;
            }
            let (name, instead) = (hex(name), hex(instead));
            if text.contains(&name) {
                *text = text.replace(&name, &instead);
            }
        }
    }
}

/// Replaces a name where it is no part of a longer word; none if it is not there.
fn replace_words(text: &str, name: &str, instead: &str) -> Option<String> {
    let is_word =
        |character: Option<char>| character.is_some_and(|character| character.is_alphanumeric() || character == '_');
    let mut replaced = String::new();
    let mut rest = 0;
    for (at, _) in text.match_indices(name) {
        let end = at + name.len();
        if !is_word(text[..at].chars().next_back()) && !is_word(text[end..].chars().next()) {
            replaced.push_str(&text[rest..at]);
            replaced.push_str(instead);
            rest = end;
        }
    }
    (rest > 0).then(|| replaced + &text[rest..])
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_scenario_says_itself_is_spared() {
        let redaction = Redaction::of([], ["alice", "carol"]).sparing(["executable = '/opt/alice'", "carols"]);
        let mut json = serde_json::json!("/home/alice /home/carol");
        redaction.apply(&mut json);
        assert_eq!(json, "/home/alice /home/user-2");
    }

    #[test]
    fn names_are_replaced_as_words_and_in_hexadecimal_digits() {
        let redaction = Redaction::of(["lab"], ["alice", "root", "bo"]);
        let mut json = serde_json::json!({
            "a": ["/home/alice/lab/x", "malice", "labour", "bo root"],
            "b": format!("proctitle={}", hex("/home/alice")),
        });
        redaction.apply(&mut json);
        assert_eq!(json["a"], serde_json::json!(["/home/user-1/host-1/x", "malice", "labour", "bo root"]));
        assert_eq!(json["b"], format!("proctitle={}", hex("/home/user-1")));
    }
}
