//! Every target over its committed corpus.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use firstseen_fuzz_bodies::TARGETS;

/// What a clone carries must stay small, bytes.
const LARGEST_CORPUS: u64 = 1_000_000;

#[test]
fn every_target_accepts_its_corpus() {
    for (name, body) in TARGETS {
        let files = files(&root().join("corpus").join(name));
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let bytes = fs::read(&file).expect("a readable file");
            assert!(std::panic::catch_unwind(|| body(&bytes)).is_ok(), "{} breaks {name}", file.display());
        }
    }
}

#[test]
fn every_body_has_a_target_and_a_corpus_and_the_other_way_round() {
    let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names.len(), TARGETS.len(), "names are unique");
    let stems = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(root().join(folder)).expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
    };
    assert_eq!(stems("fuzz_targets"), names);
    assert_eq!(stems("corpus"), names);
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    for name in &names {
        let target = fs::read_to_string(root().join("fuzz_targets").join(format!("{name}.rs"))).expect("a target");
        assert!(target.contains(&format!("firstseen_fuzz_bodies::{name}(")), "{name} runs another body");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name} is not in the manifest");
    }
}

#[test]
fn the_corpus_is_small() {
    let files = TARGETS.iter().flat_map(|(name, _)| files(&root().join("corpus").join(name)));
    let bytes: u64 = files.map(|file| file.metadata().expect("metadata").len()).sum();
    assert!(bytes < LARGEST_CORPUS, "{bytes} bytes");
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").path()).collect()
}
