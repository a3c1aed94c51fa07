//! The alerts of one rule: what exists, by identity and by suppression group.
//!
//! They outlive changes of the rule, as alerts in an index do.

use std::hash::BuildHasher as _;

use hashbrown::{HashMap, HashTable};
use rustc_hash::FxBuildHasher;

use super::alert::{Alert, AlertStatus};
use crate::time::Millis;

/// All alerts in order of creation, numbered from 0.
#[derive(Debug, Default)]
pub(super) struct AlertStore {
    alerts: Vec<Alert>,
    /// Number of the document that each was made of.
    documents: Vec<u32>,
    ids: HashTable<u32>,
    groups: HashMap<GroupKey, Vec<u32>, FxBuildHasher>,
}

/// Identity of a suppression group: the rule object, the fields and their values, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct GroupKey(pub(super) String);

impl AlertStore {
    /// Adds an alert; its identity must be new.
    pub(super) fn add(&mut self, alert: Alert, document: u32, group: Option<GroupKey>) -> u32 {
        let number = self.alerts.len() as u32;
        let alerts = &self.alerts;
        self.ids.insert_unique(hash(&alert.id), number, |other| hash(&alerts[*other as usize].id));
        self.alerts.push(alert);
        self.documents.push(document);
        if let Some(group) = group {
            self.groups.entry(group).or_default().push(number);
        }
        number
    }

    /// The alert with an identity.
    pub(super) fn find(&self, id: &str) -> Option<u32> {
        self.ids.find(hash(id), |number| self.alerts[*number as usize].id == id).copied()
    }

    /// The newest alert of a group that is open and was created at or after an instant.
    pub(super) fn newest_open(&self, group: &GroupKey, since: Millis) -> Option<u32> {
        let of_group = self.groups.get(group)?.iter().copied();
        let open = of_group.filter(|number| {
            let alert = self.get(*number);
            alert.status == AlertStatus::Open && alert.created >= since
        });
        open.max_by_key(|number| (self.get(*number).created, *number))
    }

    /// The alerts of a group, in order of creation, whatever their status.
    pub(super) fn of_group(&self, group: &GroupKey) -> impl Iterator<Item = &Alert> {
        self.groups.get(group).into_iter().flatten().map(|number| self.get(*number))
    }

    pub(super) fn get(&self, number: u32) -> &Alert {
        &self.alerts[number as usize]
    }

    pub(super) fn get_mut(&mut self, number: u32) -> &mut Alert {
        &mut self.alerts[number as usize]
    }

    pub(super) fn all(&self) -> &[Alert] {
        &self.alerts
    }

    /// Number of the document that an alert was made of.
    pub(super) fn document(&self, number: usize) -> u32 {
        self.documents[number]
    }

    pub(super) fn len(&self) -> usize {
        self.alerts.len()
    }

    /// Sets the workflow status of all of them.
    pub(super) fn set_status(&mut self, status: AlertStatus) {
        for alert in &mut self.alerts {
            alert.status = status;
        }
    }
}

fn hash(id: &str) -> u64 {
    FxBuildHasher.hash_one(id)
}
