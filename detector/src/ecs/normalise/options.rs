//! What a document depends on besides its event.

use crate::audit::Accounts;
use crate::ecs::{Agent, HostInfo};
use crate::time::Millis;

use super::coalesced::Warnings;

/// Whose documents are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flavour {
    /// Auditbeat's own, in `auditbeat-*`.
    Auditbeat,
    /// Those of Elastic Agent's auditd_manager integration, after its ingest pipeline, in `logs-auditd_manager.auditd-default`.
    #[default]
    AuditdManager,
}

impl Flavour {
    /// `_index`
    #[must_use]
    pub fn index(self) -> &'static str {
        match self {
            Flavour::Auditbeat => "auditbeat-9.0.0",
            Flavour::AuditdManager => "logs-auditd_manager.auditd-default",
        }
    }
}

/// Whether a document carries the text of its records: `include_raw_message` of Auditbeat, `preserve_original_event` of the
/// integration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OriginalText {
    /// No: the default of both.
    #[default]
    Dropped,
    /// Yes, as `event.original`.
    Kept,
}

/// Everything that [`normalise`](super::normalise) needs to know.
#[derive(Clone, Copy, Debug)]
pub struct NormaliseOptions<'a> {
    /// Whose documents.
    pub flavour: Flavour,
    /// Names of users and groups; nothing leaves ids alone (`resolve_ids: false`).
    pub accounts: Option<&'a Accounts>,
    /// Text of the records.
    pub original: OriginalText,
    /// Oddities as `error.message`: `include_warnings`.
    pub warnings: Warnings,
    /// `host.*`, which a processor of the shipper adds. Without it rules that ask for `host.os.type` never match.
    pub host: Option<&'a HostInfo>,
    /// `agent.*`
    pub agent: Option<&'a Agent>,
    /// `event.ingested`, which the integration's pipeline sets; Auditbeat's documents have none.
    pub ingested: Option<Millis>,
}

impl NormaliseOptions<'_> {
    /// Documents of a flavour with nothing but what the records say.
    #[must_use]
    pub fn bare(flavour: Flavour) -> NormaliseOptions<'static> {
        NormaliseOptions {
            flavour,
            accounts: None,
            original: OriginalText::Dropped,
            warnings: Warnings::Dropped,
            host: None,
            agent: None,
            ingested: None,
        }
    }
}
