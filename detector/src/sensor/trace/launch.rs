//! A [`Launch`] made ready for the child: everything that needs memory or can fail is done before the fork.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::pipe2;

use crate::sensor::Launch;
use crate::sys::child::{Errand, Image, Plan};
use crate::sys::seccomp::Instruction;

/// What the parent keeps. Dropped before the child was let go, the child ends.
#[derive(Debug)]
pub(super) struct Reins {
    /// Lets the child go: one byte.
    pub(super) go: OwnedFd,
    /// Its report about a failure.
    pub(super) report: OwnedFd,
}

/// Makes a launch ready.
pub(super) fn prepare(launch: Launch, filter: Option<Vec<Instruction>>) -> io::Result<(Plan, Reins)> {
    let Launch { program, argv, env, cwd, descriptors, timeout: _ } = launch;
    let argv = argv.into_iter().map(|argument| string("an argument", argument)).collect::<io::Result<_>>()?;
    let env = env.into_iter().map(|(name, value)| {
        let mut variable = name.into_vec();
        variable.push(b'=');
        variable.extend(value.into_vec());
        string("the environment", OsString::from_vec(variable))
    });
    let env = env.collect::<io::Result<_>>()?;
    let image = Image::new(path("the program", program)?, path("the working directory", cwd)?, argv, env);
    plan(Errand::Execute(image), descriptors, filter)
}

/// Makes any errand ready.
pub(super) fn plan(
    errand: Errand,
    descriptors: Vec<(OwnedFd, i32)>,
    filter: Option<Vec<Instruction>>,
) -> io::Result<(Plan, Reins)> {
    let mut wanted = descriptors;
    if let Some((_, target)) = wanted.iter().find(|(_, target)| *target < 0) {
        return Err(invalid(format!("a program cannot have the descriptor {target}")));
    }
    for standard in 0..=2 {
        // A program without them would take the next file that it opens for its output.
        if !wanted.iter().any(|(_, target)| *target == standard)
            && let Ok(null) = File::options().read(true).write(true).open("/dev/null")
        {
            wanted.push((null.into(), standard));
        }
    }
    // Everything lies above the numbers that are given away, so no step of the child overwrites the source of another.
    let floor = wanted.iter().map(|(_, target)| target + 1).max().unwrap_or(0).max(3);
    let above = |descriptor: OwnedFd| -> io::Result<OwnedFd> {
        let number = fcntl(&descriptor, FcntlArg::F_DUPFD_CLOEXEC(floor))?;
        Ok(crate::sys::child::adopt(number))
    };
    let descriptors = wanted.into_iter().map(|(source, target)| Ok((above(source)?, target)));
    let descriptors = descriptors.collect::<io::Result<_>>()?;
    let (go, go_writer) = pipe2(OFlag::O_CLOEXEC)?;
    let (report, report_writer) = pipe2(OFlag::O_CLOEXEC)?;
    let go_writer = above(go_writer)?;
    let writer_number = go_writer.as_raw_fd();
    let plan =
        Plan { errand, descriptors, filter, go: above(go)?, go_writer: writer_number, report: above(report_writer)? };
    Ok((plan, Reins { go: go_writer, report }))
}

fn path(what: &str, path: PathBuf) -> io::Result<CString> {
    string(what, path.into_os_string())
}

fn string(what: &str, text: OsString) -> io::Result<CString> {
    CString::new(text.into_vec()).map_err(|error| {
        let text = String::from_utf8_lossy(&error.into_vec()).into_owned();
        invalid(format!("{what} has a zero byte: {text:?}"))
    })
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_source_lies_where_another_descriptor_goes() {
        let null = || -> OwnedFd { File::open("/dev/null").expect("a device").into() };
        let (plan, reins) =
            plan(Errand::MakePageExecutable, vec![(null(), 40), (null(), 1)], None).expect("descriptors");
        let targets: Vec<i32> = plan.descriptors.iter().map(|(_, target)| *target).collect();
        assert_eq!(targets, [40, 1, 0, 2]);
        let sources = plan.descriptors.iter().map(|(source, _)| source);
        let own = [&plan.go, &plan.report, &reins.go];
        assert!(sources.chain(own).all(|descriptor| descriptor.as_raw_fd() > 40));
    }

    #[test]
    fn a_negative_descriptor_is_refused() {
        let null = File::open("/dev/null").expect("a device").into();
        let error = plan(Errand::MakePageExecutable, vec![(null, -1)], None).expect_err("no such number");
        assert_eq!(error.to_string(), "a program cannot have the descriptor -1");
    }
}
