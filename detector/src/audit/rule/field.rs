//! Fields and operators of a rule, as `linux/audit.h` numbers them and auditctl(8) spells them.

/// A field number (`AUDIT_PID`, ...). Numbers without a name here are kept, so that any rule of the kernel can be listed
/// and deleted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field(pub u32);

/// How the right side of a field is written and stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldKind {
    /// A number: decimal, 0x hex, 0 octal, or negative.
    Number,
    /// A user id, `unset` or a name.
    User,
    /// A group id or name.
    Group,
    /// A machine's name, b64 or b32.
    Arch,
    /// A number or an error's name, with a sign.
    Exit,
    /// A record type.
    MessageType,
    /// Letters of `rwxa`.
    Permission,
    /// `file`, `dir`, ...
    FileType,
    /// Text, stored behind the fixed part.
    Text,
    /// Two other fields are compared: `-C`.
    Comparison,
}

impl Field {
    /// Process id.
    pub const PID: Field = Field(0);
    /// Real user id.
    pub const UID: Field = Field(1);
    /// Login user id.
    pub const LOGINUID: Field = Field(9);
    /// ABI of the system call.
    pub const ARCH: Field = Field(11);
    /// Record type, in the exclude and user lists.
    pub const MSGTYPE: Field = Field(12);
    /// Exit value of the system call.
    pub const EXIT: Field = Field(103);
    /// Whether the system call succeeded: 1 or 0.
    pub const SUCCESS: Field = Field(104);
    /// A file or one directory entry.
    pub const PATH: Field = Field(105);
    /// Kinds of access.
    pub const PERM: Field = Field(106);
    /// A directory and everything below.
    pub const DIR: Field = Field(107);
    /// Type of a file.
    pub const FILETYPE: Field = Field(108);
    /// Comparison of two fields.
    pub const COMPARE: Field = Field(111);
    /// The program's file.
    pub const EXE: Field = Field(112);
    /// First argument of the system call; the others follow.
    pub const ARG0: Field = Field(200);
    /// The key.
    pub const KEY: Field = Field(210);

    /// The name in auditctl's syntax.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        FIELDS.iter().find(|(number, _, _)| *number == self.0).map(|(_, name, _)| *name)
    }

    pub(super) fn from_name(name: &str) -> Option<Field> {
        let name = if name == "loginuid" { "auid" } else { name };
        FIELDS.iter().find(|(_, known, _)| *known == name).map(|(number, _, _)| Field(*number))
    }

    pub(super) fn kind(self) -> FieldKind {
        FIELDS.iter().find(|(number, _, _)| *number == self.0).map_or(FieldKind::Number, |(_, _, kind)| *kind)
    }

    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        FIELDS.iter().map(|(_, name, _)| *name)
    }
}

const FIELDS: [(u32, &str, FieldKind); 45] = [
    (0, "pid", FieldKind::Number),
    (1, "uid", FieldKind::User),
    (2, "euid", FieldKind::User),
    (3, "suid", FieldKind::User),
    (4, "fsuid", FieldKind::User),
    (5, "gid", FieldKind::Group),
    (6, "egid", FieldKind::Group),
    (7, "sgid", FieldKind::Group),
    (8, "fsgid", FieldKind::Group),
    (9, "auid", FieldKind::User),
    (10, "pers", FieldKind::Number),
    (11, "arch", FieldKind::Arch),
    (12, "msgtype", FieldKind::MessageType),
    (13, "subj_user", FieldKind::Text),
    (14, "subj_role", FieldKind::Text),
    (15, "subj_type", FieldKind::Text),
    (16, "subj_sen", FieldKind::Text),
    (17, "subj_clr", FieldKind::Text),
    (18, "ppid", FieldKind::Number),
    (19, "obj_user", FieldKind::Text),
    (20, "obj_role", FieldKind::Text),
    (21, "obj_type", FieldKind::Text),
    (22, "obj_lev_low", FieldKind::Text),
    (23, "obj_lev_high", FieldKind::Text),
    (25, "sessionid", FieldKind::Number),
    (26, "fstype", FieldKind::Number),
    (100, "devmajor", FieldKind::Number),
    (101, "devminor", FieldKind::Number),
    (102, "inode", FieldKind::Number),
    (103, "exit", FieldKind::Exit),
    (104, "success", FieldKind::Number),
    (105, "path", FieldKind::Text),
    (106, "perm", FieldKind::Permission),
    (107, "dir", FieldKind::Text),
    (108, "filetype", FieldKind::FileType),
    (109, "obj_uid", FieldKind::User),
    (110, "obj_gid", FieldKind::Group),
    (111, "field_cmp", FieldKind::Comparison),
    (112, "exe", FieldKind::Text),
    (113, "saddr_fam", FieldKind::Number),
    (200, "a0", FieldKind::Number),
    (201, "a1", FieldKind::Number),
    (202, "a2", FieldKind::Number),
    (203, "a3", FieldKind::Number),
    (210, "key", FieldKind::Text),
];

