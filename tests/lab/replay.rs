//! `run --record` and `replay`: the same verdicts, byte for byte, anywhere, and no half bundle.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{file, firstseen, folder, scenario, skipped, stderr, stdout};

/// Records one scenario; returns the exit code and the JSON of the run.
fn record(folder: &TempDir, content: &str, more: &[&str]) -> (Option<i32>, String) {
    let path = file(folder, "one.toml", content);
    let mut command = firstseen(folder.path());
    command.args(["run", "--sensor", "trace", "--format", "json", "--record"]).arg(folder.path().join("bundle"));
    let output = command.args(more).arg(path).output().expect("it runs");
    (output.status.code(), stdout(&output))
}

fn replay(folder: &TempDir, bundle: &Path) -> (Option<i32>, String, String) {
    let output = firstseen(folder.path()).args(["replay", "--format", "json"]).arg(bundle).output().expect("it runs");
    (output.status.code(), stdout(&output), stderr(&output))
}

/// What does not belong to one machine.
fn verdicts(json: &str) -> (Value, Value) {
    let mut report: Value = serde_json::from_str(json).expect("JSON");
    (report["scenarios"].take(), report["totals"].take())
}

fn entries(folder: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = fs::read_dir(folder).expect("a folder").flatten().map(name).collect();
    names.sort();
    names
}

fn unpacked(bundle: &Path) -> String {
    let mut text = String::new();
    let packed = fs::File::open(bundle).expect("there");
    flate2::read::MultiGzDecoder::new(packed).read_to_string(&mut text).expect("a bundle");
    text
}

fn packed(text: &str) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).expect("memory");
    packed.finish().expect("memory")
}

#[rstest]
#[case::passed("alerts = 1", 0, 100)]
#[case::failed("silent = true, because = \"known-term\"", 100, 10)]
fn every_replay_gives_the_verdicts_of_the_run(#[case] expect: &str, #[case] code: i32, #[case] times: usize) {
    let folder = folder();
    let (recorded, run) = record(&folder, &scenario(expect), &[]);
    assert_eq!(recorded, Some(code), "{run}");
    let bundle = folder.path().join("bundle");
    let (code_again, first, said) = replay(&folder, &bundle);
    assert_eq!((code_again, said.as_str()), (Some(code), ""));
    assert_eq!(verdicts(&first), verdicts(&run));
    for _ in 1..times {
        assert_eq!(replay(&folder, &bundle).1, first);
    }
}

#[test]
fn the_catalog_replays_to_the_verdicts_of_its_run() {
    let folder = folder();
    let bundle = folder.path().join("bundle");
    let output = firstseen(folder.path())
        .args(["run", "--sensor", "trace", "--format", "json", "--record"])
        .arg(&bundle)
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let (code, again, _) = replay(&folder, &bundle);
    assert_eq!(code, Some(0));
    assert_eq!(verdicts(&again), verdicts(&stdout(&output)));
    assert_eq!(entries(folder.path()), ["bundle", "state"], "nothing else is left");
}

#[test]
fn a_replay_needs_no_privilege_no_folder_and_no_rule_file() {
    let folder = folder();
    let (_, run) = record(&folder, &scenario("alerts = 1"), &[]);
    let bundle = folder.path().join("bundle");
    // As on another machine: the scenario is gone, nothing can be written, no environment is set.
    fs::remove_file(folder.path().join("one.toml")).expect("there");
    let mut command = Command::new(env!("CARGO_BIN_EXE_firstseen"));
    command.env_clear().env("FIRSTSEEN_STATE_DIR", "/proc/nowhere").env("TMPDIR", "/proc").current_dir("/");
    if running_as_root() {
        // The test's folders are closed to others, so the files are handed over open.
        command.uid(65534).gid(65534);
    }
    let input = fs::File::open(&bundle).expect("there");
    command.args(["replay", "/proc/self/fd/0", "--format", "json"]).stdin(input);
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            return skipped("a_replay_needs_no_privilege_no_folder_and_no_rule_file", error);
        }
    };
    if stderr(&output).contains("Permission denied") {
        return skipped("a_replay_needs_no_privilege_no_folder_and_no_rule_file", stderr(&output).trim());
    }
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(verdicts(&stdout(&output)), verdicts(&run));
}

