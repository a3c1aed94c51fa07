//! Linux audit: records as the kernel and auditd write them, events reassembled from them, audit rules.

mod abi;
mod accounts;
mod errno;
mod record;
mod record_type;
mod rule;
mod table;

pub use abi::{Abi, arch_name, arch_number, syscall_name, syscall_number};
pub use accounts::Accounts;
pub use errno::{errno_name, errno_number};
pub use record::RawRecord;
pub use record_type::RecordType;
pub use rule::{
    Action, AuditRule, AuditRuleError, Field, FieldValue, FilterList, Op, Position, RuleBytesError, RuleField,
    RuleLine, Setting, SyscallMask,
};
