//! Whole files: every format, and everything that can be wrong with one.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use super::*;
use crate::audit::ReassemblerConfig;
use crate::ecs::{Flavour, NormaliseOptions};

const LOG: &str = "type=SYSCALL msg=audit(100.001:1): arch=c000003e syscall=10 success=yes exit=0 a2=7 exe=\"/x\"\n\
                   type=PROCTITLE msg=audit(100.001:1): proctitle=\"x\"\n\
                   type=SYSCALL msg=audit(100.002:3): arch=c000003e syscall=10 success=yes exit=0 a2=5 exe=\"/y\"\n";

fn options() -> ReadOptions<'static> {
    ReadOptions { normalise: NormaliseOptions::bare(Flavour::AuditdManager), reassembler: ReassemblerConfig::default() }
}

fn open(bytes: &[u8]) -> Result<Source, FileError> {
    Source::of(Path::new("x.log"), std::io::Cursor::new(bytes.to_vec()))
}

/// What each item is about: the program of a document, the text of a line.
fn read(bytes: &[u8]) -> (Vec<String>, Report) {
    let mut items = Vec::new();
    let report = open(bytes).expect("a known format").read(&options(), &mut |item| {
        items.push(match item {
            Item::Json { line, text } => format!("{line}:{}", String::from_utf8_lossy(text)),
            Item::Document(document) => document.fields.text("process.executable").unwrap_or("?").to_owned(),
        });
        ControlFlow::Continue(())
    });
    (items, report)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn an_audit_log_gives_documents_plain_and_compressed() {
    let both = [gzip(LOG.as_bytes()), gzip(LOG.replace(":1)", ":5)").replace(":3)", ":6)").as_bytes())].concat();
    for (bytes, expected) in
        [(LOG.as_bytes().to_vec(), 2), (gzip(LOG.as_bytes()), 2), (zstd(LOG.as_bytes()), 2), (both, 4)]
    {
        let (items, report) = read(&bytes);
        assert_eq!((items.len(), report.malformed, report.failure.is_none()), (expected, 0, true));
        assert_eq!(items[..2], ["/x", "/y"]);
        assert_eq!(report.missing_serials, expected as u64 / 2);
    }
}

#[test]
fn several_zstd_frames_and_skippable_ones_are_one_file() {
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    let bytes = [zstd(b"{\"a\":1}\n"), skippable.clone(), zstd(b"{\"a\":2}\n"), skippable].concat();
    assert_eq!(read(&bytes).0, ["1:{\"a\":1}", "2:{\"a\":2}"]);
}

#[test]
fn json_lines_are_handed_out_as_they_are() {
    let text = "{\"a\":1}\n\n {\"_index\":\"i\",\"_source\":{}}\r\n{\"b\":2}";
    let (items, report) = read(text.as_bytes());
    assert_eq!(items, ["1:{\"a\":1}", "3: {\"_index\":\"i\",\"_source\":{}}", "4:{\"b\":2}"]);
    assert_eq!((report.lines, report.items), (4, 3));
}

#[test]
fn actions_of_a_bulk_request_are_skipped_and_documents_that_look_alike_are_not() {
    let text = "{\"index\":{}}\n{\"a\":1}\n{ \"create\" : {\"_id\":\"x\"} }\n{\"a\":2}\n{\"index\":{\"b\":1},\"c\":{}}\n{\"index\":1}\n{\"index\":{\"b\":{}}}\n";
    let (items, _) = read(text.as_bytes());
    assert_eq!(
        items,
        [
            "2:{\"a\":1}",
            "4:{\"a\":2}",
            "5:{\"index\":{\"b\":1},\"c\":{}}",
            "6:{\"index\":1}",
            "7:{\"index\":{\"b\":{}}}"
        ]
    );
}

#[test]
fn malformed_lines_are_counted_with_their_numbers_and_reading_goes_on() {
    let text = format!(
        "garbage\n{LOG}type=NONSENSE msg=audit(1.2:3): \n\n{}",
        LOG.replace(":1)", ":4)").replace(":3)", ":5)")
    );
    let (items, report) = read(text.as_bytes());
    assert_eq!((items.len(), report.malformed), (4, 2));
    let places: Vec<(u64, &str)> =
        report.first_malformed.iter().map(|line| (line.line, line.reason.as_str())).collect();
    assert_eq!(places, [(1, "it does not begin with 'type='"), (5, "unknown type 'NONSENSE'")]);
    let (items, report) = read(b"{\"a\":1}\nnot json\n{\"a\":2}\n");
    assert_eq!((items.len(), report.first_malformed[0].line), (2, 2));
}

#[test]
fn only_the_first_malformed_lines_are_remembered_and_all_are_counted() {
    let (_, report) = read(format!("{{}}\n{}", "x\n".repeat(50)).as_bytes());
    assert_eq!((report.malformed, report.first_malformed.len()), (50, 20));
}

#[test]
fn bytes_that_are_no_text_do_not_stop_a_log() {
    let mut bytes = b"type=USER msg=audit(1.002:3): text=\xff\xfe x=1\n".to_vec();
    bytes.extend(LOG.as_bytes());
    assert_eq!(read(&bytes).0.len(), 3);
}

#[test]
fn what_came_before_a_truncation_is_not_lost() {
    let lines: String =
        (0..20_000).map(|number| format!("{{\"number\":{number},\"square\":{}}}\n", number * number)).collect();
    for (bytes, name) in [(gzip(lines.as_bytes()), "gzip"), (zstd(lines.as_bytes()), "zstd")] {
        let (all, report) = read(&bytes);
        assert_eq!((all.len(), report.failure.is_none()), (20_000, true), "{name}");
        let (items, report) = read(&bytes[..bytes.len() / 2]);
        assert!(items.len() > 5_000 && items.len() < 20_000, "{name}: {} of 20000", items.len());
        assert_eq!(items, all[..items.len()], "{name}: no line is cut in the middle");
        let failure = report.failure.expect("reported").to_string();
        assert!(
            failure.contains("x.log") && failure.contains(&format!("beyond line {}", items.len())),
            "{name}: {failure}"
        );
    }
}

#[test]
fn a_truncated_audit_log_gives_out_its_open_events() {
    let whole = gzip(LOG.repeat(2000).as_bytes());
    let (items, report) = read(&whole[..whole.len() - 10]);
    assert!(!items.is_empty() && report.failure.is_some());
}

#[test]
fn a_corrupt_file_says_so() {
    let mut bytes = zstd(&b"{\"a\":1}\n".repeat(10_000));
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xff);
    let message = match open(&bytes) {
        Ok(source) => {
            source.read(&options(), &mut |_| ControlFlow::Continue(())).failure.map(|failure| failure.to_string())
        }
        Err(error) => Some(error.to_string()),
    };
    assert!(message.is_some_and(|message| message.contains("x.log")));
}

