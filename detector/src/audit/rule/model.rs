//! What one audit rule says: the typed form between auditctl's text and the kernel's bytes.

use std::collections::BTreeSet;

use super::super::abi::{self, Abi};
use super::field::{Field, Op};

/// One filter rule of the kernel's audit system.
///
/// Text and bytes are two spellings of it: [`AuditRule::parse`](AuditRule::parse), [`AuditRule::to_bytes`](AuditRule::to_bytes),
/// [`AuditRule::from_bytes`](AuditRule::from_bytes), `Display`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRule {
    /// Which list it stands in.
    pub list: FilterList,
    /// At which end of the list it is added.
    pub position: Position,
    /// What happens when it matches.
    pub action: Action,
    /// The system calls that it names.
    pub mask: SyscallMask,
    /// Conditions, all of which must hold, in the order in which they were given.
    pub fields: Vec<RuleField>,
}

/// Where a rule is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterList {
    /// Messages from user space.
    User,
    /// At fork.
    Task,
    /// At the end of a system call: the usual one.
    Exit,
    /// Record types to leave out.
    Exclude,
    /// File systems.
    Filesystem,
    /// Operations of io_uring.
    IoUring,
}

/// Which end of the list a rule is added to: the first match of a list decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// `-a`
    Append,
    /// `-A`
    Prepend,
}

/// What a matching rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Makes no record, and ends the search in this list.
    Never,
    /// Makes a record.
    Always,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleField {
    /// What is compared.
    pub field: Field,
    /// How.
    pub op: Op,
    /// With what.
    pub value: FieldValue,
}

/// The right side of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// As the kernel keeps it: signed numbers in two's complement.
    Number(u32),
    /// A path, a key, a label: any bytes.
    Text(Vec<u8>),
}

/// The `mask` of `audit_rule_data`: system call n is bit n of 2048.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyscallMask(pub(super) [u32; 64]);

impl AuditRule {
    /// The system calls that the rule applies to, with the ABI in which the number has that meaning.
    ///
    /// Without an `arch` condition a number hits the table of every ABI of this machine. A rule for all calls gives every
    /// call that has a name. A machine without a table here gives nothing.
    #[must_use]
    pub fn syscalls(&self) -> BTreeSet<(Abi, u32)> {
        let mut calls = BTreeSet::new();
        for abi in self.abis() {
            if self.mask.is_all() {
                calls.extend(abi.syscalls().into_iter().map(|number| (abi, number)));
            } else {
                calls.extend(self.mask.numbers().map(|number| (abi, number)));
            }
        }
        calls
    }

    /// The ABIs that the `arch` conditions leave of those of this machine; the named one where it is another machine's.
    #[must_use]
    pub fn abis(&self) -> Vec<Abi> {
        let arches = || self.fields.iter().filter(|field| field.field == Field::ARCH);
        let named = arches().find_map(|field| match (field.op, &field.value) {
            (Op::Equal, FieldValue::Number(arch)) => Some(Abi::from_audit_arch(*arch)),
            _ => None,
        });
        if let Some(abi) = named {
            return abi.into_iter().collect();
        }
        let refused = |abi: &Abi| arches().any(|field| field.value == FieldValue::Number(abi.audit_arch()));
        Abi::of_this_machine().iter().copied().filter(|abi| !refused(abi)).collect()
    }

