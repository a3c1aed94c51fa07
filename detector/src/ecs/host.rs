//! The machine and the shipper as documents name them (`host.*`, `agent.*`).

use std::path::Path;

use compact_str::CompactString;
use uuid::Uuid;

use super::{Fields, Value};

/// What the processors of a shipper know of the machine. Empty texts and lists are unknown, and leave their field out.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostInfo {
    /// `host.id`: the machine id.
    pub id: String,
    /// `host.name`
    pub name: String,
    /// `host.hostname`
    pub hostname: String,
    /// `host.architecture`: `x86_64`
    pub architecture: String,
    /// `host.os.*`
    pub os: HostOs,
    /// `host.ip`
    pub ip: Vec<String>,
    /// `host.mac`: `00-16-3E-00-00-01`
    pub mac: Vec<String>,
}

/// `host.os.*`
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostOs {
    /// `linux`: what rules ask for.
    #[serde(rename = "type")]
    pub kind: String,
    /// `debian`, `redhat`, ...
    pub family: String,
    /// `Debian GNU/Linux`
    pub name: String,
    /// `debian`, `ubuntu`, ...
    pub platform: String,
    /// Release of the kernel.
    pub kernel: String,
    /// `12 (bookworm)`
    pub version: String,
}

impl Default for HostOs {
    fn default() -> HostOs {
        HostOs {
            kind: "linux".to_owned(),
            family: String::new(),
            name: String::new(),
            platform: String::new(),
            kernel: String::new(),
            version: String::new(),
        }
    }
}

impl HostInfo {
    /// A Linux machine with this name, and an id that follows from the name.
    #[must_use]
    pub fn named(name: &str) -> HostInfo {
        HostInfo {
            id: Uuid::new_v5(&Uuid::NAMESPACE_DNS, name.as_bytes()).simple().to_string(),
            name: name.to_owned(),
            hostname: name.to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            ..HostInfo::default()
        }
    }

    /// This machine, from uname, `/etc/machine-id`, `/etc/os-release`, `/sys/class/net` and `/proc/net`; what cannot be read is left
    /// unknown. Without a machine id the id follows from the name.
    #[must_use]
    pub fn of_this_machine() -> HostInfo {
        let uname = nix::sys::utsname::uname().ok();
        let text = |pick: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
            uname.as_ref().map(|uname| pick(uname).to_string_lossy().into_owned()).unwrap_or_default()
        };
        let hostname = text(nix::sys::utsname::UtsName::nodename);
        let ids = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
        let id = ids.iter().map(|path| read(path).trim().to_owned()).find(|id| !id.is_empty());
        let release = OsRelease::parse(
            &["/etc/os-release", "/usr/lib/os-release"]
                .map(read)
                .into_iter()
                .find(|text| !text.is_empty())
                .unwrap_or_default(),
        );
        HostInfo {
            id: id.unwrap_or_else(|| HostInfo::named(&hostname).id),
            name: hostname.clone(),
            hostname,
            architecture: text(nix::sys::utsname::UtsName::machine),
            os: HostOs {
                family: release.family(),
                name: release.name,
                platform: release.id,
                kernel: text(nix::sys::utsname::UtsName::release),
                version: release.version,
                ..HostOs::default()
            },
            ip: addresses(&read("/proc/net/fib_trie"), &read("/proc/net/if_inet6")),
            mac: hardware_addresses(Path::new("/sys/class/net")),
        }
    }

    /// Adds `host.*` to a document that has none.
    pub fn write(&self, fields: &mut Fields) {
        let texts: [(&'static str, &String); 10] = [
            ("host.id", &self.id),
            ("host.name", &self.name),
            ("host.hostname", &self.hostname),
            ("host.architecture", &self.architecture),
            ("host.os.type", &self.os.kind),
            ("host.os.family", &self.os.family),
            ("host.os.name", &self.os.name),
            ("host.os.platform", &self.os.platform),
            ("host.os.kernel", &self.os.kernel),
            ("host.os.version", &self.os.version),
        ];
        for (field, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            fields.push(CompactString::const_new(field), text.as_str());
        }
        for (field, list) in
            [("host.ip", &self.ip), ("host.mac", &self.mac)].into_iter().filter(|(_, list)| !list.is_empty())
        {
            fields.push(
                CompactString::const_new(field),
                Value::List(list.iter().map(|item| Value::from(item.as_str())).collect()),
            );
        }
    }
}

/// The shipper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// `agent.id`
    pub id: String,
    /// `agent.version`
    pub version: String,
}

impl Agent {
    /// The agent of a machine: its id follows from the machine's.
    #[must_use]
    pub fn of(host: &HostInfo) -> Agent {
        Agent { id: Uuid::new_v5(&Uuid::NAMESPACE_OID, host.id.as_bytes()).to_string(), version: "9.0.0".to_owned() }
    }

