//! Which table of system calls a process uses, and the names in it.
//!
//! The same number means different calls in different ABIs (10 is `mprotect` on x86_64 and `unlink` on i386), so a number is
//! never looked up without one.

use std::fmt;
use std::sync::LazyLock;

use super::table::{NameTable, Radix};

/// A system call table: what the `arch` field of a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Abi {
    /// 64-bit ARM.
    Aarch64,
    /// 32-bit x86, also `int 0x80` out of a 64-bit program.
    I386,
    /// 64-bit x86; x32 calls carry bit 30 in the number.
    X86_64,
}

impl Abi {
    /// Every ABI with a table.
    pub const ALL: [Abi; 3] = [Abi::Aarch64, Abi::I386, Abi::X86_64];

    /// The ABI of 64-bit programs on the machine that this was built for: what `-F arch=b64` means.
    #[must_use]
    pub fn native() -> Abi {
        if cfg!(target_arch = "aarch64") { Abi::Aarch64 } else { Abi::X86_64 }
    }

    /// The ABIs whose calls this machine can make, the native one first.
    #[must_use]
    pub fn of_this_machine() -> &'static [Abi] {
        if cfg!(target_arch = "aarch64") { &[Abi::Aarch64] } else { &[Abi::X86_64, Abi::I386] }
    }

    /// `AUDIT_ARCH_*` of `linux/audit.h`.
    #[must_use]
    pub fn audit_arch(self) -> u32 {
        match self {
            Abi::Aarch64 => 0xc000_00b7,
            Abi::I386 => 0x4000_0003,
            Abi::X86_64 => 0xc000_003e,
        }
    }

    /// The ABI of an `arch` value.
    #[must_use]
    pub fn from_audit_arch(arch: u32) -> Option<Abi> {
        Abi::ALL.into_iter().find(|abi| abi.audit_arch() == arch)
    }

    /// Every number that has a name, ascending.
    #[must_use]
    pub fn syscalls(self) -> Vec<u32> {
        let mut numbers: Vec<u32> = self.table().numbers().collect();
        numbers.sort_unstable();
        numbers
    }

    fn table(self) -> &'static NameTable {
        match self {
            Abi::Aarch64 => &AARCH64,
            Abi::I386 => &I386,
            Abi::X86_64 => &X86_64,
        }
    }
}

/// As documents write it: `x86_64`.
impl fmt::Display for Abi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Abi::Aarch64 => "aarch64",
            Abi::I386 => "i386",
            Abi::X86_64 => "x86_64",
        })
    }
}

/// The number of a system call, by libaudit's name or the kernel's (`pread` and `pread64` are both understood).
#[must_use]
pub fn syscall_number(abi: Abi, name: &str) -> Option<u32> {
    abi.table().number(name)
}

/// The name of a system call as libaudit and go-libaudit write it.
#[must_use]
pub fn syscall_name(abi: Abi, number: u32) -> Option<&'static str> {
    abi.table().name(number)
}

/// The name of a system call in the documents of any machine: what go-libaudit 2.6 has a name for; nothing else gets one.
#[must_use]
pub fn document_syscall_name(arch: u32, number: u32) -> Option<&'static str> {
    let table = match Abi::from_audit_arch(arch) {
        Some(abi) => abi.table(),
        None => &FOREIGN.iter().find(|(arches, _)| arches.contains(&arch))?.1,
    };
    table.name(number).filter(|name| !NEWER_THAN_UPSTREAM.contains(name))
}

/// The name of any `arch` value, also of machines without a table here.
#[must_use]
pub fn arch_name(arch: u32) -> Option<&'static str> {
    ARCHES.name(arch)
}

/// The `arch` value of a machine's name (`x86_64`, `i686`, `arm`).
#[must_use]
pub fn arch_number(name: &str) -> Option<u32> {
    ARCHES.number(name)
}

static X86_64: LazyLock<NameTable> =
    LazyLock::new(|| NameTable::embedded(include_str!("data/syscalls-x86_64.txt"), Radix::Decimal));
static I386: LazyLock<NameTable> =
    LazyLock::new(|| NameTable::embedded(include_str!("data/syscalls-i386.txt"), Radix::Decimal));
