//! The engine against a naive oracle: random timelines, both must agree on every alert, warning and window.
//!
//! The oracle (`naive.rs`) is brute force over the definition, without any index and without any code of the engine. A
//! disagreement is shrunk to a handful of events and printed with the seed. Some hundreds of timelines run by default;
//! `FIRSTSEEN_ORACLE_CASES=10000` runs as many, `FIRSTSEEN_ORACLE_SEED=N` repeats a run.

mod naive;
mod subject;
mod world;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use world::World;

const DEFAULT_CASES: u32 = 400;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{variable}: '{text}' is no number")))
}

/// Says on which timelines the test runs; `cargo test -- --nocapture` shows it.
#[expect(clippy::print_stdout, reason = "a test's own report")]
fn announce(seed: u64, cases: u32) {
    println!("oracle: {cases} timelines, FIRSTSEEN_ORACLE_SEED={seed}");
}

/// A new seed for every run, so that time finds more than one run does.
fn fresh_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

fn agree(world: &World) -> Result<(), TestCaseError> {
    let (expected, got) = (naive::run(world), subject::run(world));
    if expected == got {
        return Ok(());
    }
    Err(TestCaseError::fail(format!("the oracle says\n{expected:#?}\nand the engine says\n{got:#?}")))
}

#[test]
fn the_engine_agrees_with_the_oracle_on_random_timelines() {
    let seed = number("FIRSTSEEN_ORACLE_SEED").unwrap_or_else(fresh_seed);
    let cases =
        number("FIRSTSEEN_ORACLE_CASES").map_or(DEFAULT_CASES, |cases| u32::try_from(cases).unwrap_or(u32::MAX));
    announce(seed, cases);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let result = TestRunner::new_with_rng(config, rng).run(&world::any(), |world| agree(&world));
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, world)) => {
            panic!("FIRSTSEEN_ORACLE_SEED={seed} disagrees on\n{world:#?}\n{reason}")
        }
        Err(abort) => panic!("FIRSTSEEN_ORACLE_SEED={seed}: {abort}"),
    }
}

/// The property above is worth something only if its timelines reach the interesting cases.
#[test]
fn random_timelines_reach_every_kind_of_outcome() {
    use proptest::strategy::{Strategy, ValueTree};
    let mut runner = TestRunner::deterministic();
    let mut reached = naive::Reached::default();
    for _ in 0..600 {
        let world = world::any().new_tree(&mut runner).expect("a timeline").current();
        reached.add(&world, &naive::run(&world));
    }
    assert!(reached.all_at_least(5), "{reached:#?}");
}
