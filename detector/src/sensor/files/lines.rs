//! Lines out of a reader, borrowed from one large buffer.

use std::io::{ErrorKind, Read, Result};

/// A line that is longer than this is no telemetry; it is skipped.
pub(super) const MAX_LINE: usize = 64 << 20;
const BUFFER: usize = 1 << 20;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads lines; each is valid until the next one is asked for.
pub(super) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    /// What is filled and not yet given out.
    start: usize,
    end: usize,
    /// Up to here no newline was found.
    searched: usize,
    at_end: bool,
    /// Inside a line that is too long.
    skipping: bool,
    /// An error that was met while peeking; it comes again once what is buffered has been given out.
    failure: Option<std::io::Error>,
}

/// A line, or the remains of one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Without its newline.
    Whole(&'a [u8]),
    /// Longer than [`MAX_LINE`].
    TooLong,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(reader: R) -> Lines<R> {
        Lines {
            reader,
            buffer: vec![0; BUFFER],
            start: 0,
            end: 0,
            searched: 0,
            at_end: false,
            skipping: false,
            failure: None,
        }
    }

    /// The beginning of the file behind its byte order mark, without taking it; and an error, if one came so early.
    pub(super) fn peek(&mut self) -> (&[u8], Option<&std::io::Error>) {
        while self.end - self.start < BUFFER / 2 && !self.at_end && self.failure.is_none() {
            self.failure = self.fill().err();
        }
        if self.buffer[self.start..self.end].starts_with(BYTE_ORDER_MARK) {
            self.start += BYTE_ORDER_MARK.len();
            self.searched = self.start;
        }
        (&self.buffer[self.start..self.end], self.failure.as_ref())
    }

    /// The next line; nothing at the end. An error comes behind the last whole line; what follows that line is cut off
    /// and not given out.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..self.end]) {
                let line = self.start..self.searched + at;
                self.start = line.end + 1;
                self.searched = self.start;
                if std::mem::take(&mut self.skipping) {
                    return Ok(Some(Line::TooLong));
                }
                let line = &self.buffer[line];
                return Ok(Some(Line::Whole(line.strip_suffix(b"\r").unwrap_or(line))));
            }
            self.searched = self.end;
            if self.at_end {
                let rest = self.start..self.end;
                self.start = self.end;
                return Ok(match (std::mem::take(&mut self.skipping), rest.is_empty()) {
                    (true, _) => Some(Line::TooLong),
                    (false, true) => None,
                    (false, false) => Some(Line::Whole(&self.buffer[rest])),
                });
            }
            if self.end - self.start >= MAX_LINE {
                (self.start, self.skipping) = (self.end, true);
            }
            match self.failure.take() {
                Some(error) => return Err(error),
                None => self.fill()?,
            }
        }
    }

    /// Reads more, behind what is there.
    fn fill(&mut self) -> Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.searched, self.end) = (self.searched - self.start, self.end - self.start);
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.at_end = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> Vec<String> {
        let mut lines = Lines::new(text);
        let mut found = Vec::new();
        while let Some(line) = lines.next().expect("readable") {
            match line {
                Line::Whole(line) => found.push(String::from_utf8_lossy(line).into_owned()),
                Line::TooLong => found.push("TOO LONG".to_owned()),
            }
        }
        found
    }

    #[test]
    fn lines_end_with_a_newline_or_with_the_file() {
        assert_eq!(all(b"a\nb\r\n\nc"), ["a", "b", "", "c"]);
        assert_eq!(all(b"a\n"), ["a"]);
        assert!(all(b"").is_empty());
    }

    #[test]
    fn a_line_may_be_longer_than_the_buffer() {
        let long = "x".repeat(3 * BUFFER);
        assert_eq!(all(format!("a\n{long}\nb\n").as_bytes()), ["a", &long, "b"]);
    }

    #[test]
    fn a_line_that_is_far_too_long_is_skipped() {
        let long = "x".repeat(MAX_LINE + BUFFER);
        assert_eq!(all(format!("a\n{long}\nb").as_bytes()), ["a", "TOO LONG", "b"]);
    }

    #[test]
    fn peeking_takes_nothing() {
        let mut lines = Lines::new(&b"a\nb"[..]);
        let (start, failure) = lines.peek();
        assert_eq!((start, failure.is_none()), (&b"a\nb"[..], true));
        assert_eq!(lines.next().expect("readable"), Some(Line::Whole(b"a")));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_line() {
        let mut lines = Lines::new(&b"\xef\xbb\xbfa\n\xef\xbb\xbfb"[..]);
        assert_eq!(lines.peek().0, b"a\n\xef\xbb\xbfb");
        assert_eq!(lines.next().expect("readable"), Some(Line::Whole(b"a")));
        assert_eq!(lines.next().expect("readable"), Some(Line::Whole(b"\xef\xbb\xbfb")));
    }
}
