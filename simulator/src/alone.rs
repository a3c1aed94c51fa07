//! Running one act directly, without anybody watching: `firstseen simulate`.

use std::os::unix::process::CommandExt;
use std::process::{self, Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::{Act, Report, Shortfall, SimulatorError, sys};

/// What became of an act that was run alone.
#[derive(Debug)]
pub struct Outcome {
    /// How its process ended; none if it took too long and was killed.
    pub status: Option<ExitStatus>,
    /// Process id that it had.
    pub pid: u32,
    /// What it said.
    pub report: Report,
    /// Whether that proves that the act was done.
    pub proof: Result<(), Shortfall>,
}

/// Starts an act, waits for its end, and reads its report. After `timeout` (real time) its process group is killed.
///
/// # Errors
/// When it cannot be started or its report cannot be read.
pub fn run_alone(mut act: Act, timeout: Duration) -> Result<Outcome, SimulatorError> {
    let mut command = process::Command::new(&act.program);
    if let Some((name, arguments)) = act.argv.split_first() {
        command.arg0(name).args(arguments);
    }
    command.env_clear().envs(act.env.iter().map(|(name, value)| (name, value)));
    command.current_dir(&act.cwd).process_group(0);
    let program = act.program.clone();
    let failed = |source| SimulatorError::Start { program: program.clone(), source };
    sys::end_with_us(&mut command);
    let descriptors = sys::pass(&mut command, act.take_descriptors()).map_err(failed)?;
    let mut child = command.spawn().map_err(failed)?;
    drop(descriptors);
    let pid = child.id();
    let status = wait(&mut child, timeout).map_err(failed)?;
    let report = act.report()?;
    let proof = act.proven_by(&report);
    Ok(Outcome { status, pid, report, proof })
}

fn wait(child: &mut Child, timeout: Duration) -> std::io::Result<Option<ExitStatus>> {
    let end = Instant::now() + timeout;
    let mut pause = Duration::from_micros(50);
    while Instant::now() < end {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
    // The group is the child's own, made for this act; the child is not yet reaped, so its number is still its own.
    killpg(Pid::from_raw(child.id() as i32), Signal::SIGKILL).ok();
    child.wait()?;
    Ok(None)
}
