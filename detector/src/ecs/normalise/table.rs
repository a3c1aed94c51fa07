//! The normalisation table: what each system call and record type is called in a document.
//!
//! The facts are data (`normalisations.toml`); they are read once. Two entries for one name refuse to load.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use serde::Deserialize;

/// One entry, as the normaliser uses it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) action: String,
    pub(super) subject: Choice,
    pub(super) object: ObjectChoice,
    pub(super) how: Vec<String>,
    pub(super) source_ip: Vec<String>,
    pub(super) category: Vec<String>,
    pub(super) types: Vec<String>,
    /// `event.kind` as the table has it; documents do not follow it.
    pub(super) kind: String,
    pub(super) entities: Entities,
    when: Vec<String>,
}

/// Names of fields, of which the first that exists counts.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Choice {
    pub(super) primary: Vec<String>,
    pub(super) secondary: Vec<String>,
}

/// What was acted on.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ObjectChoice {
    /// `file`, `socket`, `process`, ...
    pub(super) what: String,
    /// Which path record to begin with.
    pub(super) path: usize,
    pub(super) primary: Vec<String>,
    pub(super) secondary: Vec<String>,
}

/// Where the accounts of a document are taken from.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Entities {
    pub(super) user: Option<Source>,
    pub(super) effective: Option<Source>,
    pub(super) target: Option<Source>,
    pub(super) group: Option<Source>,
}

/// A part of the event that names an account.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(super) enum Source {
    #[serde(rename = "subject.primary")]
    SubjectPrimary,
    #[serde(rename = "subject.secondary")]
    SubjectSecondary,
    #[serde(rename = "object.primary")]
    ObjectPrimary,
    #[serde(rename = "uid.uid")]
    Uid,
}

/// All entries by name.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: Vec<Entry>,
    syscalls: FxHashMap<String, usize>,
    records: FxHashMap<String, Vec<usize>>,
}

/// The table that is part of the program.
pub(super) static TABLE: LazyLock<Table> = LazyLock::new(|| {
    Table::parse(include_str!("normalisations.toml")).unwrap_or_else(|reason| panic!("normalisations.toml: {reason}"))
});

impl Table {
    /// The entry of a system call, or the one for all others.
    pub(super) fn syscall(&self, name: &str) -> Option<&Entry> {
        self.syscalls.get(name).or_else(|| self.syscalls.get("*")).map(|index| &self.entries[*index])
    }

    /// The entry of a record type whose `when` fields the event has; the last one if several fit.
    pub(super) fn record(&self, name: &str, has: impl Fn(&str) -> bool) -> Option<&Entry> {
        let entries = self.records.get(name)?.iter().map(|index| &self.entries[*index]);
        match self.records[name].as_slice() {
            [one] => Some(&self.entries[*one]),
            _ => entries.filter(|entry| entry.when.iter().all(|field| has(field))).last(),
        }
    }

    fn parse(text: &str) -> Result<Table, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut table = Table::default();
        for written in file.entry {
            let index = table.entries.len();
            for name in &written.syscalls {
                if table.syscalls.insert(name.clone(), index).is_some() {
                    return Err(format!("two entries for the system call '{name}'"));
                }
            }
            for name in &written.records {
                let others = table.records.entry(name.clone()).or_default();
                let ambiguous = |entry: &Entry| entry.when.is_empty();
                if !others.is_empty()
                    && (written.when.is_empty() || others.iter().any(|index| ambiguous(&table.entries[*index])))
                {
                    return Err(format!("two entries for the record type '{name}' without 'when'"));
                }
                others.push(index);
            }
            table.entries.push(written.entry(&file.templates)?);
        }
        Ok(table)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    templates: FxHashMap<String, Template>,
    entry: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Template {
    subject: Choice,
    object: ObjectChoice,
    how: Vec<String>,
}

/// An entry as the file has it.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    syscalls: Vec<String>,
    records: Vec<String>,
    when: Vec<String>,
    like: Option<String>,
    action: String,
    subject: Option<Choice>,
    object: Option<ObjectChoice>,
    how: Option<Vec<String>>,
    source_ip: Vec<String>,
    category: Vec<String>,
    #[serde(rename = "type")]
    types: Vec<String>,
    kind: String,
    entities: Entities,
}

