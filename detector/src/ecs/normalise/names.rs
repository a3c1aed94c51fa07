//! Names of the fields in which the flavours differ, and of those that hold an id and its name.

use compact_str::CompactString;

use super::options::Flavour;

/// A field name that costs no allocation.
pub(super) const fn name(text: &'static str) -> CompactString {
    CompactString::const_new(text)
}

/// The fields of a user or group id: its number and its name.
pub(super) struct IdFields {
    pub(super) id: CompactString,
    pub(super) name: CompactString,
}

/// Where the id field of a record goes; the integration keeps what ECS has no place for under `auditd.user`.
pub(super) fn id_fields(key: &str, flavour: Flavour) -> IdFields {
    let fields = |id, text| IdFields { id: name(id), name: name(text) };
    let integration = flavour == Flavour::AuditdManager;
    match key {
        "uid" => fields("user.id", "user.name"),
        "gid" => fields("user.group.id", "user.group.name"),
        "euid" => fields("user.effective.id", "user.effective.name"),
        "egid" => fields("user.effective.group.id", "user.effective.group.name"),
        "suid" if integration => fields("auditd.user.saved.id", "auditd.user.saved.name"),
        "suid" => fields("user.saved.id", "user.saved.name"),
        "sgid" if integration => fields("auditd.user.saved.group.id", "auditd.user.saved.group.name"),
        "sgid" => fields("user.saved.group.id", "user.saved.group.name"),
        "fsuid" if integration => fields("auditd.user.filesystem.id", "auditd.user.filesystem.name"),
        "fsuid" => fields("user.filesystem.id", "user.filesystem.name"),
        "fsgid" if integration => fields("auditd.user.filesystem.group.id", "auditd.user.filesystem.group.name"),
        "fsgid" => fields("user.filesystem.group.id", "user.filesystem.group.name"),
        "auid" if integration => fields("auditd.user.audit.id", "auditd.user.audit.name"),
        "auid" => fields("user.audit.id", "user.audit.name"),
        other => {
            let key = key_of(other, flavour);
            let root = if integration && matches!(&*key, "old_auid" | "new_auid") { "auditd.user" } else { "user" };
            IdFields { id: joined(root, &key, ".id"), name: joined(root, &key, ".name") }
        }
    }
}

/// `auditd.data.KEY`
pub(super) fn data_field(key: &str, flavour: Flavour) -> CompactString {
    match key {
        // Those of every system call need no allocation and no copying.
        "arch" => name("auditd.data.arch"),
        "syscall" => name("auditd.data.syscall"),
        "exit" => name("auditd.data.exit"),
        "a0" => name("auditd.data.a0"),
        "a1" => name("auditd.data.a1"),
        "a2" => name("auditd.data.a2"),
        "a3" => name("auditd.data.a3"),
        "tty" => name("auditd.data.tty"),
        "items" => name("auditd.data.items"),
        "argc" => name("auditd.data.argc"),
        "op" => name("auditd.data.op"),
        "acct" => name("auditd.data.acct"),
        "terminal" => name("auditd.data.terminal"),
        "hostname" => name("auditd.data.hostname"),
        "addr" => name("auditd.data.addr"),
        _ => below("auditd.data", key, flavour),
    }
}

/// `auditd.data.socket.KEY`
pub(super) fn socket_field(key: &str, flavour: Flavour) -> CompactString {
    match key {
        "family" => name("auditd.data.socket.family"),
        "addr" => name("auditd.data.socket.addr"),
        "port" => name("auditd.data.socket.port"),
        "path" => name("auditd.data.socket.path"),
        "saddr" => name("auditd.data.socket.saddr"),
        _ => below("auditd.data.socket", key, flavour),
    }
}

/// `ROOT.KEY`
pub(super) fn below(root: &str, key: &str, flavour: Flavour) -> CompactString {
    joined(root, &key_of(key, flavour), "")
}

/// The integration's pipeline writes underscores for hyphens in every name.
fn key_of(key: &str, flavour: Flavour) -> CompactString {
    if flavour == Flavour::AuditdManager && key.contains('-') {
        CompactString::from(key.replace('-', "_"))
    } else {
        CompactString::new(key)
    }
}

fn joined(root: &str, key: &str, end: &str) -> CompactString {
    let mut name = CompactString::with_capacity(root.len() + 1 + key.len() + end.len());
    name.push_str(root);
    name.push('.');
    name.push_str(key);
    name.push_str(end);
    name
}

/// Whether the integration's pipeline turns this field of `auditd.data` into a number.
pub(super) fn is_number(key: &str) -> bool {
    matches!(
        key,
        "removed"
            | "items"
            | "lport"
            | "rport"
            | "sport"
            | "dport"
            | "entries"
            | "argc"
            | "seqno"
            | "nargs"
            | "old_vcpu"
            | "old-vcpu"
            | "new_vcpu"
            | "new-vcpu"
            | "changed"
            | "added"
            | "spid"
            | "opid"
            | "nlnk_pid"
            | "nlnk-pid"
            | "vm_pid"
            | "vm-pid"
            | "audit_pid"
            | "audit-pid"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_integration_moves_what_ecs_has_no_place_for() {
        let id = |key, flavour| id_fields(key, flavour).id;
        assert_eq!(id("auid", Flavour::Auditbeat), "user.audit.id");
        assert_eq!(id("auid", Flavour::AuditdManager), "auditd.user.audit.id");
        assert_eq!(id("old-auid", Flavour::Auditbeat), "user.old-auid.id");
        assert_eq!(id("old-auid", Flavour::AuditdManager), "auditd.user.old_auid.id");
        assert_eq!(id("uid", Flavour::AuditdManager), "user.id");
    }

    #[test]
    fn hyphens_become_underscores_in_the_integration_only() {
        assert_eq!(data_field("old-ses", Flavour::Auditbeat), "auditd.data.old-ses");
        assert_eq!(data_field("old-ses", Flavour::AuditdManager), "auditd.data.old_ses");
        assert_eq!(socket_field("port", Flavour::Auditbeat), "auditd.data.socket.port");
    }
}
