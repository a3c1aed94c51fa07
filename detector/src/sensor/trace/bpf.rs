//! The seccomp program: a few comparisons that send the named system calls to the tracer and let all others pass.

use std::collections::BTreeSet;

use crate::sys::seccomp::Instruction;

/// System calls of one ABI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Calls {
    /// Every one that an audit rule can name.
    All,
    /// These.
    Some(BTreeSet<u32>),
}

/// An audit rule can name numbers below this (`AUDIT_BITMASK_SIZE` words), so calls of the x32 kind, which have bit 30 set,
/// are never recorded: neither by the kernel nor here.
const NAMEABLE: u32 = 64 * 32;
/// So many comparisons of numbers fit, with all else, into the 4096 instructions that the kernel takes. With more, every
/// call is sent to the tracer: the rules decide there in any case.
const MAX_NUMBERS: usize = 1000;

/// `struct seccomp_data`: where the number and the `AUDIT_ARCH_*` are.
const NUMBER_OFFSET: u32 = 0;
const ARCH_OFFSET: u32 = 4;

/// A program for these ABIs (`AUDIT_ARCH_*`); calls of any other pass.
pub(super) fn program(abis: &[(u32, Calls)]) -> Vec<Instruction> {
    let mut program = vec![load(ARCH_OFFSET)];
    for (arch, calls) in abis {
        let block = block(calls);
        // A conditional jump reaches 255 instructions, an unconditional one any.
        program.push(jump_equal(*arch, 1, 0));
        program.push(jump(block.len() as u32));
        program.extend(block);
    }
    program.push(answer(libc::SECCOMP_RET_ALLOW));
    program
}

/// Decides by number and ends.
fn block(calls: &Calls) -> Vec<Instruction> {
    let mut block = vec![load(NUMBER_OFFSET)];
    match calls {
        Calls::Some(numbers) if numbers.len() <= MAX_NUMBERS => {
            for number in numbers {
                block.push(jump_equal(*number, 0, 1));
                block.push(answer(libc::SECCOMP_RET_TRACE));
            }
        }
        Calls::Some(_) | Calls::All => {
            block.push(jump_at_least(NAMEABLE, 1, 0));
            block.push(answer(libc::SECCOMP_RET_TRACE));
        }
    }
    block.push(answer(libc::SECCOMP_RET_ALLOW));
    block
}

fn load(offset: u32) -> Instruction {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset, 0, 0)
}

fn jump_equal(value: u32, then: u8, otherwise: u8) -> Instruction {
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value, then, otherwise)
}

fn jump_at_least(value: u32, then: u8, otherwise: u8) -> Instruction {
    instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, value, then, otherwise)
}

fn jump(distance: u32) -> Instruction {
    instruction(libc::BPF_JMP | libc::BPF_JA, distance, 0, 0)
}

fn answer(value: u32) -> Instruction {
    instruction(libc::BPF_RET | libc::BPF_K, value, 0, 0)
}

fn instruction(code: u32, operand: u32, then: u8, otherwise: u8) -> Instruction {
    Instruction { code: code as u16, then, otherwise, operand }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X86_64: u32 = 0xc000_003e;
    const I386: u32 = 0x4000_0003;

    /// Runs a program as the kernel does.
    fn traced(program: &[Instruction], arch: u32, number: u32) -> bool {
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let Instruction { code, then, otherwise, operand } = program[at];
            at += 1;
            let branch = |holds: bool| usize::from(if holds { then } else { otherwise });
            match code {
                0x20 => accumulator = if operand == 0 { number } else { arch },
                0x15 => at += branch(accumulator == operand),
                0x35 => at += branch(accumulator >= operand),
                0x05 => at += operand as usize,
                0x06 => return operand == 0x7ff0_0000,
                _ => panic!("unknown instruction {code:#x}"),
            }
        }
    }

    fn some(numbers: impl IntoIterator<Item = u32>) -> Calls {
        Calls::Some(numbers.into_iter().collect())
    }

    #[test]
    fn a_number_is_traced_in_its_own_abi_only() {
        let program = program(&[(X86_64, some([10, 329])), (I386, some([125]))]);
        let of = |arch| [9, 10, 11, 125, 329].map(|number| traced(&program, arch, number));
        assert_eq!(of(X86_64), [false, true, false, false, true]);
        assert_eq!(of(I386), [false, false, false, true, false]);
        assert_eq!(of(0xc000_00b7), [false; 5]);
    }

    #[test]
    fn without_rules_nothing_is_traced() {
        let program = program(&[(X86_64, some([])), (I386, some([]))]);
        assert!((0..500).all(|number| !traced(&program, X86_64, number) && !traced(&program, I386, number)));
    }

    #[test]
    fn all_calls_are_those_that_a_rule_can_name_and_none_of_x32() {
        let program = program(&[(X86_64, Calls::All), (I386, some([]))]);
        let numbers = [0, 10, 2047, 2048, 0x4000_000a, u32::MAX];
        assert_eq!(numbers.map(|number| traced(&program, X86_64, number)), [true, true, true, false, false, false]);
        assert!(!traced(&program, I386, 10));
    }

    #[test]
    fn an_x32_number_is_not_the_plain_one() {
        assert!(!traced(&program(&[(X86_64, some([10]))]), X86_64, 0x4000_000a));
    }

    #[test]
    fn long_lists_reach_their_end_and_stay_within_the_limit_of_the_kernel() {
        for count in [300, 1000, 1001, 2048] {
            let program = program(&[(X86_64, some(0..count)), (I386, some(0..count))]);
            assert!(program.len() <= 4096, "{count}: {}", program.len());
            assert!((0..count).all(|number| traced(&program, I386, number) && traced(&program, X86_64, number)));
            assert!(!traced(&program, X86_64, 2048), "{count}");
        }
    }
}
