//! The harmless shared object that preload acts make the dynamic loader load.
//!
//! Its constructor writes one line, "I was loaded into process N", to the descriptor that `FIRSTSEEN_REPORT_FD` names in the
//! process's environment, and does nothing at all where that variable is missing. It changes no symbol: the only function it
//! offers is `la_version`, which the loader asks of an object named in LD_AUDIT (rtld-audit(7)).

#![no_std]
#![no_builtins]
#![deny(unsafe_code)]

#[expect(dead_code, reason = "the worker needs more of them than the object")]
#[path = "../worker/sys.rs"]
mod sys;

use core::mem::MaybeUninit;

#[used]
#[expect(unsafe_code, reason = "this is how a constructor is declared")]
// SAFETY: the section holds pointers to functions of this type, called by the loader.
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = say_loaded;

/// The loader's question which version of the audit interface is spoken: whichever it speaks.
#[expect(unsafe_code, reason = "the loader looks the function up by name")]
// SAFETY: no other symbol of this name is linked into the object.
#[unsafe(no_mangle)]
pub extern "C" fn la_version(offered: u32) -> u32 {
    offered
}

extern "C" fn say_loaded() {
    const GETPID: usize = 39;
    if let Some(descriptor) = report_descriptor() {
        let mut line = Line { bytes: MaybeUninit::uninit(), length: 0 };
        line.push(b"{\"say\":\"object\",\"pid\":");
        line.push_number(sys::call1(GETPID, 0) as usize);
        line.push(b"}\n");
        line.send(descriptor);
    }
}

/// Reads `/proc/self/environ`, because not every loader hands the environment to constructors.
fn report_descriptor() -> Option<i32> {
    const NAME: &[u8] = b"FIRSTSEEN_REPORT_FD=";
    let file = sys::open(c"/proc/self/environ");
    if file < 0 {
        return None;
    }
    // `matched` counts the bytes of NAME seen at the beginning of the current variable; further on, its digits are read.
    let (mut matched, mut in_step, mut value) = (0, true, None);
    let mut byte = [0u8; 1];
    while sys::read(file as i32, &mut byte) == 1 {
        let [byte] = byte;
        if byte == 0 {
            if value.is_some() {
                break;
            }
            (matched, in_step) = (0, true);
        } else if in_step && matched == NAME.len() {
            in_step = byte.is_ascii_digit();
            if in_step {
                value = Some(value.unwrap_or(0i32).wrapping_mul(10).wrapping_add(i32::from(byte - b'0')));
            }
        } else if in_step {
            in_step = NAME[matched] == byte;
            matched += 1;
        }
    }
    sys::close(file as i32);
    value
}

struct Line {
    bytes: MaybeUninit<[u8; 64]>,
    length: usize,
}

impl Line {
    fn push(&mut self, text: &[u8]) {
        for &byte in text {
            if self.length < 64 {
                #[expect(
                    unsafe_code,
                    reason = "an initialised buffer would need memset, which the object must not import"
                )]
                // SAFETY: the index is inside the array.
                unsafe {
                    self.bytes.as_mut_ptr().cast::<u8>().add(self.length).write(byte);
                }
                self.length += 1;
            }
        }
    }

    fn push_number(&mut self, number: usize) {
        let mut power = 1;
        while number / power >= 10 {
            power *= 10;
        }
        while power > 0 {
            self.push(&[b'0' + (number / power % 10) as u8]);
            power /= 10;
        }
    }

    fn send(&self, descriptor: i32) {
        sys::call3(sys::WRITE, descriptor as usize, self.bytes.as_ptr() as usize, self.length);
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    sys::exit(70)
}