    /// Adds `agent.*` to a document that has none.
    pub fn write(&self, kind: &'static str, fields: &mut Fields) {
        fields.push(CompactString::const_new("agent.id"), self.id.as_str());
        fields.push(CompactString::const_new("agent.type"), kind);
        fields.push(CompactString::const_new("agent.version"), self.version.as_str());
    }
}

/// os-release(5)
#[derive(Debug, Default, PartialEq, Eq)]
struct OsRelease {
    id: String,
    name: String,
    version: String,
    like: String,
}

impl OsRelease {
    fn parse(text: &str) -> OsRelease {
        let mut release = OsRelease::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            let value = value.trim().trim_matches(['"', '\'']).to_owned();
            match key.trim() {
                "ID" => release.id = value,
                "NAME" => release.name = value,
                "VERSION" => release.version = value,
                "ID_LIKE" => release.like = value,
                _ => {}
            }
        }
        release
    }

    /// The family as the shippers group distributions.
    fn family(&self) -> String {
        let ids = std::iter::once(self.id.as_str()).chain(self.like.split_whitespace());
        let family = ids.into_iter().find_map(|id| match id {
            "debian" | "ubuntu" | "linuxmint" | "raspbian" => Some("debian"),
            "rhel" | "fedora" | "centos" | "rocky" | "almalinux" | "amzn" | "ol" => Some("redhat"),
            "suse" | "opensuse" | "opensuse-leap" | "opensuse-tumbleweed" | "sles" => Some("suse"),
            "arch" => Some("arch"),
            "alpine" => Some("alpine"),
            _ => None,
        });
        family.unwrap_or(&self.id).to_owned()
    }
}

/// Local addresses out of `/proc/net/fib_trie` and `/proc/net/if_inet6`, without those of the loopback.
fn addresses(v4: &str, v6: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut last = "";
    for line in v4.lines().map(str::trim) {
        match line.strip_prefix("|-- ") {
            Some(address) => last = address,
            None if line == "/32 host LOCAL" && !last.starts_with("127.") => found.push(last.to_owned()),
            None => {}
        }
    }
    for line in v6.lines() {
        let digits = line.split_whitespace().next().unwrap_or_default();
        if let Ok(address) = u128::from_str_radix(digits, 16).map(std::net::Ipv6Addr::from)
            && !address.is_loopback()
        {
            found.push(address.to_string());
        }
    }
    found.sort();
    found.dedup();
    found
}

fn hardware_addresses(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let texts = entries.map(|entry| read(entry.path().join("address")));
    let addresses = texts.map(|text| text.trim().to_ascii_uppercase().replace(':', "-"));
    let mut addresses: Vec<String> =
        addresses.filter(|address| address.len() == 17 && address != "00-00-00-00-00-00").collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_a_linux_machine_with_a_name_and_an_id() {
        let host = HostInfo::of_this_machine();
        assert_eq!(host.os.kind, "linux");
        assert!(!host.id.is_empty() && !host.name.is_empty() && !host.os.kernel.is_empty());
        assert_eq!(HostInfo::of_this_machine(), host);
    }

    #[test]
    fn a_named_machine_is_always_the_same_and_differs_from_others() {
        assert_eq!(HostInfo::named("web-1"), HostInfo::named("web-1"));
        assert_ne!(HostInfo::named("web-1").id, HostInfo::named("web-2").id);
        assert_ne!(Agent::of(&HostInfo::named("web-1")), Agent::of(&HostInfo::named("web-2")));
    }

    #[test]
    fn unknown_facts_leave_their_field_out() {
        let mut fields = Fields::new();
        HostInfo { id: "x".to_owned(), ..HostInfo::default() }.write(&mut fields);
        assert_eq!(fields.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["host.id", "host.os.type"]);
    }

    #[test]
    fn distributions_have_families() {
        let family = |text: &str| OsRelease::parse(text).family();
        assert_eq!(family("ID=ubuntu\nID_LIKE=debian\nVERSION=\"24.04\""), "debian");
        assert_eq!(family("ID=\"somebody\"\nID_LIKE=\"rhel fedora\""), "redhat");
        assert_eq!(family("ID=void"), "void");
        assert_eq!(family(""), "");
    }

    #[test]
    fn addresses_of_the_loopback_are_left_out() {
        let v4 = "  |-- 10.0.0.5\n     /32 host LOCAL\n  |-- 127.0.0.1\n     /32 host LOCAL\n  |-- 10.0.0.0\n     /24 link UNICAST\n";
        let v6 = "00000000000000000000000000000001 01 80 10 80 lo\nfe80000000000000000000000000000a 02 40 20 80 eth0\n";
        assert_eq!(addresses(v4, v6), ["10.0.0.5", "fe80::a"]);
    }
}
