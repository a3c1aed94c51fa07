//! What is in the image.

use crate::engine::engine;

const PT_INTERP: u32 = 3;

#[test]
fn the_binary_is_really_static() {
    let Some(engine) = engine() else { return };
    let program = std::fs::read(engine.binary()).expect("the binary");
    let number = |at: usize, bytes: usize| {
        program[at..at + bytes].iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    // elf(5): where the program headers are, the size of each, and how many.
    let (start, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    let kinds: Vec<u32> = (0..count).map(|index| number((start + index * size) as usize, 4) as u32).collect();
    assert!(!kinds.is_empty() && !kinds.contains(&PT_INTERP), "{kinds:?}");
}

#[test]
fn the_image_holds_the_binary_the_loader_the_c_library_and_tmp() {
    let Some(engine) = engine() else { return };
    let root = engine.root();
    let mut files: Vec<String> = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => files.push(path.file_name().expect("a name").to_string_lossy().into_owned()),
            }
        }
    }
    files.sort();
    assert_eq!(files, ["firstseen", "ld-linux-x86-64.so.2", "libc.so.6"]);
    assert!(root.join("tmp").is_dir());
}
