//! One file, from its first byte to the items in it.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::audit::{AuditEvent, AuditRecord, Reassembler, ReassemblerConfig, RecordType};
use crate::ecs::{EcsDocument, NormaliseOptions, normalise};

use super::decompress::decompressed;
use super::error::FileError;
use super::lines::{Line, Lines, MAX_LINE};

/// An opened file whose kind is known.
pub struct Source {
    path: PathBuf,
    lines: Lines<Box<dyn Read>>,
    format: Format,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lines of the audit daemon, RAW or ENRICHED.
    AuditLog,
    /// JSON documents, one a line.
    Ndjson,
    /// Nothing.
    Empty,
}

/// What is found in a file.
#[derive(Debug)]
pub enum Item<'a> {
    /// A line of NDJSON as it stands in the file: a document, or an object with `_source` and perhaps `_index` and `_id`.
    Json {
        /// Where it stands, from 1.
        line: u64,
        /// The line, not looked into beyond its first byte.
        text: &'a [u8],
    },
    /// The document of an event of an audit log.
    Document(EcsDocument),
}

/// How audit logs become documents.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions<'a> {
    /// Whose documents, and of which machine.
    pub normalise: NormaliseOptions<'a>,
    /// When an event is complete.
    pub reassembler: ReassemblerConfig,
}

/// How reading went.
#[derive(Debug, Default)]
pub struct Report {
    /// Lines, blank ones included.
    pub lines: u64,
    /// Items given out.
    pub items: u64,
    /// Lines that are neither.
    pub malformed: u64,
    /// The first of them.
    pub first_malformed: Vec<Malformed>,
    /// Serials that were missing between events of an audit log: lost, filtered, or not logged.
    pub missing_serials: u64,
    /// Why reading ended before the end of the file.
    pub failure: Option<FileError>,
}

/// A line that is no telemetry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Which line, from 1.
    pub line: u64,
    /// Why.
    pub reason: String,
}

/// So many malformed lines are remembered one by one.
const MAX_MALFORMED: usize = 20;

impl Source {
    /// Opens a file, or standard input for `-`, and sees what it holds.
    ///
    /// # Errors
    /// When it cannot be opened, is a directory, or holds neither audit records nor JSON.
    pub fn open(path: &Path) -> Result<Source, FileError> {
        if path == Path::new("-") {
            return Source::of(Path::new("standard input"), std::io::stdin());
        }
        let open = |source| FileError::Open { path: path.to_owned(), source };
        let file = File::open(path).map_err(open)?;
        if file.metadata().map_err(open)?.is_dir() {
            return Err(FileError::Directory { path: path.to_owned() });
        }
        Source::of(path, file)
    }

    /// Reads from anything; `path` is its name in messages.
    ///
    /// # Errors
    /// When its beginning cannot be read, or is neither audit records nor JSON.
    pub fn of(path: &Path, reader: impl Read + 'static) -> Result<Source, FileError> {
        let failed = |source| FileError::Read { path: path.to_owned(), line: 0, source };
        let mut lines = Lines::new(decompressed(reader).map_err(failed)?);
        let (start, failure) = lines.peek();
        let format = match (format_of(start), failure) {
            // Without one good line an early error is all that there is to say.
            (Ok(Format::Empty) | Err(_), Some(error)) => {
                return Err(failed(std::io::Error::new(error.kind(), error.to_string())));
            }
            (Err(what), None) => return Err(FileError::Unknown { path: path.to_owned(), what }),
            (Ok(format), _) => format,
        };
        Ok(Source { path: path.to_owned(), lines, format })
    }

    /// What the file holds.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Reads to the end, or until `out` breaks off; what went wrong is in the report.
    pub fn read(self, options: &ReadOptions<'_>, out: &mut dyn FnMut(Item<'_>) -> ControlFlow<()>) -> Report {
        let mut report = Report::default();
        let Source { path, mut lines, format } = self;
        let mut reader = Reader { options, out, report: &mut report, flow: ControlFlow::Continue(()) };
        let failure = match format {
            Format::AuditLog => reader.audit_log(&mut lines),
            Format::Ndjson | Format::Empty => reader.ndjson(&mut lines),
        };
        let line = report.lines;
        report.failure = failure.err().map(|source| FileError::Read { path, line, source });
        report
    }
}