fn running_as_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

#[test]
fn a_redacted_bundle_names_neither_machine_nor_people_and_replays_the_same() {
    let folder = folder();
    let content = scenario("alerts = 1");
    let path = file(&folder, "one.toml", &content);
    let bundle = folder.path().join("bundle");
    // The folder's own name stands for a person: it is in every path of the run.
    let person = folder.path().file_name().expect("a name").to_string_lossy().into_owned();
    let person = person.trim_start_matches('.').to_owned();
    let mut command = firstseen(folder.path());
    command.env("LOGNAME", &person).args(["run", "--sensor", "trace", "--format", "json", "--redact", "--record"]);
    let run = command.arg(&bundle).arg(&path).output().expect("it runs");
    assert_eq!(run.status.code(), Some(0), "{}", stderr(&run));
    let text = unpacked(&bundle);
    assert!(!text.contains(&person) && text.contains("user-"), "{text}");
    let (code, again, said) = replay(&folder, &bundle);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(verdicts(&again), verdicts(&stdout(&run)));
    let (_, plain) = record(&folder, &content, &[]);
    assert!(unpacked(&bundle).contains(&person), "without --redact it is there");
    assert_eq!(verdicts(&again), verdicts(&plain));
}

#[rstest]
#[case::no_file(None, "No such file")]
#[case::empty(Some(Vec::new()), "is it whole")]
#[case::text(Some(b"just text".to_vec()), "is it whole")]
#[case::other(Some(packed("{\"a\":1}\n")), "no header")]
#[case::version(
    Some(packed("{\"firstseen_bundle\":99,\"version\":\"9.9.9\"}\n")),
    "bundle format 99 is not the one of this version"
)]
fn what_is_no_bundle_is_2_and_says_why(#[case] content: Option<Vec<u8>>, #[case] why: &str) {
    let folder = folder();
    let path = folder.path().join("bundle");
    if let Some(content) = content {
        fs::write(&path, content).expect("written");
    }
    let (code, out, err) = replay(&folder, &path);
    assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
    assert!(err.contains(why) && err.contains("bundle") && err.lines().count() == 1, "{err}");
}

#[test]
fn a_bundle_that_is_cut_anywhere_is_2() {
    let folder = folder();
    record(&folder, &scenario("alerts = 1"), &[]);
    let bytes = fs::read(folder.path().join("bundle")).expect("there");
    for tenth in 0..10 {
        let cut = file(&folder, "cut", &bytes[..bytes.len() * tenth / 10]);
        assert_eq!(replay(&folder, &cut).0, Some(2), "{tenth} tenths");
    }
    let cut = file(&folder, "cut", &bytes[..bytes.len() - 1]);
    assert_eq!(replay(&folder, &cut).0, Some(2), "all but a byte");
}

#[test]
fn a_flipped_bit_is_2_or_changes_nothing() {
    let folder = folder();
    record(&folder, &scenario("alerts = 1"), &[]);
    let bundle = folder.path().join("bundle");
    let bytes = fs::read(&bundle).expect("there");
    let good = replay(&folder, &bundle).1;
    let mut refused = 0;
    for at in (0..bytes.len()).step_by(bytes.len() / 40 + 1) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        let (code, out, err) = replay(&folder, &file(&folder, "flipped", flipped));
        match code {
            Some(2) => refused += 1,
            // The header of gzip has fields that mean nothing.
            _ => assert_eq!((code, &out), (Some(0), &good), "byte {at}: {err}"),
        }
    }
    assert!(refused > 30, "{refused}");
}

