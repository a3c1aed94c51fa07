//! Linux audit: records as the kernel and auditd write them, events reassembled from them, audit rules.

mod abi;
mod accounts;
mod errno;
mod event;
mod fields;
mod parse;
mod reassemble;
mod record;
mod record_data;
mod record_type;
mod rule;
mod sockaddr;
mod table;
mod untrusted;

pub use abi::{Abi, arch_name, arch_number, document_syscall_name, syscall_name, syscall_number};
pub use accounts::Accounts;
pub use errno::{errno_name, errno_number};
pub use event::AuditEvent;
pub use fields::RawField;
pub use parse::{AuditRecord, MalformedLine};
pub use reassemble::{Reassembler, ReassemblerConfig, SerialGap};
pub use record::RawRecord;
pub use record_data::{NoData, RecordData};
pub use record_type::RecordType;
pub use rule::{
    Action, AuditRule, AuditRuleError, Field, FieldValue, FilterList, Op, Position, RuleBytesError, RuleField,
    RuleLine, Setting, SyscallMask,
};
pub use sockaddr::SocketAddress;
pub use untrusted::{decode_hex, decode_untrusted, encode_hex, encode_untrusted};
