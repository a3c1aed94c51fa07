//! The `EXECVE` records of one execution: arguments packed and split as `audit_log_execve_info` (kernel/auditsc.c) does it.

use std::fmt::Write as _;

use super::record::{hex, needs_hex};

/// `MAX_EXECVE_AUDIT_LEN`: the kernel's buffer for a piece of an argument, and the room for arguments in a record.
const RECORD: usize = 7500;
/// The kernel keeps so much of a record free for the name in front of a value.
const NAME: usize = 96;
/// `MAX_ARG_STRLEN`: longer arguments do not exist.
const LONGEST: usize = 32 * 4096;

/// The texts of the records: the first begins with `argc=`, the others with a space.
pub(super) fn texts(argv: &[Vec<u8>]) -> Vec<String> {
    let mut texts = Texts { done: Vec::new(), current: format!("argc={}", argv.len()), room: RECORD };
    for (index, argument) in argv.iter().enumerate() {
        texts.argument(index, argument);
    }
    texts.done.push(texts.current);
    texts.done
}

struct Texts {
    done: Vec<String>,
    current: String,
    room: usize,
}

impl Texts {
    /// Writes one argument, which the kernel fetches through its buffer: a piece is what the buffer holds, and what of it
    /// fits into the record. Hex is decided when the last of it is fetched, or as soon as it does not fit the buffer.
    fn argument(&mut self, index: usize, argument: &[u8]) {
        let argument = &argument[..argument.len().min(LONGEST)];
        let spans_buffers = argument.len() >= RECORD;
        let encoded = spans_buffers || needs_hex(argument);
        let full_length = argument.len() * if encoded { 2 } else { 1 };
        let mut rest = argument;
        let mut buffered = 0;
        let mut all_fetched = false;
        let mut piece = 0;
        loop {
            if !all_fetched {
                // Fills the buffer up; what does not fill it to the brim was the end of the argument.
                all_fetched = rest.len() < RECORD;
                buffered = rest.len().min(RECORD);
            }
            let written_length = if encoded { buffered * 2 } else { buffered + 2 };
            if NAME + 8 > self.room {
                self.next_record();
            }
            let name = if !all_fetched || piece > 0 || written_length + NAME > self.room {
                let length = if piece == 0 { format!(" a{index}_len={full_length}") } else { String::new() };
                piece += 1;
                format!("{length} a{index}[{}]=", piece - 1)
            } else {
                format!(" a{index}=")
            };
            self.current += &name;
            self.room -= name.len();
            let count = match encoded {
                true if written_length > self.room => self.room / 2,
                false if written_length > self.room => self.room - 2,
                _ => buffered,
            };
            let (now, later) = rest.split_at(count);
            if encoded {
                self.current += &hex(now);
                self.room -= count * 2;
            } else {
                _ = write!(self.current, "\"{}\"", String::from_utf8_lossy(now));
                self.room -= count + 2;
            }
            rest = later;
            buffered -= count;
            if buffered == 0 && all_fetched {
                return;
            }
        }
    }

    fn next_record(&mut self) {
        self.done.push(std::mem::take(&mut self.current));
        self.room = RECORD;
    }
}
