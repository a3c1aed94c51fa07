//! What can be changed, and what became of undoing it.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::netlink::{RuleData, StatusField};

/// One change to the machine, with everything that is needed to take it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Change {
    /// A directory of the run's own, with all that is in it: removed.
    ///
    /// Its absolute path must have a last part that begins with `firstseen-`: a journal is never a way to remove
    /// anything else.
    Directory {
        /// Absolute path.
        path: PathBuf,
    },
    /// A file of the run's own, under a name that it has only as long as it is not finished: removed.
    ///
    /// Its absolute path must have a last part that begins with `firstseen-`.
    File {
        /// Absolute path.
        path: PathBuf,
    },
    /// An audit rule was added: deleted by its exact bytes.
    AuditRule {
        /// `audit_rule_data` in this machine's byte order, in hexadecimal.
        #[serde(with = "hex")]
        rule: RuleData,
    },
    /// A field of the audit status was changed: set back, if it still holds `new`, if no other live run holds the same
    /// change, and if no audit daemon was started meanwhile.
    AuditStatus {
        /// Which.
        field: StatusField,
        /// The value before.
        old: u32,
        /// The value that was set.
        new: u32,
        /// Process id of the audit daemon at that time; 0: there was none.
        auditd: u32,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Directory { path } => write!(f, "directory {}", path.display()),
            Change::File { path } => write!(f, "file {}", path.display()),
            Change::AuditRule { rule } => write!(f, "audit rule {rule}"),
            Change::AuditStatus { field, old, new, .. } => {
                write!(f, "audit status {} changed from {old} to {new}", field.name())
            }
        }
    }
}

/// What was done about one change of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// Name of the run that made it: its process id, start time and a count.
    pub run: String,
    /// The change; `None` for a journal that could not be read.
    pub change: Option<Change>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of undoing a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// It is as it was before the change.
    Restored,
    /// There was nothing to put back any more.
    AlreadyGone,
    /// It is not as the run had left it, or somebody else needs it: not touched.
    LeftAlone {
        /// For a person.
        why: String,
    },
    /// It could not be undone; the journal keeps it for another try.
    Failed {
        /// For a person: what the system said and what to do.
        why: String,
    },
}

impl Undone {
    /// Whether this change is dealt with for good.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !matches!(self.outcome, Outcome::Failed { .. })
    }
}

impl fmt::Display for Undone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run {}: ", self.run)?;
        match &self.change {
            Some(change) => write!(f, "{change}: ")?,
            None => f.write_str("journal: ")?,
        }
        match &self.outcome {
            Outcome::Restored => f.write_str("undone"),
            Outcome::AlreadyGone => f.write_str("already gone"),
            Outcome::LeftAlone { why } => write!(f, "left alone: {why}"),
            Outcome::Failed { why } => write!(f, "failed: {why}"),
        }
    }
}

mod hex {
    use std::fmt::Write;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::netlink::RuleData;

    pub(super) fn serialize<S: Serializer>(rule: &RuleData, serializer: S) -> Result<S::Ok, S::Error> {
        let text = rule.bytes().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RuleData, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes: Option<Vec<u8>> = (0..text.len())
            .step_by(2)
            .map(|at| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
            .collect();
        let bytes = bytes.ok_or_else(|| D::Error::custom("a rule that is not hexadecimal"))?;
        RuleData::new(&bytes).map_err(D::Error::custom)
    }
}