static AARCH64: LazyLock<NameTable> =
    LazyLock::new(|| NameTable::embedded(include_str!("data/syscalls-aarch64.txt"), Radix::Decimal));
/// Machines whose logs may be read, but on which this program does not run: `arch` values and their table.
static FOREIGN: [(&[u32], LazyLock<NameTable>); 4] = [
    (&[0x4000_0028], LazyLock::new(|| NameTable::embedded(include_str!("data/syscalls-arm.txt"), Radix::Decimal))),
    (
        // ppc, ppc64, ppc64le
        &[0x14, 0x8000_0015, 0xc000_0015],
        LazyLock::new(|| NameTable::embedded(include_str!("data/syscalls-ppc.txt"), Radix::Decimal)),
    ),
    (&[0x16], LazyLock::new(|| NameTable::embedded(include_str!("data/syscalls-s390.txt"), Radix::Decimal))),
    (&[0x8000_0016], LazyLock::new(|| NameTable::embedded(include_str!("data/syscalls-s390x.txt"), Radix::Decimal))),
];
/// Calls that the kernel has and go-libaudit does not know: rules may name them, documents show their numbers.
const NEWER_THAN_UPSTREAM: [&str; 9] = [
    "file_getattr",
    "file_setattr",
    "getxattrat",
    "listxattrat",
    "open_tree_attr",
    "removexattrat",
    "setxattrat",
    "uprobe",
    "uretprobe",
];
static ARCHES: LazyLock<NameTable> = LazyLock::new(|| NameTable::embedded(include_str!("data/arches.txt"), Radix::Hex));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calls_of_the_two_rules_have_their_numbers() {
        let numbers = |name| Abi::ALL.map(|abi| syscall_number(abi, name));
        assert_eq!(numbers("mprotect"), [Some(226), Some(125), Some(10)]);
        assert_eq!(numbers("pkey_mprotect"), [Some(288), Some(380), Some(329)]);
        assert_eq!(numbers("execve"), [Some(221), Some(11), Some(59)]);
        assert_eq!(numbers("execveat"), [Some(281), Some(358), Some(322)]);
        assert_eq!(numbers("memfd_create"), [Some(279), Some(356), Some(319)]);
    }

    #[test]
    fn one_number_has_another_meaning_in_another_abi() {
        assert_eq!((syscall_name(Abi::X86_64, 10), syscall_name(Abi::I386, 10)), (Some("mprotect"), Some("unlink")));
    }

    #[test]
    fn numbers_beyond_the_table_have_no_name() {
        assert_eq!(syscall_name(Abi::X86_64, 0x4000_000a), None);
        assert_eq!(syscall_number(Abi::X86_64, "no_such_call"), None);
    }

    #[test]
    fn documents_name_the_calls_of_machines_that_rules_do_not_know() {
        let arches = FOREIGN.iter().flat_map(|(arches, _)| *arches);
        let names: Vec<_> = arches.map(|arch| document_syscall_name(*arch, 125)).collect();
        assert_eq!(names, [Some("mprotect"); 6], "a number that the old tables share");
        assert_eq!(document_syscall_name(0x8000_0016, 199), Some("getuid"));
        assert_eq!(document_syscall_name(0x16, 199), Some("getuid32"));
        assert_eq!(document_syscall_name(0xc000_0032, 125), None, "upstream has no table for ia64");
    }

    #[test]
    fn a_call_that_upstream_does_not_know_stays_a_number_in_documents_and_has_a_name_in_rules() {
        for name in NEWER_THAN_UPSTREAM {
            let number = syscall_number(Abi::X86_64, name).expect("in the table");
            assert_eq!(document_syscall_name(Abi::X86_64.audit_arch(), number), None, "{name}");
        }
        assert_eq!(document_syscall_name(Abi::X86_64.audit_arch(), 462), Some("mseal"));
    }

    #[test]
    fn abis_and_arch_values_agree() {
        for abi in Abi::ALL {
            assert_eq!(Abi::from_audit_arch(abi.audit_arch()), Some(abi));
            assert_eq!(arch_name(abi.audit_arch()), Some(abi.to_string().as_str()));
            assert!(abi.syscalls().len() > 300);
        }
        assert_eq!((arch_number("i686"), arch_name(0x28)), (Some(0x4000_0003), Some("armeb")));
    }
}
