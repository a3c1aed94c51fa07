//! Acts on the permissions of memory. Each makes the call, reads back what the page became, and reports both.

use core::hint::black_box;
use core::mem::MaybeUninit;

use crate::exec;
use crate::maps;
use crate::memory::*;
use crate::report::{MemoryCall, Reporter};
use crate::sys::{self, MPROTECT, MUNMAP, PAGE, PROT_EXEC, PROT_READ, PROT_WRITE, Start};
use crate::thread;

/// Does the act of this name. Status as of the worker.
pub fn run(technique: &[u8], start: &Start, reporter: Reporter) -> i32 {
    let act = Memory { reporter };
    let number = || start.argument(2).and_then(|text| sys::number(text.to_bytes())).unwrap_or(1);
    let done = match technique {
        b"rwx.mprotect" => act.on_new_page(RW, PRIVATE, RWX),
        b"rwx.two-step" => act.on_new_page(RW, PRIVATE, RX),
        b"rwx.relro" => act.on_new_page(RW, PRIVATE, PROT_READ),
        b"rwx.shared" => act.on_new_page(RW, MAP_SHARED | MAP_ANONYMOUS, RWX),
        b"rwx.prot-sem" => act.on_new_page(RW, PRIVATE, RWX | PROT_SEM),
        b"rwx.grows-down" => act.on_new_page(RW, PRIVATE | MAP_GROWSDOWN, RWX | PROT_GROWSDOWN),
        b"rwx.high-bits" => act.on_new_page(RW, PRIVATE, RWX | HIGH_BIT),
        b"rwx.write-exec" => act.on_new_page(RW, PRIVATE, PROT_WRITE | PROT_EXEC),
        b"rwx.file-backed" => act.file_backed(),
        b"rwx.stack" => act.stack(),
        b"rwx.heap" => act.heap(),
        b"rwx.unmapped" => act.unmapped(),
        b"rwx.zero-length" => act.odd_range(0, 0),
        b"rwx.unaligned" => act.odd_range(1, PAGE),
        b"rwx.renamed-thread" => act.renamed_thread(start),
        b"rwx.cover-name" => act.cover_name(start),
        b"rwx.read-implies-exec" => act.read_implies_exec(),
        b"rwx.pkey-mprotect" => act.pkey_mprotect(),
        b"rwx.mmap" => act.mmap(),
        b"rwx.int80" => act.int80(),
        b"rwx.x32" => act.x32(),
        b"rwx.memfd-dual-view" => act.memfd_dual_view(),
        b"rwx.memfd-program" => act.memfd_program(start),
        b"rwx.deleted" => act.deleted(),
        b"rwx.child" => act.child(),
        b"rwx.execstack" => act.execstack(),
        b"rwx.many-pages" => act.many_pages(number()),
        b"rwx.repeated" => act.repeated(number()),
        b"rwx.transient" => act.transient(),
        b"rwx.jit-java" => return exec::wait_for_program(start, &act.reporter),
        _ => return 64,
    };
    if done.is_ok() { 0 } else { 69 }
}

/// The acts.
impl Memory {
    /// The plain form: a new page, then `mprotect` on it.
    fn on_new_page(&self, first: usize, flags: usize, then: usize) -> Done {
        let page = self.map(PAGE, first, flags, NONE)?;
        self.protect(page, PAGE, then);
        Ok(())
    }

    /// A private mapping of our own executable file.
    fn file_backed(&self) -> Done {
        let file = self.checked("open its own executable", sys::open(c"/proc/self/exe"))?;
        let page = self.map(PAGE, RW, MAP_PRIVATE, file)?;
        self.protect(page, PAGE, RWX);
        Ok(())
    }

    /// A whole page in the middle of a local variable.
    fn stack(&self) -> Done {
        let mut local = MaybeUninit::<[u8; 3 * PAGE]>::uninit();
        let start = black_box(&mut local).as_mut_ptr() as usize;
        self.protect(start.next_multiple_of(PAGE), PAGE, RWX);
        black_box(&local);
        Ok(())
    }

    /// A page of the program break.
    fn heap(&self) -> Done {
        const BRK: usize = 12;
        let end = sys::call1(BRK, 0) as usize;
        let page = end.next_multiple_of(PAGE);
        let grown = sys::call1(BRK, page + PAGE);
        if grown as usize != page + PAGE {
            self.reporter.refused("grow the heap", -12);
            return Err(Refused);
        }
        self.protect(page, PAGE, RWX);
        Ok(())
    }

    /// A page that was just taken away again: the call fails.
    fn unmapped(&self) -> Done {
        let page = self.map(PAGE, RW, PRIVATE, NONE)?;
        sys::call2(MUNMAP, page, PAGE);
        self.protect(page, PAGE, RWX);
        Ok(())
    }

    fn odd_range(&self, offset: usize, length: usize) -> Done {
        let page = self.map(PAGE, RW, PRIVATE, NONE)?;
        self.protect(page + offset, length, RWX);
        Ok(())
    }

    fn renamed_thread(&self, start: &Start) -> Done {
        let page = self.map(PAGE, RW, PRIVATE, NONE)?;
        let name = start.argument(2).unwrap_or(c"worker-thread-x");
        let started = thread::run(&|| {
            sys::rename_thread(name);
            self.protect(page, PAGE, RWX);
        });
        started.map_err(|error| {
            self.reporter.refused("start a thread", error);
            Refused
        })
    }

