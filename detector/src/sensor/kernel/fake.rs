//! A kernel in memory, for what cannot be done to a real one: refusals, a locked system, records that get lost.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;

use crate::audit::{RawRecord, RecordType};
use crate::netlink::{
    AuditKernel, AuditStatus, AuditStream, Connect, KernelCall, KernelError, MarkerKind, Received, RuleData,
    StatusField,
};

/// Clones are the same kernel.
#[derive(Clone, Default)]
pub(crate) struct FakeKernel {
    state: Arc<Mutex<FakeState>>,
}

#[derive(Default)]
pub(crate) struct FakeState {
    pub(crate) status: AuditStatus,
    pub(crate) rules: Vec<RuleData>,
    /// Calls that are refused.
    pub(crate) refused: Vec<(KernelCall, Errno)>,
    /// Every change that was tried, in order.
    pub(crate) changes: Vec<String>,
    /// Kinds of markers that vanish.
    pub(crate) deaf_to: Vec<MarkerKind>,
    /// Whether markers come without the SYSCALL record of their thread.
    pub(crate) no_context: bool,
    pub(crate) serial: u32,
    stream: VecDeque<Received>,
}

impl FakeKernel {
    pub(crate) fn with(change: impl FnOnce(&mut FakeState)) -> FakeKernel {
        let kernel = FakeKernel::default();
        change(&mut kernel.state());
        kernel
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, FakeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is off and has no rules. (Never two `state()` in one expression: the first is still held.)
    pub(crate) fn is_untouched(&self) -> bool {
        let state = self.state();
        state.status.enabled == 0 && state.rules.is_empty()
    }

    pub(crate) fn connect(&self) -> Connect {
        let kernel = self.clone();
        Arc::new(move || Ok(Box::new(kernel.clone())))
    }
}

impl FakeState {
    /// Puts a record with the next serial number into the stream.
    pub(crate) fn emit(&mut self, kind: RecordType, text: &str) {
        self.serial += 1;
        self.emit_same(kind, text);
    }

    /// Puts one more record of the last event into the stream.
    pub(crate) fn emit_same(&mut self, kind: RecordType, text: &str) {
        let text = format!("audit(1700000000.000:{}): {text}", self.serial);
        self.stream.push_back(Received::Record(RawRecord { record_type: kind, text }));
    }

    pub(crate) fn overflow(&mut self) {
        self.stream.push_back(Received::Overflow);
    }

    fn check(&self, call: KernelCall) -> Result<(), KernelError> {
        let refused = self.refused.iter().find(|(other, _)| *other == call);
        refused.map_or(Ok(()), |(_, errno)| Err(KernelError { call, errno: *errno }))
    }

    fn check_locked(&self, call: KernelCall) -> Result<(), KernelError> {
        self.check(call)?;
        if self.status.enabled == 2 { Err(KernelError { call, errno: Errno::EPERM }) } else { Ok(()) }
    }
}

impl AuditKernel for FakeKernel {
    fn status(&mut self) -> Result<AuditStatus, KernelError> {
        let state = self.state();
        state.check(KernelCall::Status).map(|()| state.status)
    }

    fn set(&mut self, field: StatusField, value: u32) -> Result<(), KernelError> {
        let mut state = self.state();
        state.changes.push(format!("{}={value}", field.name()));
        state.check_locked(KernelCall::Set(field))?;
        match field {
            StatusField::Enabled => state.status.enabled = value,
            StatusField::BacklogLimit => state.status.backlog_limit = value,
            StatusField::BacklogWaitTime => state.status.backlog_wait_time = Some(value),
        }
        Ok(())
    }

    fn rules(&mut self) -> Result<Vec<RuleData>, KernelError> {
        let state = self.state();
        state.check(KernelCall::Rules).map(|()| state.rules.clone())
    }

    fn add_rule(&mut self, rule: &RuleData) -> Result<(), KernelError> {
        let mut state = self.state();
        state.changes.push(format!("add {rule}"));
        state.check_locked(KernelCall::AddRule)?;
        let listed = rule.appended();
        if state.rules.contains(&listed) {
            return Err(KernelError { call: KernelCall::AddRule, errno: Errno::EEXIST });
        }
        let place = if *rule == listed { state.rules.len() } else { 0 };
        state.rules.insert(place, listed);
        Ok(())
    }

    fn delete_rule(&mut self, rule: &RuleData) -> Result<(), KernelError> {
        let mut state = self.state();
        state.changes.push(format!("delete {rule}"));
        state.check_locked(KernelCall::DeleteRule)?;
        let found = state.rules.iter().position(|other| other == rule);
        let found = found.ok_or(KernelError { call: KernelCall::DeleteRule, errno: Errno::ENOENT })?;
        state.rules.remove(found);
        Ok(())
    }

    fn listen(&mut self) -> Result<Box<dyn AuditStream>, KernelError> {
        self.state().check(KernelCall::Listen)?;
        Ok(Box::new(FakeStream { kernel: self.clone() }))
    }

    fn mark(&mut self, kind: MarkerKind, name: &str) -> Result<(), KernelError> {
        let mut state = self.state();
        if kind == MarkerKind::UserMessage {
            state.check(KernelCall::UserMessage)?;
        }
        // As the real one: without audit, nothing is logged, and no error either.
        if state.deaf_to.contains(&kind) || state.status.enabled == 0 {
            return Ok(());
        }
        match kind {
            MarkerKind::Listener => {
                state.emit(RecordType::EVENT_LISTENER, &format!("pid=1 comm=\"{name}\" nl-mcgrp=1 op=connect res=1"));
                if !state.no_context {
                    state.emit_same(RecordType::SYSCALL, &format!("syscall=49 pid=1 comm=\"{name}\""));
                }
            }
            MarkerKind::UserMessage => state.emit(RecordType::USER, &format!("pid=1 msg='op=marker name={name}'")),
        }
        Ok(())
    }
}

struct FakeStream {
    kernel: FakeKernel,
}

impl AuditStream for FakeStream {
    fn receive(&mut self, timeout: Duration) -> Result<Received, KernelError> {
        self.kernel.state().check(KernelCall::Receive)?;
        if let Some(received) = self.kernel.state().stream.pop_front() {
            return Ok(received);
        }
        std::thread::sleep(timeout.min(Duration::from_millis(1)));
        Ok(Received::Nothing)
    }
}
