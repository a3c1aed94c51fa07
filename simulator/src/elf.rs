//! Changes to the headers of our own programs, elf(5): only 64-bit little-endian files, which build.rs makes.

const PT_GNU_STACK: u32 = 0x6474_e551;
const PF_RWX: u32 = 7;
const ELFCLASS32: u8 = 1;

/// The program with a header that asks the kernel for an executable stack, as `execstack -s` would leave it.
pub(crate) fn with_executable_stack(program: &[u8]) -> Vec<u8> {
    let mut program = program.to_vec();
    if let Some(header) = segments(&program).into_iter().find(|&at| word(&program, at) == Some(PT_GNU_STACK)) {
        program[header + 4..header + 8].copy_from_slice(&PF_RWX.to_le_bytes());
    }
    program
}

/// The object with the word size of another machine in its first bytes: the loader refuses it as `wrong ELF class`.
pub(crate) fn with_other_class(object: &[u8]) -> Vec<u8> {
    let mut object = object.to_vec();
    if let Some(class) = object.get_mut(4) {
        *class = ELFCLASS32;
    }
    object
}

/// Offsets of the program headers.
fn segments(program: &[u8]) -> Vec<usize> {
    let half =
        |at: usize| program.get(at..at + 2).map_or(0, |bytes| usize::from(bytes[0]) | usize::from(bytes[1]) << 8);
    let start = word(program, 32).map_or(0, |offset| offset as usize);
    let (size, count) = (half(54), half(56));
    (0..count).map(|index| start + index * size).filter(|at| at + size <= program.len()).collect()
}

fn word(program: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(program.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Form;

    const PT_INTERP: u32 = 3;

    fn has_segment(program: &[u8], kind: u32) -> bool {
        segments(program).into_iter().any(|at| word(program, at) == Some(kind))
    }

    #[test]
    fn the_static_worker_names_no_loader_and_the_dynamic_ones_do() {
        assert!(!has_segment(Form::Static.bytes(), PT_INTERP));
        assert!(has_segment(Form::Dynamic.bytes(), PT_INTERP));
        assert!(has_segment(Form::Linked.bytes(), PT_INTERP));
    }

    #[test]
    fn only_the_flags_of_the_stack_header_change() {
        let before = Form::Static.bytes();
        let after = with_executable_stack(before);
        let changed: Vec<_> = (0..before.len()).filter(|&at| before[at] != after[at]).collect();
        assert_eq!(changed.len(), 1, "{changed:?}");
        assert_eq!((before[changed[0]], after[changed[0]]), (6, 7));
    }
}
