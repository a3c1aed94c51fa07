//! A compiled query allocates nothing while it is asked: shown with an allocator that counts.

mod sys;

use firstseen_detector::ecs::{Layout, Row, Schema};
use firstseen_detector::kql;
use firstseen_detector::time::Millis;

/// Every kind of condition: literals, lists, patterns, words, phrases, numbers, addresses, dates, free text.
const QUERY: &str = r#"
    (event.category: process or host.os.type: linux) and not process.name: (java or qemu-* or *php* or "a b" or c or d)
    and (process.command_line.text: (accepted or "curl ht*" or cu* ht*) or process.command_line: *curl*http*)
    and process.pid >= 7 and source.ip: (10.0.0.0/8 or "::1") and event.created < now+1d and process.interactive: true
    and host.risk.calculated_score > 0.5 and user.n*: (root or r*t) and labels: x and labels.y: * and not message: "no phrase"
    and "free phrase" and fr* and message >= a and process.elf.sections: { name: .text and not entropy > 8 }
"#;

const DOCUMENT: &str = r#"{
    "event": {"category": ["process", "network"], "created": "2024-05-01T12:00:00Z"}, "host": {"os": {"type": "linux"},
    "risk": {"calculated_score": 0.75}}, "process": {"name": "bash", "command_line": "CURL http://x ünïcode curl http",
    "pid": 4242, "interactive": true, "elf": {"sections": [{"name": ".data"}, {"name": ".text", "entropy": 6}]}},
    "source": {"ip": ["127.0.0.1", "10.1.2.3"]}, "user.name": "root", "labels": {"y": "x"}, "message": "A free phrase"
}"#;

#[test]
fn asking_a_document_allocates_nothing() {
    let expr = kql::parse(QUERY).unwrap_or_else(|error| panic!("{}", error.render(QUERY)));
    let mut layout = Layout::new();
    let now = Millis(1_714_564_800_000);
    let predicate = kql::compile(&expr, &Schema::known().mappings(), &mut layout, now)
        .unwrap_or_else(|error| panic!("{}", error.render(QUERY)));
    let mut row = Row::new();
    row.load(&layout, DOCUMENT.as_bytes()).expect("readable");
    assert!(predicate.matches(&row), "{:#?}", predicate.explain(&expr, &layout, &row));

    let before = sys::allocations();
    let matched = (0..1_000).filter(|_| predicate.matches(&row)).count();
    let allocated = sys::allocations() - before;
    assert_eq!((matched, allocated), (1_000, 0));
}

#[test]
fn the_counter_counts() {
    let before = sys::allocations();
    let boxed = std::hint::black_box(Box::new(7));
    assert_eq!(sys::allocations() - before, 1, "{boxed}");
}