#[test]
fn what_is_no_telemetry_says_what_it_seems_to_be() {
    for (bytes, what) in [
        (&b"\x7fELF\x02\x01\x01\0\0\0"[..], "binary data"),
        (b"[{\"a\":1}]", "a JSON array"),
        (b"Nov 22 08:22:44 host sshd[1]: hello\n", "other text"),
        (b"\xff\xfe\xfd\n", "binary data"),
    ] {
        let Err(error) = open(bytes) else { panic!("{what}: accepted") };
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[test]
fn an_empty_file_holds_nothing() {
    assert_eq!(open(b"").expect("no error").format(), Format::Empty);
    let (items, report) = read(b"\n \n");
    assert_eq!((items.len(), report.malformed), (0, 0));
}

#[test]
fn a_directory_and_a_missing_file_are_told_apart() {
    let folder = tempfile::tempdir().expect("a directory");
    assert!(matches!(Source::open(folder.path()), Err(FileError::Directory { .. })));
    assert!(matches!(Source::open(&folder.path().join("missing")), Err(FileError::Open { .. })));
}

#[test]
fn reading_ends_when_nobody_listens_any_more() {
    let mut count = 0;
    let report = open(LOG.repeat(10).as_bytes()).expect("a log").read(&options(), &mut |_| {
        count += 1;
        ControlFlow::Break(())
    });
    assert_eq!((count, report.items, report.failure.is_none()), (1, 1, true));
}
