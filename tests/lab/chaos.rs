//! No trace: killed at random moments, interrupted, beside each other. `make chaos` does many more rounds of it.

use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use rstest::rstest;
use serde_json::Value;

use crate::machine::Arena;
use crate::support::{skipped, stderr, stdout};

/// What is disturbed.
const VERBS: [&[&str]; 6] = [
    &["run", "--only", "contract"],
    &["run", "--only", "refreshed", "--record", "bundle"],
    &["run", "--only", "second-host", "--record", "bundle", "--redact"],
    &["demo"],
    &["matrix", "--only", "rwx"],
    &["simulate", "preload.env"],
];

/// A seeded source of numbers (splitmix64): the same rounds for the same seed, as far as the machine allows.
struct Dice(u64);

impl Dice {
    /// Seed from `FIRSTSEEN_CHAOS_SEED`, or else from the clock; printed, so that a round can be repeated.
    fn new(test: &str) -> Dice {
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64;
        let seed = std::env::var("FIRSTSEEN_CHAOS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(clock);
        say(&format!("{test}: FIRSTSEEN_CHAOS_SEED={seed}"));
        Dice(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len() as u64) as usize]
    }

    /// A moment between one millisecond and four seconds after a start; every octave of it is as likely: what is set up at
    /// the beginning is met as often as what goes on behind it, on fast machines and slow ones.
    fn moment(&mut self) -> Duration {
        let octave = 1000 << self.below(12);
        Duration::from_micros(octave + self.below(octave))
    }
}

#[expect(clippy::print_stdout, reason = "the seed is for whoever runs the tests")]
fn say(text: &str) {
    println!("{text}");
}

/// `FIRSTSEEN_CHAOS_ROUNDS`, or else so many.
fn rounds(few: usize) -> usize {
    std::env::var("FIRSTSEEN_CHAOS_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(few)
}

/// Starts a verb in a process group of its own.
fn start(arena: &Arena, verb: &[&str], sensor: &str) -> Child {
    let mut command = arena.plain();
    command.args(verb).process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if verb[0] != "simulate" {
        command.args(["--sensor", sensor]);
    }
    command.spawn().expect("it starts")
}

/// Waits for an end that has to come.
fn ended(mut child: Child) -> Output {
    let deadline = Instant::now() + Duration::from_secs(60);
    while child.try_wait().expect("our child").is_none() {
        if Instant::now() > deadline {
            child.kill().expect("sent");
            panic!("it hangs: {:?}", child.wait_with_output());
        }
        thread::sleep(Duration::from_millis(1));
    }
    child.wait_with_output().expect("it ends")
}

/// Takes a bundle away that was written to its end, after making sure that it is whole.
fn take_bundle(arena: &Arena) {
    let bundle = arena.path().join("bundle");
    if bundle.exists() {
        let output = arena.firstseen().arg("replay").arg(&bundle).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "half a bundle: {}", stderr(&output));
        fs::remove_file(bundle).expect("removed");
    }
}

/// Kills runs and lets the next start tidy up.
fn killed_rounds(test: &str, arena: &Arena, sensor: &str, number: usize) {
    let mut dice = Dice::new(test);
    let before = arena.look();
    let (mut in_time, mut with_remains) = (0, 0);
    for round in 0..number {
        let which = dice.below(VERBS.len() as u64) as usize;
        let moment = dice.moment();
        let mut child = start(arena, VERBS[which], sensor);
        thread::sleep(moment);
        child.kill().expect("sent");
        let output = child.wait_with_output().expect("it ends");
        in_time += usize::from(output.status.signal() == Some(9));
        take_bundle(arena);
        with_remains += usize::from(arena.files() != *before.files());
        let run = ["run", "--only", "rwx.control", "--sensor", sensor];
        let next: &[&str] = dice.of(&[&["cleanup"][..], &["simulate", "exec.plain"], &run]);
        let output = arena.firstseen().args(next).output().expect("it runs");
        let told = format!("{}{}", stdout(&output), stderr(&output));
        assert_eq!(output.status.code(), Some(0), "round {round}: {told}");
        let verb = VERBS[which];
        assert_eq!(arena.look(), before, "round {round}: {verb:?} killed after {moment:?}, then {next:?}: {told}");
    }
    say(&format!("{test}: {number} rounds: {in_time} killed before their end, {with_remains} left something to undo"));
    assert!(number < 50 || with_remains > number / 10, "nothing was left: the test proves nothing");
}

#[test]
fn what_a_killed_run_leaves_is_undone_by_the_next_start() {
    killed_rounds("what_a_killed_run_leaves_is_undone_by_the_next_start", &Arena::new(), "trace", rounds(10));
}

