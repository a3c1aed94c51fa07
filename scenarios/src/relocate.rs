//! Takes the run's own folder out of a document, so that paths read as they would inside a container.
//!
//! An act's files live below `ROOT`, a folder of this run; the scenario names them from there (`/opt/acme/updater`). Every
//! text of a document loses that prefix: executable, arguments, environment values, working directory, title, paths. Raw
//! records are never touched. What still points into the run's folder afterwards would be a term of its own in every run,
//! so it is an error.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use firstseen_detector::ecs::{EcsDocument, Fields, Value};
use firstseen_detector::exec::{ExecEvent, ParentProcess};

/// The kernel keeps this many bytes of a command line for its `PROCTITLE` records (`MAX_PROCTITLE_AUDIT_LEN`, kernel/audit.h).
const TITLE_BYTES: usize = 128;

/// Which folder is taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relocation {
    root: String,
    mark: String,
}

/// A document that points into the run's folder even after relocation.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("document {id} still names the run's folder in {field} = '{text}'; its terms would differ in every run")]
pub struct Leftover {
    id: String,
    field: String,
    text: String,
}

impl Relocation {
    /// `root` is the folder that stands for `/`, as the kernel spells it (no links, no `..`); `mark` is the name that no
    /// other run has, a part of that path.
    #[must_use]
    pub fn new(root: &Path, mark: &str) -> Relocation {
        Relocation { root: root.to_string_lossy().trim_end_matches('/').to_owned(), mark: mark.to_owned() }
    }

    /// The folder that stands for `/`.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The name that no other run has.
    #[must_use]
    pub fn mark(&self) -> &str {
        &self.mark
    }

    /// Relocates all texts of a document.
    ///
    /// # Errors
    /// The first field that still names the run's folder.
    pub fn apply(&self, document: &mut EcsDocument) -> Result<(), Leftover> {
        if let Some(title) = document.fields.text("process.title").and_then(|title| self.without_torn_root(title)) {
            document.fields.set("process.title", title);
        }
        self.fields(&mut document.fields);
        let leftover = |(field, text): (String, String)| Leftover { id: document.id.to_string(), field, text };
        self.find_mark("", &document.fields).map(leftover).map_or(Ok(()), Err)
    }

    /// An execution as the scenario means it: program, arguments, environment, working directory, and the same of the parent.
    #[must_use]
    pub fn exec(&self, exec: &ExecEvent) -> ExecEvent {
        let one = |text: &OsStr| OsString::from_vec(self.bytes(text.as_bytes()));
        let all = |texts: &[OsString]| texts.iter().map(|text| one(text)).collect();
        let parent = &exec.parent;
        ExecEvent {
            executable: one(exec.executable.as_os_str()).into(),
            argv: all(&exec.argv),
            env: all(&exec.env),
            cwd: one(exec.cwd.as_os_str()).into(),
            parent: ParentProcess {
                executable: parent.executable.as_ref().map(|path| one(path.as_os_str()).into()),
                argv: all(&parent.argv),
                ..*parent
            },
            ..exec.clone()
        }
    }

    fn fields(&self, fields: &mut Fields) {
        for (_, value) in fields.values_mut() {
            self.value(value);
        }
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::Text(text) if text.contains(&self.root) => *text = self.text(text).into(),
            Value::List(values) => values.iter_mut().for_each(|value| self.value(value)),
            Value::Object(fields) => self.fields(fields),
            Value::Text(_) | Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Number(_) => {}
        }
    }

    fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }

    /// Removes the root wherever it stands as whole path components; the bare root becomes `/`.
    fn bytes(&self, text: &[u8]) -> Vec<u8> {
        let root = self.root.as_bytes();
        let mut relocated = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.windows(root.len()).position(|window| window == root) {
            let (before, after) = (&rest[..at], &rest[at + root.len()..]);
            relocated.extend_from_slice(before);
            match after.first() {
                Some(b'/') => {}
                // Another folder whose name only begins like ours.
                Some(byte) if is_name(*byte) => relocated.extend_from_slice(root),
                _ => relocated.push(b'/'),
            }
            rest = after;
        }
        relocated.extend_from_slice(rest);
        relocated
    }

    /// A full-length title that was cut inside the root loses the torn path; none if it was not.
    fn without_torn_root(&self, title: &str) -> Option<String> {
        if title.len() < TITLE_BYTES - 1 {
            return None;
        }
        let torn =
            (2..self.root.len()).rev().find(|length| title.ends_with(self.root.get(..*length).unwrap_or("\0")))?;
        Some(title[..title.len() - torn].trim_end().to_owned())
    }

    /// The first field whose text holds the mark, plain or as the hexadecimal digits of an untouched record.
    fn find_mark(&self, prefix: &str, fields: &Fields) -> Option<(String, String)> {
        let hex: String = self.mark.bytes().map(|byte| format!("{byte:02X}")).collect();
        fields.iter().find_map(|(name, value)| self.mark_in(&format!("{prefix}{name}"), value, &hex))
    }

    fn mark_in(&self, name: &str, value: &Value, hex: &str) -> Option<(String, String)> {
        match value {
            Value::Text(text) if text.contains(&self.mark) || text.contains(hex) => {
                Some((name.to_owned(), text.to_string()))
            }
            Value::List(values) => values.iter().find_map(|value| self.mark_in(name, value, hex)),
            Value::Object(fields) => self.find_mark(&format!("{name}."), fields),
            Value::Text(_) | Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Number(_) => None,
        }
    }
}

