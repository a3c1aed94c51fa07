//! A progress bar for long work, on a terminal only.

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::shows_progress;

/// Counts steps; draws only on a terminal.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar for so many steps.
    pub(crate) fn new(steps: usize) -> Progress {
        if !shows_progress() {
            return Progress(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(steps as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed}") {
            bar.set_style(style);
        }
        Progress(bar)
    }

    /// One step more is done; steps that nobody had counted (controls, repetitions) make the bar longer.
    pub(crate) fn step(&self) {
        self.0.set_length(self.0.length().unwrap_or(0).max(self.0.position() + 1));
        self.0.inc(1);
    }

    /// Writes something without the bar getting in the way.
    pub(crate) fn suspend(&self, write: impl FnOnce()) {
        self.0.suspend(write);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
