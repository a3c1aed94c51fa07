//! The scenarios that are shipped, built into the program.

use std::path::Path;

use crate::load::{Collection, load_text};

/// File name and text of every file of the folder, sorted by name; written by build.rs.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/catalog.rs"));

/// Reads the built-in scenarios, sorted by file name.
#[must_use]
pub fn catalog() -> Collection {
    let mut found = Collection::default();
    for (name, text) in FILES {
        match load_text(Path::new("catalog").join(name), text) {
            Ok(loaded) => found.scenarios.push(loaded),
            Err(problems) => found.problems.extend(problems),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::load_paths;

    #[test]
    fn the_whole_folder_is_built_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog");
        let mut files: Vec<String> = std::fs::read_dir(&folder)
            .expect("the folder")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        files.sort();
        let listed: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(listed, files);
        assert_eq!(load_paths(&[folder]).scenarios.len(), FILES.len());
    }

    #[test]
    fn every_scenario_is_valid_tells_its_story_and_is_named_like_its_file() {
        let catalog = catalog();
        assert_eq!(catalog.problems, []);
        for loaded in &catalog.scenarios {
            let (id, path) = (loaded.scenario.id.get_ref(), loaded.source.path());
            let stem = path.file_stem().expect("a name").to_string_lossy();
            assert_eq!(id.replace('.', "-"), stem, "{}", path.display());
            let story = loaded.source.story();
            assert!((2..=4).contains(&story.lines().count()), "{}: {story}", path.display());
        }
    }

    #[test]
    fn every_silence_of_the_catalog_says_why() {
        for loaded in catalog().scenarios {
            for step in &loaded.scenario.steps {
                let expect = step.get_ref().expect.get_ref();
                let silent = expect.silent || expect.alerts == Some(0);
                assert!(
                    !silent || expect.because.is_some(),
                    "{} {}",
                    loaded.source.path().display(),
                    step.get_ref().at.get_ref()
                );
            }
        }
    }
}