impl Written {
    fn entry(self, templates: &FxHashMap<String, Template>) -> Result<Entry, String> {
        let template = match &self.like {
            None => None,
            Some(name) => Some(templates.get(name).ok_or_else(|| format!("no template '{name}'"))?),
        };
        Ok(Entry {
            action: self.action,
            subject: self.subject.or_else(|| template.map(|template| template.subject.clone())).unwrap_or_default(),
            object: self.object.or_else(|| template.map(|template| template.object.clone())).unwrap_or_default(),
            how: self.how.or_else(|| template.map(|template| template.how.clone())).unwrap_or_default(),
            source_ip: self.source_ip,
            category: self.category,
            types: self.types,
            kind: self.kind,
            entities: self.entities,
            when: self.when,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Abi, RecordType, syscall_number};

    const NO_TEMPLATES: &str = "[templates]\n";

    fn refused(entries: &str) -> String {
        Table::parse(&format!("{NO_TEMPLATES}{entries}")).expect_err("refused")
    }

    #[test]
    fn two_entries_for_one_system_call_refuse_to_load() {
        let reason = refused("[[entry]]\nsyscalls = [\"open\", \"read\"]\n[[entry]]\nsyscalls = [\"read\"]");
        assert_eq!(reason, "two entries for the system call 'read'");
    }

    #[test]
    fn two_entries_for_one_record_type_refuse_to_load_unless_fields_tell_them_apart() {
        let reason = refused("[[entry]]\nrecords = [\"AVC\"]\n[[entry]]\nrecords = [\"AVC\"]\nwhen = [\"a\"]");
        assert_eq!(reason, "two entries for the record type 'AVC' without 'when'");
        let apart = "[[entry]]\nrecords = [\"AVC\"]\nwhen = [\"a\"]\n[[entry]]\nrecords = [\"AVC\"]\nwhen = [\"b\"]";
        let table = Table::parse(&format!("{NO_TEMPLATES}{apart}")).expect("loads");
        assert!(std::ptr::eq(table.record("AVC", |field| field == "b").expect("found"), &raw const table.entries[1]));
        assert_eq!(table.record("AVC", |_| false), None);
    }

    #[test]
    fn unknown_keys_and_templates_refuse_to_load() {
        assert!(refused("[[entry]]\nsyscall = [\"open\"]").contains("unknown field"));
        assert_eq!(refused("[[entry]]\nlike = \"x\"\nsyscalls = [\"open\"]"), "no template 'x'");
    }

    #[test]
    fn mprotect_falls_to_the_entry_for_all_others() {
        let entry = TABLE.syscall("mprotect").expect("the entry for all others");
        assert_eq!((entry.action.as_str(), entry.category.as_slice()), ("", &["process".to_owned()][..]));
        assert_eq!(TABLE.syscall("execve").map(|entry| entry.action.as_str()), Some("executed"));
    }

    #[test]
    fn an_entry_that_is_like_another_replaces_what_it_says_itself() {
        let login = TABLE.record("USER_LOGIN", |_| true).expect("an entry");
        assert_eq!(
            (login.object.what.as_str(), login.how.as_slice()),
            ("user-session", &["exe".to_owned(), "terminal".to_owned()][..])
        );
        let role = TABLE.record("USER_ROLE_CHANGE", |_| true).expect("an entry");
        assert_eq!(role.object.primary, ["selected-context"]);
    }

    #[test]
    fn every_name_in_the_table_is_a_name() {
        let exists_elsewhere = ["*", "futimens", "seteuid", "setegid", "recv", "send"];
        for name in TABLE.syscalls.keys().filter(|name| !exists_elsewhere.contains(&name.as_str())) {
            assert!(Abi::ALL.into_iter().any(|abi| syscall_number(abi, name).is_some()), "{name}");
        }
        for name in TABLE.records.keys() {
            assert!(RecordType::from_name(name).is_some(), "{name}");
        }
    }
}
