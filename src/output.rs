//! Standard output and standard error, as people and pipes expect them.
//!
//! Colours appear only on a terminal and never with `NO_COLOR`. A reader that closes the pipe early is no error: what is
//! still to be written is dropped, the work goes on to its verdict, and the exit status stays the verdict's.

use std::io::{self, BufWriter, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use firstseen_scenarios::report::Page;
use terminal_size::{Width, terminal_size_of};

use crate::signals::wait_for_the_end;

/// Where answers go.
pub(crate) struct Output {
    stdout: BufWriter<io::Stdout>,
    colours: Colours,
    state: State,
}

/// What becomes of the colours that texts carry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Colours {
    Shown,
    Stripped,
}

enum State {
    Open,
    /// The reader is gone.
    Closed,
    /// Writing failed for another reason, such as a full disk.
    Broken(io::Error),
}

impl Output {
    pub(crate) fn new() -> Output {
        let stdout = io::stdout();
        let colours = match AutoStream::choice(&stdout) {
            ColorChoice::Never => Colours::Stripped,
            _ => Colours::Shown,
        };
        Output { stdout: BufWriter::with_capacity(1 << 16, stdout), colours, state: State::Open }
    }

    /// The page that texts for people are set on: as wide as the terminal, up to what a pipe gets.
    pub(crate) fn page(&self) -> Page {
        match terminal_size_of(io::stdout()) {
            Some((Width(columns), _)) => Page::new(usize::from(columns)),
            None => Page::default(),
        }
    }

    /// Writes a label, and text wrapped beside it.
    pub(crate) fn labelled(&mut self, label: &str, text: &str) {
        self.text(self.page().beside(&format!("  {label:8} "), 11, text));
    }

    /// Writes one line.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) {
        self.text(text);
        self.bytes(b"\n");
    }

    /// Writes one line of bytes.
    pub(crate) fn bytes_line(&mut self, line: &[u8]) {
        self.bytes(line);
        self.bytes(b"\n");
    }

    /// Writes text, with its colours on a terminal only.
    pub(crate) fn text(&mut self, text: impl AsRef<str>) {
        let text = text.as_ref();
        match self.colours {
            Colours::Shown => self.bytes(text.as_bytes()),
            Colours::Stripped => self.bytes(anstream::adapter::strip_str(text).to_string().as_bytes()),
        }
    }

    /// Writes a serialisable value as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl serde::Serialize) {
        match serde_json::to_vec(value) {
            Ok(bytes) => {
                self.bytes(&bytes);
                self.bytes(b"\n");
            }
            Err(error) => self.state = State::Broken(error.into()),
        }
    }

    /// Whether somebody still reads: long streams stop when nobody does.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Shows what was written so far, for output that grows while work goes on.
    pub(crate) fn flush(&mut self) {
        if self.is_open()
            && let Err(error) = self.stdout.flush()
        {
            self.note(error);
        }
    }

    /// Ends the output.
    ///
    /// # Errors
    /// When something could not be written; a reader that went away is no error.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.flush();
        match self.state {
            State::Broken(error) => Err(error),
            State::Open | State::Closed => Ok(()),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        wait_for_the_end();
        if self.is_open()
            && let Err(error) = self.stdout.write_all(bytes)
        {
            self.note(error);
        }
    }

    fn note(&mut self, error: io::Error) {
        self.state = if error.kind() == io::ErrorKind::BrokenPipe { State::Closed } else { State::Broken(error) };
    }
}

/// `1 document`, `2 documents`.
pub(crate) fn count(number: impl TryInto<u64>, what: &str) -> String {
    let number: u64 = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Writes a message for the person in front of the terminal; a closed standard error is ignored.
pub(crate) fn message(text: impl AsRef<str>) {
    wait_for_the_end();
    let _ = writeln!(anstream::stderr(), "{}", text.as_ref());
}

/// Whether progress may be drawn: only on a terminal.
pub(crate) fn shows_progress() -> bool {
    io::stderr().is_terminal() && io::stdout().is_terminal()
}