    /// The keys (`-k`), which appear in the records that the rule causes.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let keys = self.fields.iter().filter(|field| field.field == Field::KEY);
        let keys = keys.filter_map(|field| match &field.value {
            FieldValue::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            FieldValue::Number(_) => None,
        });
        keys.flat_map(|key| key.split(KEY_SEPARATOR).map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    /// Says that the watched path is a directory, so that everything below it is watched.
    ///
    /// auditctl asks the file system when it reads `-w PATH`; this crate only sees the text, and takes a path that ends in
    /// `/` for a directory. A caller that may look can call this.
    pub fn watch_directory(&mut self) {
        for field in &mut self.fields {
            if field.field == Field::PATH {
                field.field = Field::DIR;
            }
        }
    }
}

/// `AUDIT_KEY_SEPARATOR`: several keys are one text.
pub(super) const KEY_SEPARATOR: char = '\u{1}';

impl FilterList {
    pub(super) const ALL: [(FilterList, &'static str, u32); 6] = [
        (FilterList::User, "user", 0),
        (FilterList::Task, "task", 1),
        (FilterList::Exit, "exit", 4),
        (FilterList::Exclude, "exclude", 5),
        (FilterList::Filesystem, "filesystem", 6),
        (FilterList::IoUring, "io_uring", 7),
    ];

    /// The word in auditctl's syntax.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(list, _, _)| *list == self).map_or("", |(_, name, _)| name)
    }
}

impl SyscallMask {
    /// No system call.
    pub const NONE: SyscallMask = SyscallMask([0; 64]);

    /// Every system call, in the form in which the kernel lists it: the top 16 bits of the mask are classes, not calls.
    pub const ALL: SyscallMask = {
        let mut words = [u32::MAX; 64];
        words[63] = 0xffff;
        SyscallMask(words)
    };

    /// Whether every system call is named.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0[..63].iter().all(|word| *word == u32::MAX)
    }

    /// Whether this system call is named.
    #[must_use]
    pub fn contains(&self, number: u32) -> bool {
        self.0.get(number as usize / 32).is_some_and(|word| word >> (number % 32) & 1 == 1)
    }

    /// The named numbers, ascending.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        let mask = *self;
        (0..64 * 32).filter(move |number| mask.contains(*number))
    }

    /// Adds one; false if the mask has no bit for it.
    pub(super) fn insert(&mut self, number: u32) -> bool {
        match self.0.get_mut(number as usize / 32) {
            Some(word) => {
                *word |= 1 << (number % 32);
                true
            }
            None => false,
        }
    }
}

/// The names of the calls in one ABI, numbers where there is none.
pub(super) fn call_names(mask: &SyscallMask, abi: Option<Abi>) -> Vec<String> {
    let name = |number| abi.and_then(|abi| abi::syscall_name(abi, number));
    mask.numbers().map(|number| name(number).map_or_else(|| number.to_string(), str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> AuditRule {
        AuditRule::parse(text).expect("valid rule")
    }

    #[test]
    fn a_rule_with_an_arch_names_the_calls_of_that_abi_only() {
        let calls = rule("-a always,exit -F arch=b64 -S mprotect,mmap").syscalls();
        assert_eq!(calls, BTreeSet::from([(Abi::X86_64, 9), (Abi::X86_64, 10)]));
        let calls = rule("-a always,exit -F arch=b32 -S mprotect").syscalls();
        assert_eq!(calls, BTreeSet::from([(Abi::I386, 125)]));
    }

    #[test]
    fn a_rule_without_an_arch_hits_the_table_of_each_abi() {
        let calls = rule("-a always,exit -S mprotect").syscalls();
        assert_eq!(calls, BTreeSet::from([(Abi::I386, 10), (Abi::X86_64, 10)]));
        let calls = rule("-a always,exit -F arch!=b32 -S mprotect").syscalls();
        assert_eq!(calls, BTreeSet::from([(Abi::X86_64, 10)]));
    }

    #[test]
    fn all_calls_are_those_that_have_a_name() {
        let calls = rule("-a always,exit -F arch=b64 -S all").syscalls();
        assert!(calls.contains(&(Abi::X86_64, 59)) && !calls.contains(&(Abi::X86_64, 1999)));
    }

    #[test]
    fn several_keys_are_told_apart() {
        assert_eq!(rule("-a always,exit -S kill -k a -k b").keys(), ["a", "b"]);
        assert!(rule("-a always,exit -S kill").keys().is_empty());
    }

    #[test]
    fn a_watch_can_become_a_watch_of_a_directory() {
        let mut watch = rule("-w /etc/audit -p wa");
        watch.watch_directory();
        assert_eq!(watch, rule("-w /etc/audit/ -p wa"));
    }
}