/// A comparison. The kernel compares 32 bits: of an argument only the lower half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `&`: any of these bits.
    AnyBits,
    /// `&=`: all of these bits.
    AllBits,
}

impl Op {
    /// Longest spelling first, so that a prefix is not taken for the whole.
    pub(super) const ALL: [(Op, &'static str, u32); 8] = [
        (Op::NotEqual, "!=", 0x3000_0000),
        (Op::LessOrEqual, "<=", 0x5000_0000),
        (Op::GreaterOrEqual, ">=", 0x6000_0000),
        (Op::AllBits, "&=", 0x4800_0000),
        (Op::Equal, "=", 0x4000_0000),
        (Op::Less, "<", 0x1000_0000),
        (Op::Greater, ">", 0x2000_0000),
        (Op::AnyBits, "&", 0x0800_0000),
    ];

    /// The spelling in auditctl's syntax.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        Self::ALL.iter().find(|(op, _, _)| *op == self).map_or("", |(_, symbol, _)| symbol)
    }

    pub(super) fn code(self) -> u32 {
        Self::ALL.iter().find(|(op, _, _)| *op == self).map_or(0, |(_, _, code)| *code)
    }

    pub(super) fn from_code(code: u32) -> Option<Op> {
        Self::ALL.iter().find(|(_, _, known)| *known == code).map(|(op, _, _)| *op)
    }

    /// Whether the comparison holds, as the kernel decides it (`audit_comparator`, kernel/auditfilter.c).
    #[must_use]
    pub fn holds(self, left: u32, right: u32) -> bool {
        match self {
            Op::Equal => left == right,
            Op::NotEqual => left != right,
            Op::Less => left < right,
            Op::LessOrEqual => left <= right,
            Op::Greater => left > right,
            Op::GreaterOrEqual => left >= right,
            Op::AnyBits => left & right != 0,
            Op::AllBits => left & right == right,
        }
    }
}

/// `AUDIT_COMPARE_*`: which pair of fields a `-C` compares.
pub(super) const COMPARISONS: [(u32, &str, &str); 25] = [
    (1, "uid", "obj_uid"),
    (2, "gid", "obj_gid"),
    (3, "euid", "obj_uid"),
    (4, "egid", "obj_gid"),
    (5, "auid", "obj_uid"),
    (6, "suid", "obj_uid"),
    (7, "sgid", "obj_gid"),
    (8, "fsuid", "obj_uid"),
    (9, "fsgid", "obj_gid"),
    (10, "uid", "auid"),
    (11, "uid", "euid"),
    (12, "uid", "fsuid"),
    (13, "uid", "suid"),
    (14, "auid", "fsuid"),
    (15, "auid", "suid"),
    (16, "auid", "euid"),
    (17, "euid", "suid"),
    (18, "euid", "fsuid"),
    (19, "suid", "fsuid"),
    (20, "gid", "egid"),
    (21, "gid", "fsgid"),
    (22, "gid", "sgid"),
    (23, "egid", "fsgid"),
    (24, "egid", "sgid"),
    (25, "sgid", "fsgid"),
];

/// Letters of `perm`, in the order in which auditctl prints them.
pub(super) const PERMISSIONS: [(char, u32); 4] = [('r', 4), ('w', 2), ('x', 1), ('a', 8)];

/// Names of `filetype`: the upper bits of `st_mode`.
pub(super) const FILE_TYPES: [(&str, u32); 9] = [
    ("file", 0x8000),
    ("dir", 0x4000),
    ("socket", 0xc000),
    ("link", 0xa000),
    ("symlink", 0xa000),
    ("character", 0x2000),
    ("char", 0x2000),
    ("block", 0x6000),
    ("fifo", 0x1000),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_and_no_comparison_is_listed_twice() {
        let numbers: std::collections::BTreeSet<u32> = FIELDS.iter().map(|(number, _, _)| *number).collect();
        let names: std::collections::BTreeSet<&str> = Field::names().collect();
        assert_eq!((numbers.len(), names.len()), (FIELDS.len(), FIELDS.len()));
        let pairs: std::collections::BTreeSet<(&str, &str)> =
            COMPARISONS.iter().map(|(_, a, b)| if a < b { (*a, *b) } else { (*b, *a) }).collect();
        assert_eq!(pairs.len(), COMPARISONS.len());
    }

    #[test]
    fn bits_are_any_or_all() {
        assert!(Op::AllBits.holds(7, 6) && !Op::AllBits.holds(3, 6));
        assert!(Op::AnyBits.holds(3, 6) && !Op::AnyBits.holds(1, 6));
    }

    #[test]
    fn comparisons_are_unsigned_as_in_the_kernel() {
        assert!(Op::GreaterOrEqual.holds(u32::MAX, 1000));
        assert!(!Op::Less.holds(u32::MAX, 0));
        assert!(
            Op::LessOrEqual.holds(6, 6) && !Op::Less.holds(6, 6) && Op::Greater.holds(7, 6) && Op::NotEqual.holds(1, 2)
        );
    }
}
