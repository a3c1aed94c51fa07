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

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths of the texts, as Linux 6.18 wrote them for the same arguments.
    fn lengths(argv: &[Vec<u8>]) -> Vec<usize> {
        texts(argv).iter().map(String::len).collect()
    }

    fn long(byte: u8, length: usize) -> Vec<Vec<u8>> {
        vec![b"st".to_vec(), vec![byte; length], b"x y".to_vec()]
    }

    #[test]
    fn short_arguments_stand_in_one_record() {
        let argv = [&b"st"[..], b"a b", b"", b"x\"y"].map(<[u8]>::to_vec);
        assert_eq!(texts(&argv), ["argc=4 a0=\"st\" a1=612062 a2=\"\" a3=782279"]);
        assert_eq!(texts(&[Vec::new()]), ["argc=1 a0=\"\""]);
        assert_eq!(texts(&[]), ["argc=0"]);
    }

    #[test]
    fn an_argument_longer_than_the_buffer_is_hex_in_pieces() {
        for byte in [b'A', b' '] {
            let texts = texts(&long(byte, 19_999));
            assert_eq!(lengths(&long(byte, 19_999)), [7506, 7499, 7499, 7499, 7499, 2575]);
            assert!(texts[0].starts_with(&format!("argc=3 a0=\"st\" a1_len=39998 a1[0]={byte:X}{byte:X}")));
            assert!(texts[1].starts_with(&format!(" a1[1]={byte:X}")));
            assert!(texts[5].starts_with(" a1[5]=") && texts[5].ends_with(" a2=782079"));
        }
    }

    #[test]
    fn an_argument_that_only_the_record_is_too_short_for_stays_in_quotes() {
        let argv = [b"st".to_vec(), b"b".to_vec(), vec![b'A'; 7499]];
        let texts = texts(&argv);
        assert_eq!(lengths(&argv), [7506, 44]);
        assert!(texts[0].starts_with("argc=3 a0=\"st\" a1=\"b\" a2_len=7499 a2[0]=\"AAA") && texts[0].ends_with("A\""));
        assert!(texts[1].starts_with(" a2[1]=\"AAA") && texts[1].ends_with("A\""));
    }

    #[test]
    fn many_arguments_go_on_in_further_records() {
        let word = |index| if index % 7 == 0 { b"plain".to_vec() } else { b"abc def".to_vec() };
        let argv: Vec<Vec<u8>> = (0..2999).map(word).collect();
        let texts = texts(&argv);
        assert_eq!(lengths(&argv), [7435, 7408, 7409, 7399, 7399, 7399, 7399, 7042]);
        assert!(texts[0].ends_with(" a394=61626320646566 a395_len=14 a395[0]=61626320646566"));
        assert!(texts[1].starts_with(" a396=61626320646566") && texts[1].ends_with(" a785=61626320646566"));
        assert!(texts[7].ends_with(" a2996=\"plain\" a2997=61626320646566 a2998=61626320646566"));
    }

    /// What the pieces of an argument say when they are put together again, as a reader of the log does it.
    fn read_back(texts: &[String], index: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in texts.iter().flat_map(|text| text.split(' ')) {
            let Some((key, value)) = word.split_once('=') else { continue };
            if key != format!("a{index}") && !key.starts_with(&format!("a{index}[")) {
                continue;
            }
            match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
                Some(plain) => bytes.extend(plain.as_bytes()),
                None => bytes.extend(
                    value
                        .as_bytes()
                        .chunks(2)
                        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex")),
                ),
            }
        }
        bytes
    }

    #[test]
    fn nothing_is_lost_at_any_length() {
        for length in (0..64).chain(3600..3800).chain(7350..7620).chain(14_950..15_050).step_by(3) {
            for byte in [b'A', b' '] {
                let argv = long(byte, length);
                let texts = texts(&argv);
                assert!((0..3).all(|index| read_back(&texts, index) == argv[index]), "{length} of {byte}");
                assert!(texts.iter().all(|text| text.len() < 7600), "{length} of {byte}");
            }
        }
    }
}
