//! The users and groups of a document: `user.*`, `group.*`, and where the integration keeps the rest.

use compact_str::CompactString;

use crate::audit::Accounts;
use crate::ecs::Value;

use super::coalesced::{Account, CoalescedEvent};
use super::fields::Writer;
use super::names::{below, id_fields};
use super::options::Flavour;

impl Writer<'_> {
    /// Writes `user.*` and `group.*`; gives the names of the users that the event itself is about.
    pub(super) fn accounts(&mut self, event: &CoalescedEvent<'_>) -> Vec<CompactString> {
        let accounts = self.options.accounts;
        let drops_effective = self.is_effective_equal(event);
        for (key, value) in event.ids.iter().filter(|(_, value)| **value != "unset") {
            if drops_effective && matches!(key, "euid" | "egid") {
                continue;
            }
            let fields = id_fields(key, self.options.flavour);
            let find = if key.ends_with("uid") { user_name } else { group_name };
            if let Some(found) = accounts.and_then(|accounts| find(accounts, value)) {
                self.put_renamed(key, fields.name, Value::from(found));
            }
            self.put_renamed(key, fields.id, Value::from(&**value));
        }
        if event.ids.iter().any(|(_, value)| *value != "unset") {
            let root =
                if self.options.flavour == Flavour::AuditdManager { "auditd.user.selinux" } else { "user.selinux" };
            for (part, value) in event.selinux.iter() {
                self.fields.push(below(root, part, self.options.flavour), &**value);
            }
        }
        let mut related = Vec::new();
        self.account(event.ecs.user.as_ref(), ["user.id", "user.name"], Some(&mut related));
        self.account(event.ecs.effective.as_ref(), ["user.effective.id", "user.effective.name"], Some(&mut related));
        self.account(event.ecs.target.as_ref(), ["user.target.id", "user.target.name"], Some(&mut related));
        self.account(event.ecs.group.as_ref(), ["group.id", "group.name"], None);
        if event.ecs.user.is_some() || event.ecs.effective.is_some() {
            self.drop_effective_if_equal();
        }
        related
    }

    /// An account that the table names replaces the one of the ids; one that is unset removes it.
    fn account(
        &mut self,
        account: Option<&Account<'_>>,
        [id, text]: [&'static str; 2],
        related: Option<&mut Vec<CompactString>>,
    ) {
        let Some(account) = account else { return };
        let accounts = self.options.accounts;
        let is_user = related.is_some();
        let (number, known) = match account {
            Account::Unset => (None, None),
            Account::Id(number) => {
                let find = if is_user { user_name } else { group_name };
                (Some(number.to_string()), accounts.and_then(|accounts| find(accounts, number)).map(str::to_owned))
            }
            Account::Name(text) => {
                let find = if is_user { Accounts::user_id } else { Accounts::group_id };
                (
                    accounts.and_then(|accounts| find(accounts, text)).map(|number| number.to_string()),
                    Some(text.to_string()),
                )
            }
        };
        match number {
            Some(number) => self.fields.set(id, number),
            None => drop(self.fields.remove(id)),
        }
        match known {
            Some(known) => {
                if let Some(related) = related.filter(|_| accounts.is_some()) {
                    related.push(CompactString::new(&known));
                }
                self.fields.set(text, known);
            }
            None => drop(self.fields.remove(text)),
        }
    }

    /// `user.effective` says nothing if it is the same user as `user`: seen in the ids, before anything is written.
    fn is_effective_equal(&self, event: &CoalescedEvent<'_>) -> bool {
        if event.ecs.user.is_some() || event.ecs.effective.is_some() {
            return false; // the table names other accounts
        }
        let (Some(user), Some(effective)) = (event.ids.get("uid"), event.ids.get("euid")) else { return false };
        let known = |id: &str| self.options.accounts.and_then(|accounts| user_name(accounts, id));
        user == effective || known(user).is_some_and(|name| known(effective) == Some(name))
    }

    /// The same for accounts that the table named, which are written already.
    fn drop_effective_if_equal(&mut self) {
        let equal = |of: &str, effective: &str| {
            self.fields.get(of).is_some_and(|value| Some(value) == self.fields.get(effective))
        };
        if equal("user.id", "user.effective.id") || equal("user.name", "user.effective.name") {
            self.fields.edit(|field, _| !field.starts_with("user.effective."));
        }
    }
}

/// The name of a user id, if it is a number and known.
pub(super) fn user_name<'a>(accounts: &'a Accounts, id: &str) -> Option<&'a str> {
    id.parse().ok().and_then(|id| accounts.user(id))
}

/// The name of a group id.
pub(super) fn group_name<'a>(accounts: &'a Accounts, id: &str) -> Option<&'a str> {
    id.parse().ok().and_then(|id| accounts.group(id))
}
