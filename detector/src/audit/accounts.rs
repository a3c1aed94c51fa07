//! Names of users and groups.
//!
//! A recorded log may come from another machine, so names are looked up in a value that the caller chooses, never in the
//! machine behind its back.

use std::path::Path;

use rustc_hash::FxHashMap;

/// Who has which id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    users: Names,
    groups: Names,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names(FxHashMap<u32, String>);

impl Accounts {
    /// Nobody: ids stay numbers.
    #[must_use]
    pub fn none() -> Accounts {
        Accounts::default()
    }

    /// Reads the text of passwd(5) and group(5); lines that are none are skipped. For an id that occurs twice the first
    /// line counts, as in getpwuid(3).
    #[must_use]
    pub fn parse(passwd: &str, group: &str) -> Accounts {
        Accounts { users: Names::parse(passwd), groups: Names::parse(group) }
    }

    /// The accounts in `/etc/passwd` and `/etc/group`; a file that cannot be read gives no names. Accounts of a directory
    /// service are not found. Root is always known.
    #[must_use]
    pub fn of_this_machine() -> Accounts {
        let read = |path: &str| {
            let bytes = std::fs::read(Path::new(path)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let mut accounts = Accounts::parse(&read("/etc/passwd"), &read("/etc/group"));
        accounts.users.0.entry(0).or_insert_with(|| "root".to_owned());
        accounts.groups.0.entry(0).or_insert_with(|| "root".to_owned());
        accounts
    }

    /// Adds or renames a user.
    #[must_use]
    pub fn with_user(mut self, id: u32, name: &str) -> Accounts {
        self.users.0.insert(id, name.to_owned());
        self
    }

    /// Adds or renames a group.
    #[must_use]
    pub fn with_group(mut self, id: u32, name: &str) -> Accounts {
        self.groups.0.insert(id, name.to_owned());
        self
    }

    /// The name of a user.
    #[must_use]
    pub fn user(&self, id: u32) -> Option<&str> {
        self.users.0.get(&id).map(String::as_str)
    }

    /// The name of a group.
    #[must_use]
    pub fn group(&self, id: u32) -> Option<&str> {
        self.groups.0.get(&id).map(String::as_str)
    }

    /// Names of the users and groups that belong to people: ids from 1000 on, without `nobody` and `nogroup`.
    pub fn people(&self) -> impl Iterator<Item = &str> {
        let names = self.users.0.iter().chain(&self.groups.0);
        names.filter(|(id, _)| **id >= 1000 && **id != 65534).map(|(_, name)| name.as_str())
    }

    /// The id of a user.
    #[must_use]
    pub fn user_id(&self, name: &str) -> Option<u32> {
        self.users.id(name)
    }

    /// The id of a group.
    #[must_use]
    pub fn group_id(&self, name: &str) -> Option<u32> {
        self.groups.id(name)
    }
}

impl Names {
    fn parse(text: &str) -> Names {
        let mut names = FxHashMap::default();
        for line in text.lines() {
            let mut parts = line.split(':');
            if let (Some(name), Some(_), Some(Ok(id))) = (parts.next(), parts.next(), parts.next().map(str::parse)) {
                names.entry(id).or_insert_with(|| name.to_owned());
            }
        }
        Names(names)
    }

    /// The smallest id of that name, so that the answer does not depend on the order of a hash.
    fn id(&self, name: &str) -> Option<u32> {
        self.0.iter().filter(|(_, known)| *known == name).map(|(id, _)| *id).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_an_id_counts_and_broken_lines_are_skipped() {
        let accounts =
            Accounts::parse("root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:\nbroken\nbad:x:y:0\n", "wheel:x:10:a,b\n");
        assert_eq!((accounts.user(0), accounts.user(1)), (Some("root"), None));
        assert_eq!(
            (accounts.group(10), accounts.group_id("wheel"), accounts.user_id("toor")),
            (Some("wheel"), Some(10), None)
        );
    }

    #[test]
    fn root_is_always_known_here() {
        let accounts = Accounts::of_this_machine();
        assert!(accounts.user(0).is_some() && accounts.group(0).is_some());
    }
}
