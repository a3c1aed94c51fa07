//! What /proc says about a stopped thread.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use super::capabilities::{Capabilities, Credentials};
use super::event::{ProcessFacts, UNSET};
use crate::exec::{Ids, ParentProcess};

/// The kernel keeps so much of a command line (`MAX_PROCTITLE_AUDIT_LEN`).
const TITLE: usize = 128;

/// `/proc/TID/stat`, as far as it is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stat {
    /// Name of the thread, as it is.
    pub(super) comm: Vec<u8>,
    /// Parent process.
    pub(super) ppid: i32,
    /// Terminal: its device number, 0 for none.
    pub(super) tty: u32,
    /// Start in clock ticks since boot.
    pub(super) start_ticks: u64,
}

/// `/proc/TID/status`, as far as it is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    /// Real, effective, saved, file system user.
    pub(super) users: [u32; 4],
    /// The same of the group.
    pub(super) groups: [u32; 4],
    /// Further groups.
    pub(super) supplementary: Vec<u32>,
    /// Capability sets.
    pub(super) capabilities: Capabilities,
}

impl Status {
    /// The part that an execution may change.
    pub(super) fn credentials(&self) -> Credentials {
        Credentials { uid: self.users[0], euid: self.users[1], capabilities: self.capabilities }
    }

    /// The part that exec events carry.
    pub(super) fn ids(&self) -> Ids {
        Ids { uid: self.users[0], euid: self.users[1], gid: self.groups[0], egid: self.groups[1] }
    }
}

/// Reads `/proc/TID/stat`.
pub(super) fn stat(tid: i32) -> io::Result<Stat> {
    parse_stat(&read(tid, "stat")?).ok_or_else(|| unexpected(tid, "stat"))
}

/// Reads `/proc/TID/status`.
pub(super) fn status(tid: i32) -> io::Result<Status> {
    parse_status(&read(tid, "status")?).ok_or_else(|| unexpected(tid, "status"))
}

/// Arguments, from `/proc/TID/cmdline`.
pub(super) fn argv(tid: i32) -> io::Result<Vec<OsString>> {
    Ok(strings(&read(tid, "cmdline")?))
}

/// Environment, from `/proc/TID/environ`.
pub(super) fn environment(tid: i32) -> io::Result<Vec<OsString>> {
    Ok(strings(&read(tid, "environ")?))
}

/// The file that runs; ` (deleted)` stands behind one that is gone, as the kernel writes it everywhere.
pub(super) fn executable(tid: i32) -> io::Result<PathBuf> {
    link(tid, "exe")
}

/// Working directory.
pub(super) fn cwd(tid: i32) -> io::Result<PathBuf> {
    link(tid, "cwd")
}

/// The parent at this moment; unknown parts stay empty.
pub(super) fn parent(pid: i32) -> ParentProcess {
    ParentProcess {
        pid,
        start_ticks: stat(pid).map_or(0, |stat| stat.start_ticks),
        executable: executable(pid).ok(),
        argv: argv(pid).unwrap_or_default(),
    }
}

/// The beginning of the command line, for `PROCTITLE`, its unprintable end cut off (`audit_proctitle_rtrim`).
pub(super) fn title(tid: i32) -> Vec<u8> {
    let mut title = read(tid, "cmdline").unwrap_or_default();
    title.truncate(TITLE);
    title.truncate(printable_length(&title));
    title
}

fn printable_length(title: &[u8]) -> usize {
    // As the kernel's ctype table has it: ASCII, and the upper half of Latin-1.
    title.iter().rposition(|byte| matches!(byte, 0x20..=0x7e | 0xa0..)).map_or(0, |last| last + 1)
}

/// Everything that a `SYSCALL` record says of its thread, except the title. `pid` is the thread group.
pub(super) fn facts(tid: i32, pid: i32) -> io::Result<ProcessFacts> {
    let stat = stat(tid)?;
    let status = status(tid)?;
    let number = |name| read(tid, name).ok().and_then(|text| std::str::from_utf8(&text).ok()?.trim().parse().ok());
    let personality = read(tid, "personality").ok();
    let personality =
        personality.and_then(|text| u32::from_str_radix(std::str::from_utf8(&text).ok()?.trim(), 16).ok());
    Ok(ProcessFacts {
        pid: pid as u32,
        ppid: stat.ppid as u32,
        auid: number("loginuid").unwrap_or(UNSET),
        users: status.users,
        groups: status.groups,
        capabilities: status.capabilities,
        supplementary: status.supplementary,
        session: number("sessionid").unwrap_or(UNSET),
        tty: terminal(stat.tty),
        comm: stat.comm,
        exe: Some(executable(tid)?.into_os_string().into_vec()),
        subject: subject(tid),
        personality: personality.unwrap_or(0),
        title: Vec::new(),
    })
}

/// Label of the security module; none where no module has labels.
fn subject(tid: i32) -> Option<Vec<u8>> {
    let label = read(tid, "attr/current").ok()?;
    let label = label.trim_ascii_end().strip_suffix(b"\0").unwrap_or(label.trim_ascii_end());
    (!label.is_empty()).then(|| label.to_vec())
}