    fn cover_name(&self, start: &Start) -> Done {
        sys::rename_thread(start.argument(2).unwrap_or(c"java"));
        self.on_new_page(RW, PRIVATE, RWX)
    }

    /// With this personality every readable page is executable too, so the call itself asks for nothing suspicious.
    fn read_implies_exec(&self) -> Done {
        let page = self.map(PAGE, 0, PRIVATE, NONE)?;
        self.checked("personality(READ_IMPLIES_EXEC)", read_implies_exec())?;
        self.protect(page, PAGE, RW);
        Ok(())
    }

    fn pkey_mprotect(&self) -> Done {
        let page = self.map(PAGE, RW, PRIVATE, NONE)?;
        self.call_on(page, RWX, "pkey_mprotect", "x86_64", PKEY_MPROTECT, || {
            sys::call(PKEY_MPROTECT, [page, PAGE, RWX, NONE, 0, 0])
        });
        Ok(())
    }

    /// Born writable and executable: there is no change of permissions at all.
    fn mmap(&self) -> Done {
        self.view(RWX, PRIVATE, NONE, 2 * PAGE)
    }

    fn int80(&self) -> Done {
        let page = self.map(PAGE, RW, PRIVATE | MAP_32BIT, NONE)?;
        self.call_on(page, RWX, "mprotect", "i386", I386_MPROTECT as usize, || {
            sys::call_int80(I386_MPROTECT, page as u32, PAGE as u32, RWX as u32) as isize
        });
        Ok(())
    }

    fn x32(&self) -> Done {
        let page = self.map(PAGE, RW, PRIVATE, NONE)?;
        let number = X32_BIT | MPROTECT;
        self.call_on(page, RWX, "mprotect", "x32", number, || sys::call3(number, page, PAGE, RWX));
        Ok(())
    }

    /// One memory, seen through a writable and through an executable window.
    fn memfd_dual_view(&self) -> Done {
        const FTRUNCATE: usize = 77;
        let file = self.checked("memfd_create", exec::memfd(c"jit"))?;
        self.checked("give the memory file a size", sys::call2(FTRUNCATE, file, PAGE))?;
        self.view(RW, MAP_SHARED, file, PAGE)?;
        self.view(RX, MAP_SHARED, file, PAGE)
    }

    /// Continues as a program that lies in no directory; that one then does the plain act.
    fn memfd_program(&self, start: &Start) -> Done {
        let result = exec::from_memory(start, c"rwx.mprotect");
        self.checked("execute a program from memory", result).map(|_| ())
    }

    /// Takes its own executable away first, as malware does.
    fn deleted(&self) -> Done {
        const READLINK: usize = 89;
        const UNLINK: usize = 87;
        let mut path = [0u8; PAGE];
        let (link, room) = (c"/proc/self/exe".as_ptr() as usize, path.len() - 1);
        self.checked("read its own path", sys::call3(READLINK, link, path.as_mut_ptr() as usize, room))?;
        self.checked("remove its own executable", sys::call1(UNLINK, path.as_ptr() as usize))?;
        self.on_new_page(RW, PRIVATE, RWX)
    }

    fn child(&self) -> Done {
        let status = thread::in_child(|| {
            let child = Memory { reporter: self.reporter.of_child() };
            child.on_new_page(RW, PRIVATE, RWX).map_or(69, |()| 0)
        });
        self.checked("start a child", status).map(|_| ())
    }

    /// The kernel made the stack executable when it started us, because our header asks for it: no call of ours.
    fn execstack(&self) -> Done {
        if let Some((address, _)) = maps::permissions_of(b"[stack]") {
            let (call, abi, protection) = ("execve", "x86_64", RWX);
            self.reporter.memory(&MemoryCall {
                call,
                abi,
                number: EXECVE,
                address,
                length: 0,
                protection,
                result: 0,
                before: None,
            });
        }
        Ok(())
    }

    fn many_pages(&self, pages: usize) -> Done {
        let area = self.map(pages * PAGE, RW, PRIVATE, NONE)?;
        self.protect(area, pages * PAGE, RWX);
        Ok(())
    }

    /// The same page again and again, as a JIT does that opens and closes it around each write.
    fn repeated(&self, times: usize) -> Done {
        let page = self.map(PAGE, RW, PRIVATE, NONE)?;
        for _ in 0..times {
            self.protect(page, PAGE, RWX);
            sys::call3(MPROTECT, page, PAGE, RW);
        }
        Ok(())
    }

    fn transient(&self) -> Done {
        let page = self.map(PAGE, RW, PRIVATE, NONE)?;
        self.protect(page, PAGE, RWX);
        self.protect(page, PAGE, RX);
        Ok(())
    }
}

/// personality(2): the flag added to what is there.
pub fn read_implies_exec() -> isize {
    const PERSONALITY: usize = 135;
    const QUERY: usize = 0xffff_ffff;
    const READ_IMPLIES_EXEC: usize = 0x40_0000;
    match sys::call1(PERSONALITY, QUERY) {
        error if sys::is_error(error) => error,
        now => sys::call1(PERSONALITY, now as usize | READ_IMPLIES_EXEC),
    }
}
