//! A rule over a week of telemetry: how long the documents take to come in, and how long all scheduled executions take.
//!
//! `cargo bench -p firstseen-detector --bench engine`. With `FIRSTSEEN_BENCH_DOCUMENTS=FILE.ndjson` the same runs over that
//! file, whatever its size. docs/performance.md explains the figures.

use std::io::{BufRead, BufReader};
use std::num::NonZeroUsize;

use divan::Bencher;
use divan::counter::ItemsCount;
use firstseen_detector::ecs::Mappings;
use firstseen_detector::engine::{ExecutionKind, Keep, RuleRunner};
use firstseen_detector::rule::Rule;
use firstseen_detector::time::Millis;

const DOCUMENTS: u64 = 100_000;
const WEEK: u64 = 7 * 86_400_000;
/// Midnight, so that a week of executions every five minutes begins and ends with the documents.
const START: u64 = 1_700_006_400_000;
const EXECUTIONS: i64 = 2016;

#[expect(clippy::print_stdout, reason = "a benchmark's own report")]
fn main() {
    divan::main();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
        println!("peak memory of everything together: {}", peak.trim());
    }
}

/// From lines to a settled population, on this many threads beside the reading one.
#[divan::bench(args = [1, 2], sample_count = 10)]
fn load_a_week_of_100_000_documents(bencher: Bencher<'_, '_>, workers: usize) {
    let lines = lines();
    bencher.counter(ItemsCount::new(DOCUMENTS)).bench_local(|| loaded(&lines, workers));
}

/// All scheduled executions of the week over documents that are there already.
#[divan::bench(sample_count = 10)]
fn execute_2016_times_over_100_000_documents(bencher: Bencher<'_, '_>) {
    let lines = lines();
    bencher.counter(ItemsCount::new(EXECUTIONS as u64)).with_inputs(|| loaded(&lines, 1)).bench_local_values(
        |mut runner| {
            assert_eq!(replay(&mut runner), EXECUTIONS as usize);
            runner
        },
    );
}

/// Both, over the file that `FIRSTSEEN_BENCH_DOCUMENTS` names, with the executions of the last week of it.
#[divan::bench(sample_count = 1, sample_size = 1)]
fn detect_in_the_named_file(bencher: Bencher<'_, '_>) {
    let Some(path) = std::env::var_os("FIRSTSEEN_BENCH_DOCUMENTS") else { return };
    bencher.bench_local(|| {
        let file = std::fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut runner = runner();
        let workers = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        runner.load(workers, |feed| {
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                feed.push(line.trim_ascii_end());
                line.clear();
            }
        });
        let (_, last) = runner.span().expect("a document that matches");
        let interval = 300_000;
        let end = Millis((last.0 / interval + 1) * interval);
        let first = end - (EXECUTIONS - 1) * interval;
        let mut runs = 0;
        let replayed = runner.replay::<()>(Some(first), Some(end), |_, _, _| {
            runs += 1;
            Ok(())
        });
        assert_eq!((replayed, runs), (Ok(()), EXECUTIONS));
    });
}

fn loaded(lines: &[String], workers: usize) -> RuleRunner {
    let mut runner = runner();
    let workers = NonZeroUsize::new(workers).unwrap_or(NonZeroUsize::MIN);
    runner.load(workers, |feed| lines.iter().for_each(|line| feed.push(line.as_bytes())));
    runner
}

fn replay(runner: &mut RuleRunner) -> usize {
    let interval = 300_000;
    (1..=EXECUTIONS)
        .map(|number| runner.execute(Millis(START as i64 + number * interval), ExecutionKind::Scheduled))
        .filter(Result::is_ok)
        .count()
}

fn runner() -> RuleRunner {
    let rule = serde_json::json!({
        "type": "new_terms", "rule_id": "bench", "history_window_start": "now-7d", "from": "now-9m", "interval": "5m",
        "query": "event.category:process and host.os.type:linux and auditd.data.syscall:mprotect and auditd.data.a2:7",
        "new_terms_fields": ["host.id", "process.executable"], "timestamp_override": "event.ingested",
    });
    let mappings = serde_json::json!({
        "@timestamp": "date", "event.ingested": "date", "event.category": "keyword", "host.os.type": "keyword",
        "host.id": "keyword", "process.executable": "keyword", "auditd.data.syscall": "keyword", "auditd.data.a2": "keyword",
    });
    let rule = Rule::from_api_json(rule.as_object().expect("an object")).expect("a rule");
    let mappings = Mappings::from_json(mappings.as_object().expect("an object")).expect("mappings");
    RuleRunner::new(&rule, &mappings, Keep::Matching).expect("a runner")
}

/// Evenly spaced documents of 1,000 hosts and 3,000 programs, few of which are frequent; every second one matches.
fn lines() -> Vec<String> {
    let mut random = 7_u64;
    let mut next = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let line = |number: u64| {
        let time = START + number * WEEK / DOCUMENTS;
        let host = (next(1000) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let program = next(3000) * next(3000) / 3000;
        let a2 = [1, 7][usize::from(next(2) == 1)];
        format!(
            r#"{{"@timestamp":{time},"event":{{"category":"process","ingested":{time}}},"host":{{"id":"{host:032x}","os":{{"type":"linux"}}}},"process":{{"executable":"/usr/lib/package-{}/bin/program-{program}"}},"auditd":{{"data":{{"syscall":"mprotect","a2":"{a2}"}}}}}}"#,
            program % 97,
        )
    };
    (0..DOCUMENTS).map(line).collect()
}