/// The kernel's name of a terminal: driver and number. proc(5) tells how the device number is packed.
fn terminal(device: u32) -> Option<String> {
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xfff00);
    match (major, minor) {
        (0, 0) => None,
        (4, 0..64) => Some(format!("tty{minor}")),
        (4, _) => Some(format!("ttyS{}", minor - 64)),
        (136..=143, _) => Some(format!("pts{}", (major - 136) * 256 + minor)),
        _ => {
            let text = std::fs::read_to_string(format!("/sys/dev/char/{major}:{minor}/uevent")).ok()?;
            text.lines().find_map(|line| line.strip_prefix("DEVNAME=")).map(str::to_owned)
        }
    }
}

fn read(tid: i32, file: &str) -> io::Result<Vec<u8>> {
    std::fs::read(format!("/proc/{tid}/{file}"))
}

fn link(tid: i32, name: &str) -> io::Result<PathBuf> {
    std::fs::read_link(format!("/proc/{tid}/{name}"))
}

fn unexpected(tid: i32, file: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{tid}/{file} has an unexpected form"))
}

/// Strings that each end in a zero byte.
fn strings(bytes: &[u8]) -> Vec<OsString> {
    if bytes.is_empty() {
        return Vec::new();
    }
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    bytes.split(|byte| *byte == 0).map(|text| std::ffi::OsStr::from_bytes(text).to_owned()).collect()
}

/// The name stands in parentheses and may hold any byte, so the fields are counted from the last one.
fn parse_stat(text: &[u8]) -> Option<Stat> {
    let open = memchr::memchr(b'(', text)?;
    let close = memchr::memrchr(b')', text)?;
    let fields: Vec<&str> = std::str::from_utf8(text.get(close + 2..)?).ok()?.split(' ').collect();
    Some(Stat {
        comm: text.get(open + 1..close)?.to_vec(),
        ppid: fields.get(1)?.parse().ok()?,
        tty: fields.get(4)?.parse::<i32>().ok()? as u32,
        start_ticks: fields.get(19)?.parse().ok()?,
    })
}

fn parse_status(text: &[u8]) -> Option<Status> {
    let mut status = Status::default();
    let mut found = 0;
    for line in text.split(|byte| *byte == b'\n') {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let numbers = || {
            let values = std::str::from_utf8(&line[colon + 1..]).ok()?.split_ascii_whitespace();
            values.map(|value| value.parse().ok()).collect::<Option<Vec<u32>>>()
        };
        match &line[..colon] {
            b"Uid" => status.users = numbers()?.try_into().ok()?,
            b"Gid" => status.groups = numbers()?.try_into().ok()?,
            b"Groups" => status.supplementary = numbers()?,
            b"CapPrm" | b"CapInh" | b"CapEff" | b"CapAmb" => {
                let value = u64::from_str_radix(std::str::from_utf8(&line[colon + 1..]).ok()?.trim(), 16).ok()?;
                match &line[3..colon] {
                    b"Prm" => status.capabilities.permitted = value,
                    b"Inh" => status.capabilities.inheritable = value,
                    b"Eff" => status.capabilities.effective = value,
                    _ => status.capabilities.ambient = value,
                }
                continue;
            }
            _ => continue,
        }
        found += 1;
    }
    (found == 3).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let text =
            b"77 (a) b (c)) S 12 77 77 34816 77 4194304 1 0 0 0 0 0 0 0 20 0 1 0 123456 4096 1 18446744073709551615";
        let stat = parse_stat(text).expect("valid");
        assert_eq!(stat, Stat { comm: b"a) b (c)".to_vec(), ppid: 12, tty: 34816, start_ticks: 123_456 });
        assert_eq!(parse_stat(b"77 (a) S 12"), None);
        assert_eq!(parse_stat(b""), None);
    }

    #[test]
    fn ids_and_groups_are_read_and_a_name_that_looks_like_a_line_is_not() {
        let text =
            b"Name:\tx\\nUid: 9\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t5 27 \nCapEff:\t000001ffffffffff\n";
        let status = parse_status(text).expect("valid");
        assert_eq!(
            (status.users, status.groups, status.supplementary.as_slice()),
            ([1, 2, 3, 4], [5, 6, 7, 8], &[5, 27][..])
        );
        assert_eq!(status.capabilities, Capabilities { effective: 0x1ff_ffff_ffff, ..Capabilities::default() });
        assert_eq!(parse_status(b"Uid:\t1\t2\t3\t4\n"), None);
    }

    #[test]
    fn terminals_have_the_names_that_the_kernel_logs() {
        assert_eq!(terminal(0), None);
        assert_eq!(terminal(34816), Some("pts0".to_owned()));
        assert_eq!(terminal(137 << 8 | 3), Some("pts259".to_owned()));
        assert_eq!((terminal(4 << 8 | 1), terminal(4 << 8 | 64)), (Some("tty1".to_owned()), Some("ttyS0".to_owned())));
    }

    #[test]
    fn a_title_loses_its_unprintable_end_only() {
        assert_eq!([&b"/bin/sh\0-e\0\0"[..], b"./ex\0", b"", b"\0\0"].map(printable_length), [10, 4, 0, 0]);
    }

    #[test]
    fn empty_arguments_are_kept() {
        assert_eq!(strings(b"st\0a b\0\0x\0"), ["st", "a b", "", "x"]);
        assert_eq!(strings(b"st\0\0"), ["st", ""]);
        assert_eq!((strings(b"\0"), strings(b"")), (vec![OsString::new()], Vec::<OsString>::new()));
    }
}