#[test]
fn a_full_disk_while_recording_is_5_and_the_verdicts_are_still_told() {
    if !Path::new("/dev/full").exists() {
        return skipped("a_full_disk_while_recording_is_5_and_the_verdicts_are_still_told", "no /dev/full here");
    }
    let folder = folder();
    let path = file(&folder, "one.toml", scenario("alerts = 1"));
    let mut command = firstseen(folder.path());
    command.args(["run", "--sensor", "trace", "--record", "/dev/full"]).arg(path);
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("/dev/full") && said.contains("free some space"), "{said}");
    assert!(stdout(&output).contains("1 pass"), "{}", stdout(&output));
}

#[test]
fn a_file_system_that_fills_up_keeps_no_half_bundle_and_the_old_one() {
    let folder = folder();
    let path = file(&folder, "one.toml", scenario("alerts = 1"));
    let room = folder.path().join("room");
    fs::create_dir(&room).expect("made");
    // One page of room, in a mount namespace of its own.
    let script = "mount -t tmpfs -o size=4k,mode=777 none \"$1\" || exit 77; echo old >\"$1/bundle\"; \
                  \"$2\" run --sensor trace --record \"$1/bundle\" \"$3\"; echo \"code $?\"; ls -A \"$1\"; cat \"$1/bundle\"";
    let mut command = Command::new("unshare");
    if !running_as_root() {
        command.arg("-Ur");
    }
    command.args(["-m", "sh", "-c", script, "sh"]).arg(&room).arg(env!("CARGO_BIN_EXE_firstseen")).arg(path);
    command.env("FIRSTSEEN_STATE_DIR", folder.path().join("state")).env("TMPDIR", folder.path());
    let skip = |why: &str| skipped("a_file_system_that_fills_up_keeps_no_half_bundle_and_the_old_one", why);
    let output = match command.output() {
        Ok(output) if output.status.code() == Some(77) => return skip(stderr(&output).trim()),
        Ok(output) if output.stdout.is_empty() => return skip(stderr(&output).trim()),
        Ok(output) => output,
        Err(error) => return skip(&format!("unshare: {error}")),
    };
    let told = stdout(&output);
    assert!(told.ends_with("code 5\nbundle\nold\n"), "{told}{}", stderr(&output));
    assert!(stderr(&output).contains("nothing of the bundle was kept"), "{}", stderr(&output));
}

#[test]
fn a_place_that_cannot_be_is_found_out_before_anything_is_done() {
    let folder = folder();
    let path = file(&folder, "one.toml", scenario("alerts = 1"));
    for (place, code) in [("missing/bundle", 2), ("", 2), ("one.toml/bundle", 2)] {
        let output = firstseen(folder.path())
            .args(["run", "--sensor", "trace", "--record"])
            .arg(folder.path().join(place))
            .arg(&path)
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(code), "{place}: {}", stderr(&output));
        assert!(!stdout(&output).contains("pass"), "{}", stdout(&output));
    }
    assert_eq!(entries(folder.path()), ["one.toml", "state"]);
}

#[test]
fn redact_without_record_is_2() {
    let folder = folder();
    let output = firstseen(folder.path()).args(["run", "--redact"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_act_that_is_missing_in_a_whole_looking_bundle_is_an_error_and_no_pass() {
    let folder = folder();
    record(&folder, &scenario("alerts = 1"), &[]);
    let bundle = folder.path().join("bundle");
    let text = unpacked(&bundle);
    let without: String = text
        .lines()
        .filter(|line| !line.starts_with("{\"act\""))
        .map(|line| line.replace("{\"end\":{\"acts\":1}}", "{\"end\":{\"acts\":0}}") + "\n")
        .collect();
    assert_ne!(text, without);
    let (code, out, _) = replay(&folder, &file(&folder, "torn", packed(&without)));
    assert_eq!(code, Some(5), "{out}");
    assert!(out.contains("the recording does not fit its scenario"), "{out}");
}
