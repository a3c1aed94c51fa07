//! The parallel way in: lines are read by the caller, prepared by workers, and taken over in the order of the input, so the
//! result does not depend on the number of workers.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use super::document::Document;
use super::prepare::{Prepared, Preparer};
use super::runner::{Ingested, RuleRunner};

/// Takes lines of NDJSON, one document each; see [`Document::from_line`].
#[derive(Debug)]
pub struct Feed<'r> {
    runner: &'r mut RuleRunner,
    lines: Lines,
    /// Emptied buffers, for reuse.
    spare: Vec<Lines>,
    to_workers: Sender<(u64, Lines)>,
    from_workers: Receiver<(u64, Lines, Prepared)>,
    /// Batches sent to the workers, and batches taken over.
    sent: u64,
    taken: u64,
    /// Batches that were ready before an earlier one.
    ready: BTreeMap<u64, Prepared>,
    /// So many batches may be under way at once.
    depth: u64,
    total: Ingested,
}

/// Lines, one behind the other.
#[derive(Debug, Default)]
struct Lines {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Position of the first one in the input.
    first: u64,
}

/// Bytes of lines that make a batch.
const BATCH: usize = 1 << 20;

impl RuleRunner {
    /// Takes in the lines that `read` pushes; so many threads prepare them while the caller's own reads.
    ///
    /// Returns what `read` returned, and what became of the lines.
    pub fn load<R>(&mut self, workers: NonZeroUsize, read: impl FnOnce(&mut Feed<'_>) -> R) -> (R, Ingested) {
        let (compiled, keep) = (self.compiled.clone(), self.keep());
        let (to_workers, jobs) = channel::<(u64, Lines)>();
        let jobs = Mutex::new(jobs);
        let (done, from_workers) = channel();
        std::thread::scope(|scope| {
            for _ in 0..workers.get() {
                let (jobs, done, mut preparer) = (&jobs, done.clone(), Preparer::new(&compiled, keep));
                scope.spawn(move || {
                    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    while let Ok((number, mut lines)) = next() {
                        let prepared = lines.prepare(&mut preparer);
                        if done.send((number, lines, prepared)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(done);
            let mut feed = Feed {
                runner: self,
                lines: Lines::default(),
                spare: Vec::new(),
                to_workers,
                from_workers,
                sent: 0,
                taken: 0,
                ready: BTreeMap::new(),
                depth: 2 * workers.get() as u64,
                total: Ingested::default(),
            };
            let result = read(&mut feed);
            (result, feed.finish())
        })
    }
}

impl Feed<'_> {
    /// Adds a line, without its newline. Every line counts as a position; blank ones hold no document.
    pub fn push(&mut self, line: &[u8]) {
        self.lines.bytes.extend_from_slice(line);
        self.lines.ends.push(self.lines.bytes.len());
        if self.lines.bytes.len() >= BATCH {
            self.send();
        }
    }

    fn send(&mut self) {
        let mut lines = std::mem::replace(&mut self.lines, self.spare.pop().unwrap_or_default());
        lines.first = self.runner.offer(lines.ends.len() as u64).start;
        if self.to_workers.send((self.sent, lines)).is_ok() {
            self.sent += 1;
        }
        while self.sent - self.taken >= self.depth && self.take() {}
    }

    /// Waits for one batch and takes over what is in turn; false if no worker is left.
    fn take(&mut self) -> bool {
        let Ok((number, lines, prepared)) = self.from_workers.recv() else { return false };
        self.spare.push(lines);
        self.ready.insert(number, prepared);
        while let Some(prepared) = self.ready.remove(&self.taken) {
            self.taken += 1;
            let Ingested { read, kept, rejected } = self.runner.take_over(prepared);
            self.total.read += read;
            self.total.kept += kept;
            self.total.rejected.extend(rejected);
        }
        true
    }

    fn finish(mut self) -> Ingested {
        self.send();
        while self.taken < self.sent && self.take() {}
        self.total
    }
}

impl Lines {
    /// Prepares all lines and empties the buffer.
    fn prepare(&mut self, preparer: &mut Preparer<'_>) -> Prepared {
        let mut start = 0;
        for (position, end) in (self.first..).zip(&self.ends) {
            let line = &self.bytes[start..*end];
            start = *end;
            if line.trim_ascii().is_empty() {
                continue;
            }
            match Document::from_line(line) {
                Ok(document) => preparer.add(position, &document),
                Err(error) => preparer.reject(position, error.to_string()),
            }
        }
        self.bytes.clear();
        self.ends.clear();
        preparer.finish()
    }
}