#[test]
fn what_a_killed_audit_run_leaves_is_undone_by_the_next_start() {
    let test = "what_a_killed_audit_run_leaves_is_undone_by_the_next_start";
    match Arena::with_audit() {
        Ok(arena) => killed_rounds(test, &arena, "audit", rounds(5)),
        Err(reason) => skipped(test, &reason),
    }
}

/// Interrupts runs, which tidy up themselves.
fn interrupted_rounds(test: &str, arena: &Arena, sensor: &str, number: usize) {
    let mut dice = Dice::new(test);
    let before = arena.look();
    // Whoever started this test in the background may have told it, and so what it starts, to ignore some.
    let signals = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
    let signals: Vec<Signal> = signals.into_iter().filter(|signal| !is_ignored(*signal)).collect();
    let mut in_time = 0;
    for round in 0..number {
        let which = dice.below(VERBS.len() as u64) as usize;
        // Not before the program has had time to say what a signal means to it.
        let moment = Duration::from_millis(50) + dice.moment();
        let signal = signals[dice.below(signals.len() as u64) as usize];
        let child = start(arena, VERBS[which], sensor);
        thread::sleep(moment);
        let pid = Pid::from_raw(child.id() as i32);
        // A terminal sends it to the whole group, kill(1) to the process alone.
        let sent = if dice.below(2) == 0 { killpg(pid, signal) } else { kill(pid, signal) };
        sent.expect("not yet waited for");
        let output = ended(child);
        let what = format!(
            "round {round}: {:?} got {signal} after {moment:?}: {}{}",
            VERBS[which],
            stdout(&output),
            stderr(&output)
        );
        match output.status.signal() {
            Some(number) => {
                assert_eq!(number, signal as i32, "{what}");
                let stays = "stays in the bundle";
                assert!(stderr(&output).lines().all(|line| line.contains(stays)), "{what}");
                in_time += 1;
            }
            None => assert_eq!(output.status.code(), Some(0), "{what}"),
        }
        take_bundle(arena);
        assert_eq!(arena.look(), before, "{what}");
    }
    say(&format!("{test}: {number} rounds: {in_time} ended by their signal"));
    assert!(number < 50 || in_time > number / 10, "every run had ended before: the test proves nothing");
}

fn is_ignored(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("there");
    let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    mask.expect("a mask") >> (signal as i32 - 1) & 1 == 1
}

#[test]
fn an_interrupted_run_tidies_up_and_dies_by_its_signal() {
    interrupted_rounds("an_interrupted_run_tidies_up_and_dies_by_its_signal", &Arena::new(), "trace", rounds(10));
}

#[test]
fn an_interrupted_audit_run_tidies_up_and_dies_by_its_signal() {
    let test = "an_interrupted_audit_run_tidies_up_and_dies_by_its_signal";
    match Arena::with_audit() {
        Ok(arena) => interrupted_rounds(test, &arena, "audit", rounds(5)),
        Err(reason) => skipped(test, &reason),
    }
}

#[rstest]
#[case("trace", "trace")]
#[case("audit", "audit")]
#[case("trace", "audit")]
fn two_runs_at_once_do_not_disturb_each_other(#[case] one: &str, #[case] other: &str) {
    let needs_audit = [one, other].contains(&"audit");
    let arena = match if needs_audit { Arena::with_audit() } else { Ok(Arena::new()) } {
        Ok(arena) => arena,
        Err(reason) => return skipped("two_runs_at_once_do_not_disturb_each_other", &reason),
    };
    let before = arena.look();
    let verb = ["run", "--only", "contract", "--format", "json"];
    let both = [one, other].map(|sensor| start(&arena, &verb, sensor));
    let reports = both.map(|child| {
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
        let report: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
        [report["scenarios"].clone(), report["totals"].clone()]
    });
    assert_eq!(reports[0], reports[1]);
    assert_eq!(arena.look(), before);
}

#[test]
fn cleanup_says_what_it_undid_and_that_there_is_nothing() {
    let arena = Arena::new();
    let before = arena.look();
    let mut child = start(&arena, &["run", "--only", "burst"], "trace");
    let deadline = Instant::now() + Duration::from_secs(20);
    // As soon as an act's program lies there.
    while !arena.files().iter().any(|path| path.ends_with("root")) {
        assert!(Instant::now() < deadline, "it does not begin");
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().and_then(|()| child.wait()).expect("killed");
    assert_ne!(&arena.files(), before.files(), "something is left");
    let cleanup = |format: &str| {
        let output = arena.firstseen().args(["cleanup", "--format", format]).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    };
    let report: Value = serde_json::from_str(&cleanup("json")).expect("JSON");
    let undone = &report["undone"][0];
    assert_eq!(report["format_version"], 1);
    assert_eq!((&undone["change"]["kind"], &undone["outcome"]["outcome"]), (&"directory".into(), &"restored".into()));
    assert_eq!(arena.look(), before);
    assert_eq!(cleanup("text"), "nothing to undo\n");
    assert_eq!(arena.look(), before);
}
