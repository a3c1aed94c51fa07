//! How long a query takes: to parse, to compile, and per document. The allocator counts; `matches` must show none.

use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher, black_box};
use firstseen_detector::ecs::{Layout, Row, Schema};
use firstseen_detector::kql::{self, Predicate};
use firstseen_detector::time::Millis;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// The shapes of rules: a few exact values, long exclusion lists, patterns, words.
const QUERIES: [(&str, &str); 4] = [
    ("exact", "event.category:process and host.os.type:linux and auditd.data.syscall:mprotect and auditd.data.a2:7"),
    (
        "lists",
        "event.category:process and not (process.executable:(\"/usr/bin/a\" or \"/usr/bin/b\" or \"/usr/bin/c\" or \
         \"/usr/bin/d\" or \"/usr/bin/e\" or \"/usr/bin/f\" or \"/usr/bin/g\" or \"/usr/bin/h\" or /opt/*/bin/* or \
         /snap/* or /var/lib/*) or process.name:(java or node or qemu-* or php* or *-wrapped))",
    ),
    ("patterns", "process.command_line:(*curl*http* or *wget*http* or */dev/tcp/* or *base64*-d*)"),
    ("words", "process.command_line.text:(\"dev tcp\" or base64 or wget*)"),
];

const DOCUMENT: &str = r#"{"@timestamp":"2026-11-22T08:22:44.503Z","event":{"category":["process"],"type":["start"],
    "action":"mprotect","ingested":"2026-11-22T08:22:45Z"},"host":{"id":"h1","os":{"type":"linux"}},"auditd":{"data":
    {"syscall":"mprotect","a0":"7f0000000000","a1":"1000","a2":"7","exit":"0"}},"process":{"pid":4242,"name":"updater",
    "executable":"/usr/local/bin/updater","command_line":"/usr/local/bin/updater --check --quiet --config /etc/updater.conf"}}"#;

fn main() {
    divan::main();
}

fn compiled(name: &str) -> (Predicate, Layout) {
    let (_, text) = QUERIES.iter().find(|(known, _)| *known == name).expect("a known query");
    let expr = kql::parse(text).expect("valid");
    let mut layout = Layout::new();
    let predicate = kql::compile(&expr, &Schema::known().mappings(), &mut layout, Millis(0)).expect("compiles");
    (predicate, layout)
}

#[divan::bench(args = QUERIES.map(|(name, _)| name))]
fn matches(bencher: Bencher<'_, '_>, name: &str) {
    let (predicate, layout) = compiled(name);
    let mut row = Row::new();
    row.load(&layout, DOCUMENT.as_bytes()).expect("readable");
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| predicate.matches(black_box(&row)));
}

#[divan::bench(args = QUERIES.map(|(name, _)| name))]
fn load_and_match(bencher: Bencher<'_, '_>, name: &str) {
    let (predicate, layout) = compiled(name);
    let mut row = Row::new();
    bencher.counter(BytesCount::new(DOCUMENT.len())).bench_local(|| {
        row.load(&layout, black_box(DOCUMENT.as_bytes())).expect("readable");
        predicate.matches(&row)
    });
}

#[divan::bench]
fn parse(bencher: Bencher<'_, '_>) {
    let bytes: usize = QUERIES.iter().map(|(_, text)| text.len()).sum();
    bencher.counter(BytesCount::new(bytes)).bench_local(|| QUERIES.map(|(_, text)| kql::parse(black_box(text))));
}

#[divan::bench]
fn compile(bencher: Bencher<'_, '_>) {
    let mappings = Schema::known().mappings();
    let expr = kql::parse(QUERIES[1].1).expect("valid");
    bencher.bench_local(|| kql::compile(black_box(&expr), &mappings, &mut Layout::new(), Millis(0)));
}