/// Looks at the beginning of a file; says what it seems to be if it is nothing to read.
fn format_of(start: &[u8]) -> Result<Format, &'static str> {
    let mut lines =
        start.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_start).filter(|line| !line.is_empty()).peekable();
    let Some(first) = lines.peek() else { return Ok(Format::Empty) };
    let is_array = first.starts_with(b"[");
    let is_spread = first.trim_ascii_end() == b"{";
    // The first line that is one or the other decides: garbage may stand before it.
    for line in lines {
        // A brace alone begins a document that goes on in the next lines.
        if line.starts_with(b"{") && line.trim_ascii_end() != b"{" {
            return Ok(Format::Ndjson);
        }
        if line.starts_with(b"type=") || line.starts_with(b"node=") {
            return Ok(Format::AuditLog);
        }
    }
    Err(if is_array {
        "a JSON array"
    } else if is_spread {
        "JSON that is spread over several lines"
    } else if start.contains(&0) || std::str::from_utf8(start).is_err_and(|error| error.error_len().is_some()) {
        "binary data"
    } else {
        "other text"
    })
}

struct Reader<'r, 'o> {
    options: &'r ReadOptions<'o>,
    out: &'r mut dyn FnMut(Item<'_>) -> ControlFlow<()>,
    report: &'r mut Report,
    flow: ControlFlow<()>,
}

impl Reader<'_, '_> {
    fn ndjson(&mut self, lines: &mut Lines<Box<dyn Read>>) -> std::io::Result<()> {
        while self.flow.is_continue()
            && let Some(line) = lines.next()?
        {
            self.report.lines += 1;
            match line {
                Line::TooLong => self.malformed(too_long()),
                Line::Whole(text) => match text.trim_ascii_start() {
                    [] => {}
                    object @ [b'{', ..] if is_bulk_action(object) => {}
                    [b'{', ..] => {
                        let line = self.report.lines;
                        self.give(Item::Json { line, text });
                    }
                    _ => self.malformed("it does not begin with '{'".to_owned()),
                },
            }
        }
        Ok(())
    }

    fn audit_log(&mut self, lines: &mut Lines<Box<dyn Read>>) -> std::io::Result<()> {
        let mut reassembler = Reassembler::new(self.options.reassembler);
        let end = loop {
            let line = match lines.next() {
                Ok(Some(line)) if self.flow.is_continue() => line,
                Ok(_) => break Ok(()),
                Err(error) => break Err(error),
            };
            self.report.lines += 1;
            match line {
                Line::TooLong => self.malformed(too_long()),
                Line::Whole(line) => self.audit_line(line, &mut reassembler),
            }
        };
        // The events that were still open when the file ended are as good as the others.
        reassembler.finish(|event| self.event(event));
        self.report.missing_serials = reassembler.lost();
        end
    }

    fn audit_line(&mut self, line: &[u8], reassembler: &mut Reassembler) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let text = match std::str::from_utf8(line) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(line),
        };
        match AuditRecord::parse_line(&text) {
            Ok(record) if record.record_type == RecordType::REPLACE => {} // the kernel asking whether the daemon lives
            Ok(record) => reassembler.push(&record, |event| self.event(event)),
            Err(error) => self.malformed(error.reason),
        }
    }

    fn event(&mut self, event: &AuditEvent) {
        if self.flow.is_continue() {
            let document = normalise(event, &self.options.normalise);
            self.give(Item::Document(document));
        }
    }

    fn give(&mut self, item: Item<'_>) {
        self.report.items += 1;
        self.flow = (self.out)(item);
    }

    fn malformed(&mut self, reason: String) {
        self.report.malformed += 1;
        if self.report.first_malformed.len() < MAX_MALFORMED {
            self.report.first_malformed.push(Malformed { line: self.report.lines, reason });
        }
    }
}

fn too_long() -> String {
    format!("it is longer than {} MiB", MAX_LINE >> 20)
}

/// `{"index":{...}}` or `{"create":{...}}` and nothing else: what a bulk request says before each document.
fn is_bulk_action(object: &[u8]) -> bool {
    const LONGEST: usize = 2048;
    if object.len() > LONGEST {
        return false;
    }
    let rest = object[1..].trim_ascii_start();
    let named = [&b"\"index\""[..], b"\"create\""].into_iter().find_map(|name| rest.strip_prefix(name));
    let Some(rest) = named.map(<[u8]>::trim_ascii_start).and_then(|rest| rest.strip_prefix(b":")) else { return false };
    let Some(inner) = rest.trim_ascii().strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}")) else {
        return false;
    };
    // One object that ends right before the line's own brace.
    let inner = inner.trim_ascii_end();
    inner.strip_suffix(b"}").is_some_and(|meta| !meta.contains(&b'{') && !meta.contains(&b'}'))
}
