//! The real kernel, over a netlink socket: audit(7) has no library here, the protocol is small.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvfrom, sendto, setsockopt, socket,
};

use super::api::{AuditKernel, AuditStream, Connect, KernelCall, KernelError, MarkerKind, Received};
use super::rule::RuleData;
use super::wire::{self, AuditStatus, Message, StatusField};

/// Longest wait for the answer to one request.
const ANSWER: Duration = Duration::from_secs(1);
/// Largest datagram: libaudit's limit for a text is 8970 bytes.
const DATAGRAM: usize = 16 * 1024;
/// Receive buffer of a reader, bytes. The kernel doubles it; a record takes about 1 KiB of it.
const READER_BUFFER: usize = 16 * 1024 * 1024;
/// Bit of `AUDIT_NLGRP_READLOG` in the groups of an address.
const READLOG: u32 = 1;

/// A connection to the kernel's audit system.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
    buffer: Vec<u8>,
    sequence: u32,
}

impl Netlink {
    /// The way to the real kernel, for those who may need it later.
    #[must_use]
    pub fn connector() -> Connect {
        Arc::new(|| Ok(Box::new(Netlink::connect()?)))
    }

    /// Opens a socket. Nothing is asked yet, and no privilege is needed for it.
    ///
    /// # Errors
    /// EPROTONOSUPPORT: the kernel has no audit; EINVAL: a container's seccomp profile forbids it.
    pub fn connect() -> Result<Netlink, KernelError> {
        Ok(Netlink { socket: audit_socket()?, buffer: vec![0; DATAGRAM], sequence: 0 })
    }

    /// Sends a request and gathers the messages of the answer up to its end.
    fn ask(&mut self, call: KernelCall, kind: u16, payload: &[u8], end: Answer) -> Result<Vec<Vec<u8>>, KernelError> {
        let failed = |errno| KernelError { call, errno };
        self.sequence = self.sequence.wrapping_add(1).max(1);
        send(&self.socket, &wire::request(kind, self.sequence, payload)).map_err(failed)?;
        let deadline = Instant::now() + ANSWER;
        let mut gathered = Vec::new();
        let (mut acknowledged, mut complete) = (false, end == Answer::Acknowledgement);
        while !(acknowledged && complete) {
            let datagram = receive(&self.socket, &mut self.buffer, deadline).map_err(failed)?;
            let datagram = datagram.ok_or(failed(Errno::ETIMEDOUT))?;
            for Message { kind: answer, sequence, payload } in wire::messages(datagram) {
                // Answers to an earlier request that timed out may still come.
                if sequence != self.sequence {
                    continue;
                }
                match answer {
                    wire::NLMSG_ERROR => match wire::error_number(payload).ok_or(failed(Errno::EBADMSG))? {
                        error if error < 0 => return Err(failed(Errno::from_raw(-error))),
                        _ => acknowledged = true,
                    },
                    wire::NLMSG_DONE => complete = true,
                    _ if answer == kind => {
                        gathered.push(payload.to_vec());
                        complete |= end == Answer::OneMessage;
                    }
                    _ => {}
                }
            }
        }
        Ok(gathered)
    }
}

/// What an answer consists of, besides the acknowledgement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Acknowledgement,
    OneMessage,
    ListUntilDone,
}

impl AuditKernel for Netlink {
    fn status(&mut self) -> Result<AuditStatus, KernelError> {
        let answer = self.ask(KernelCall::Status, wire::AUDIT_GET, &[], Answer::OneMessage)?;
        let status = answer.first().and_then(|bytes| AuditStatus::decode(bytes));
        status.ok_or(KernelError { call: KernelCall::Status, errno: Errno::EBADMSG })
    }

    fn set(&mut self, field: StatusField, value: u32) -> Result<(), KernelError> {
        let answer = self.ask(KernelCall::Set(field), wire::AUDIT_SET, &field.set(value), Answer::Acknowledgement);
        answer.map(drop)
    }

    fn rules(&mut self) -> Result<Vec<RuleData>, KernelError> {
        let answer = self.ask(KernelCall::Rules, wire::AUDIT_LIST_RULES, &[], Answer::ListUntilDone)?;
        let rules: Result<_, _> = answer.iter().map(|bytes| RuleData::new(bytes)).collect();
        rules.map_err(|_| KernelError { call: KernelCall::Rules, errno: Errno::EBADMSG })
    }