/// Whether a byte continues a file name rather than ending a path.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-+~@%".contains(&byte) || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "/tmp/firstseen-aB3/root";

    fn relocated(json: serde_json::Value) -> Result<serde_json::Value, Leftover> {
        let fields = Fields::from_json(json.as_object().expect("an object"));
        let mut document = EcsDocument { index: "i".into(), id: "d".into(), fields };
        Relocation::new(Path::new(ROOT), "firstseen-aB3").apply(&mut document)?;
        Ok(serde_json::to_value(&document.fields).expect("serialisable"))
    }

    #[test]
    fn every_text_loses_the_root() {
        let before = serde_json::json!({
            "process": {
                "executable": format!("{ROOT}/opt/acme/updater"),
                "args": [format!("{ROOT}/opt/acme/updater"), "plain", "7"],
                "env_vars": [format!("LD_PRELOAD={ROOT}/usr/lib/a.so:{ROOT}/usr/lib/b.so")],
                "working_directory": ROOT,
                "title": format!("{ROOT}/opt/acme/updater {ROOT}/x"),
                "pid": 7,
            },
            "auditd": {"paths": [{"item": "0", "name": format!("{ROOT}/opt/acme/updater")}]},
        });
        let after = serde_json::json!({
            "process": {
                "executable": "/opt/acme/updater",
                "args": ["/opt/acme/updater", "plain", "7"],
                "env_vars": ["LD_PRELOAD=/usr/lib/a.so:/usr/lib/b.so"],
                "working_directory": "/",
                "title": "/opt/acme/updater /x",
                "pid": 7,
            },
            "auditd": {"paths": [{"item": "0", "name": "/opt/acme/updater"}]},
        });
        assert_eq!(relocated(before), Ok(after));
    }

    #[test]
    fn a_folder_that_only_begins_alike_is_left_over() {
        let leftover = relocated(serde_json::json!({"a": format!("{ROOT}2/x")})).expect_err("left over");
        assert!(
            leftover.to_string().contains("names the run's folder in a = '/tmp/firstseen-aB3/root2/x'"),
            "{leftover}"
        );
    }

    #[test]
    fn what_cannot_be_relocated_is_an_error_and_not_a_term() {
        for text in ["../firstseen-aB3/root/x", "/tmp/firstseen-aB3", "2F746D702F66697273747365656E2D6142332F72"] {
            assert!(relocated(serde_json::json!({"a": {"b": [{"c": text}]}})).is_err(), "{text}");
        }
        assert!(relocated(serde_json::json!({"a": "/tmp/firstseen-other/root"})).is_ok());
    }

    #[test]
    fn a_title_cut_inside_the_root_loses_the_torn_path_and_a_short_one_does_not() {
        let filler = "x".repeat(TITLE_BYTES - 12);
        let cut = relocated(serde_json::json!({"process.title": format!("{filler} /tmp/firsts")})).expect("relocated");
        assert_eq!(cut["process"]["title"], filler);
        let short = relocated(serde_json::json!({"process.title": "ls /tmp"})).expect("relocated");
        assert_eq!(short["process"]["title"], "ls /tmp");
    }
}
