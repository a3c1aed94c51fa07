//! Capabilities of processes and files, as `PATH` and `BPRM_FCAPS` records show them.

use std::path::Path;

use crate::sys::xattr;

/// Sets of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Capabilities {
    /// `CapPrm`
    pub(super) permitted: u64,
    /// `CapInh`
    pub(super) inheritable: u64,
    /// `CapEff`
    pub(super) effective: u64,
    /// `CapAmb`
    pub(super) ambient: u64,
}

/// What stands in the attribute `security.capability` of a file; all zero without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FileCapabilities {
    /// Revision of the format.
    pub(super) version: u32,
    /// Permitted.
    pub(super) permitted: u64,
    /// Inheritable.
    pub(super) inheritable: u64,
    /// Whether the permitted ones become effective.
    pub(super) effective: bool,
    /// Root user of the namespace in which they count.
    pub(super) root: u32,
}

/// Real and effective user and the sets, before or after an execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Credentials {
    /// Real user.
    pub(super) uid: u32,
    /// Effective user.
    pub(super) euid: u32,
    /// What it may do.
    pub(super) capabilities: Capabilities,
}

/// Whether the kernel writes `BPRM_FCAPS` for an execution (`nonroot_raised_pE`, security/commoncap.c, without securebits):
/// something was gained that is not simply root's. `full` is the set of all capabilities.
pub(super) fn noteworthy(old: &Credentials, new: &Credentials, file: &FileCapabilities, full: u64) -> bool {
    let (before, after) = (&old.capabilities, &new.capabilities);
    let is_full = after.effective & full == full;
    let grew = after.effective & !after.ambient != 0 && !(is_full && (new.uid == 0 || new.euid == 0));
    let became_root = new.uid != 0 && new.euid == 0 && !is_full;
    let from_file = *file != FileCapabilities::default() && after.permitted & !before.permitted != 0;
    let same_user = new.euid == old.uid;
    grew || became_root || same_user && (from_file || after.ambient & !before.ambient != 0)
}

/// All capabilities that this kernel has.
pub(super) fn full_set() -> u64 {
    let last = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap").ok().and_then(|text| text.trim().parse().ok());
    u64::MAX >> (63 - last.unwrap_or(40_u32).min(63))
}

/// Text of a `BPRM_FCAPS` record.
pub(super) fn text(old: &Credentials, new: &Credentials, file: &FileCapabilities) -> String {
    let sets = |prefix: &str, sets: &Capabilities| {
        format!(
            "{prefix}pp={} {prefix}pi={} {prefix}pe={} {prefix}pa={}",
            set(sets.permitted),
            set(sets.inheritable),
            set(sets.effective),
            set(sets.ambient)
        )
    };
    format!(
        "fver={:x} fp={} fi={} fe={} {} {} frootid={}",
        file.version,
        set(file.permitted),
        set(file.inheritable),
        u8::from(file.effective),
        sets("old_", &old.capabilities),
        sets("", &new.capabilities),
        file.root
    )
}

/// One set: 0, or 16 digits.
pub(super) fn set(set: u64) -> String {
    if set == 0 { "0".to_owned() } else { format!("{set:016x}") }
}

impl FileCapabilities {
    /// Of the file that a path leads to.
    pub(super) fn of(path: &Path) -> FileCapabilities {
        xattr::read::<24>(path, c"security.capability").ok().and_then(|value| parse(&value)).unwrap_or_default()
    }
}

/// `struct vfs_ns_cap_data` of `linux/capability.h`: little-endian, two words of each set from revision 2 on, a user id from
/// revision 3 on.
fn parse(value: &[u8]) -> Option<FileCapabilities> {
    let word = |index: usize| value.get(index * 4..index * 4 + 4)?.try_into().ok().map(u32::from_le_bytes);
    let upper = |index: usize| word(index).map_or(0, |word| u64::from(word) << 32);
    let magic = word(0)?;
    Some(FileCapabilities {
        version: magic >> 24,
        permitted: u64::from(word(1)?) | upper(3),
        inheritable: u64::from(word(2)?) | upper(4),
        effective: magic & 1 == 1,
        root: word(5).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: u64 = 0x1ff_ffff_ffff;
    const CUT: u64 = 0x1ff_feff_ffff;

    fn user(uid: u32, euid: u32, set: u64) -> Credentials {
        let capabilities = Capabilities { permitted: set, effective: set, ..Capabilities::default() };
        Credentials { uid, euid, capabilities }
    }

    fn noted(old: &Credentials, new: &Credentials) -> bool {
        noteworthy(old, new, &FileCapabilities::default(), FULL)
    }

    #[test]
    fn root_is_noted_only_when_it_is_not_all_powerful() {
        assert!(!noted(&user(0, 0, FULL), &user(0, 0, FULL)));
        assert!(noted(&user(0, 0, CUT), &user(0, 0, CUT)));
        assert!(!noted(&user(1000, 1000, 0), &user(1000, 1000, 0)));
        assert!(noted(&user(1000, 0, 0), &user(1000, 0, CUT)) && !noted(&user(1000, 0, 0), &user(1000, 0, FULL)));
    }

    #[test]
    fn capabilities_of_a_file_are_noted_when_they_are_gained() {
        let file = FileCapabilities { version: 2, permitted: 0x2000, effective: true, ..FileCapabilities::default() };
        assert!(noteworthy(&user(1000, 1000, 0), &user(1000, 1000, 0x2000), &file, FULL));
        assert!(!noteworthy(&user(1000, 1000, 0), &user(1000, 1000, 0), &file, FULL));
    }

    #[test]
    fn a_record_is_written_as_a_real_kernel_wrote_it() {
        let root = user(0, 0, CUT);
        assert_eq!(
            text(&root, &root, &FileCapabilities::default()),
            "fver=0 fp=0 fi=0 fe=0 old_pp=000001fffeffffff old_pi=0 old_pe=000001fffeffffff old_pa=0 \
             pp=000001fffeffffff pi=0 pe=000001fffeffffff pa=0 frootid=0"
        );
    }

    #[test]
    fn attributes_of_each_revision_are_read() {
        let v2 = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        let expected =
            FileCapabilities { version: 2, permitted: 1 << 32 | 0x2000, effective: true, ..Default::default() };
        assert_eq!(parse(&v2), Some(expected));
        let v3 = [&[0, 0, 0, 3], &[0; 16][..], &[7, 0, 0, 0]].concat();
        assert_eq!(parse(&v3), Some(FileCapabilities { version: 3, root: 7, ..Default::default() }));
        assert_eq!(parse(&[1, 0, 0]), None);
    }
}