    fn add_rule(&mut self, rule: &RuleData) -> Result<(), KernelError> {
        self.ask(KernelCall::AddRule, wire::AUDIT_ADD_RULE, rule.bytes(), Answer::Acknowledgement).map(drop)
    }

    fn delete_rule(&mut self, rule: &RuleData) -> Result<(), KernelError> {
        let rule = rule.appended();
        self.ask(KernelCall::DeleteRule, wire::AUDIT_DEL_RULE, rule.bytes(), Answer::Acknowledgement).map(drop)
    }

    fn listen(&mut self) -> Result<Box<dyn AuditStream>, KernelError> {
        let socket = join()?;
        // Best first: beyond the system's limit with CAP_NET_ADMIN, else up to it. Too small a buffer is no failure
        // here: what it loses is noticed and reported.
        if setsockopt(&socket, RcvBufForce, &READER_BUFFER).is_err() {
            let _ = setsockopt(&socket, RcvBuf, &READER_BUFFER);
        }
        Ok(Box::new(Multicast { socket, buffer: vec![0; DATAGRAM] }))
    }

    fn mark(&mut self, kind: MarkerKind, name: &str) -> Result<(), KernelError> {
        match kind {
            MarkerKind::Listener => mark_by_listening(name),
            MarkerKind::UserMessage => {
                let text = format!("op=firstseen-marker name={name}\0");
                self.ask(KernelCall::UserMessage, wire::AUDIT_USER, text.as_bytes(), Answer::Acknowledgement).map(drop)
            }
        }
    }
}

/// A member of the multicast group.
#[derive(Debug)]
struct Multicast {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

impl AuditStream for Multicast {
    fn receive(&mut self, timeout: Duration) -> Result<Received, KernelError> {
        match receive(&self.socket, &mut self.buffer, Instant::now() + timeout) {
            Ok(None) => Ok(Received::Nothing),
            Ok(Some(datagram)) => Ok(wire::record_of_datagram(datagram).map_or(Received::Nothing, Received::Record)),
            Err(Errno::ENOBUFS) => Ok(Received::Overflow),
            Err(errno) => Err(KernelError { call: KernelCall::Receive, errno }),
        }
    }
}

/// Joins and leaves the group in a thread of that name: the kernel's record of it carries the thread's name, which is
/// the same in every pid namespace, and the thread's own audit context.
fn mark_by_listening(name: &str) -> Result<(), KernelError> {
    let thread = thread::Builder::new().name(name.to_owned()).stack_size(64 * 1024).spawn(|| join().map(drop));
    let failed = |errno| KernelError { call: KernelCall::Listen, errno };
    let thread = thread.map_err(|error: io::Error| failed(Errno::from_raw(error.raw_os_error().unwrap_or(0))))?;
    thread.join().unwrap_or(Err(failed(Errno::ECANCELED)))
}

fn join() -> Result<OwnedFd, KernelError> {
    let socket = audit_socket()?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, READLOG))
        .map_err(|errno| KernelError { call: KernelCall::Listen, errno })?;
    Ok(socket)
}

fn audit_socket() -> Result<OwnedFd, KernelError> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkAudit)
        .map_err(|errno| KernelError { call: KernelCall::Socket, errno })
}

fn send(socket: &OwnedFd, bytes: &[u8]) -> Result<(), Errno> {
    loop {
        match sendto(socket.as_raw_fd(), bytes, &NetlinkAddr::new(0, 0), MsgFlags::empty()) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// The next datagram from the kernel, or `None` at the deadline. What other processes send to our address is ignored.
fn receive<'a>(socket: &OwnedFd, buffer: &'a mut [u8], deadline: Instant) -> Result<Option<&'a [u8]>, Errno> {
    loop {
        match recvfrom::<NetlinkAddr>(socket.as_raw_fd(), buffer) {
            Ok((length, Some(sender))) if sender.pid() == 0 => return Ok(Some(&buffer[..length.min(DATAGRAM)])),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(None);
                }
                wait(socket, left)?;
            }
            Err(errno) => return Err(errno),
        }
    }
}

fn wait(socket: &OwnedFd, time: Duration) -> Result<(), Errno> {
    let milliseconds = u16::try_from(time.as_millis()).unwrap_or(u16::MAX).max(1);
    match poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLIN)], PollTimeout::from(milliseconds)) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno),
    }
}
