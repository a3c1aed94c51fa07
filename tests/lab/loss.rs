//! What the kernel drops proves nothing: with a backlog that is forced small and a flood beside the act, a run says so.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use firstseen_detector::netlink::{AuditKernel, Netlink, StatusField};
use serde_json::Value;

use crate::machine::Arena;
use crate::support::{scenario, skipped, stderr};

/// A backlog without room, and no waiting for room: whatever comes while one record waits is lost. The run's own change
/// is undone at once, again and again; at the end everything is as it was.
struct SmallBacklog {
    old: [(StatusField, u32); 2],
    over: Arc<AtomicBool>,
    keeper: Option<JoinHandle<()>>,
}

impl SmallBacklog {
    fn force() -> Result<SmallBacklog, String> {
        let mut kernel = Netlink::connect().map_err(|error| error.to_string())?;
        let status = kernel.status().map_err(|error| error.to_string())?;
        let waits = status.backlog_wait_time.ok_or("this kernel has no backlog_wait_time")?;
        let old = [(StatusField::BacklogLimit, status.backlog_limit), (StatusField::BacklogWaitTime, waits)];
        let over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&over);
        kernel.set(StatusField::BacklogWaitTime, 0).map_err(|error| error.to_string())?;
        let keeper = thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                if kernel.status().is_ok_and(|status| status.backlog_limit != 1) {
                    kernel.set(StatusField::BacklogLimit, 1).expect("set");
                }
                thread::sleep(Duration::from_millis(1));
            }
        });
        Ok(SmallBacklog { old, over, keeper: Some(keeper) })
    }
}

impl Drop for SmallBacklog {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.keeper.take().map(JoinHandle::join);
        let mut kernel = Netlink::connect().expect("connected");
        for (field, value) in self.old {
            kernel.set(field, value).expect("set back");
        }
    }
}

/// Programs that start one after the other: each of them protects its pages, which the run's audit rule asks for.
struct Flood(Vec<Child>);

impl Flood {
    fn start() -> Flood {
        let one = |_| {
            let mut shell = Command::new("sh");
            shell.args(["-c", "while :; do /bin/true; done"]).stdin(Stdio::null());
            shell.spawn().expect("a shell")
        };
        Flood((0..2).map(one).collect())
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        for shell in &mut self.0 {
            shell.kill().expect("sent");
            shell.wait().expect("ended");
        }
    }
}

/// Kind and text of the verdict of the only scenario.
fn verdict(arena: &Arena, expect: &str) -> (String, String) {
    let path = arena.path().join("one.toml");
    std::fs::write(&path, scenario(expect)).expect("written");
    let mut command = arena.plain();
    let output = command.args(["run", "--sensor", "audit", "--format", "json"]).arg(path).output().expect("it runs");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    let verdict = &report["scenarios"][0]["verdict"];
    let code = match verdict["kind"].as_str().expect("a kind") {
        "pass" => 0,
        "fail" => 100,
        "inconclusive" => 3,
        other => panic!("{other}: {verdict}"),
    };
    assert_eq!(output.status.code(), Some(code), "{verdict}");
    (verdict["kind"].as_str().expect("text").to_owned(), verdict.to_string())
}

/// True and false claims about an act that alerts.
const TRUE: &str = "alerts = 1";
const FALSE: &str = "silent = true, because = \"known-term\"";

#[test]
fn a_flood_over_a_small_backlog_makes_verdicts_inconclusive_and_never_wrong() {
    let test = "a_flood_over_a_small_backlog_makes_verdicts_inconclusive_and_never_wrong";
    let arena = match Arena::with_audit() {
        Ok(arena) => arena,
        Err(reason) => return skipped(test, reason),
    };
    assert_eq!(verdict(&arena, TRUE).0, "pass", "undisturbed");
    assert_eq!(verdict(&arena, FALSE).0, "fail", "undisturbed");
    let before = arena.look();
    let mut inconclusive = Vec::new();
    {
        let _backlog = match SmallBacklog::force() {
            Ok(backlog) => backlog,
            Err(reason) => return skipped(test, reason),
        };
        let _flood = Flood::start();
        for round in 0..6 {
            let (claim, wrong) = if round % 2 == 0 { (TRUE, "fail") } else { (FALSE, "pass") };
            let (kind, text) = verdict(&arena, claim);
            assert_ne!(kind, wrong, "round {round}: {claim}: {text}");
            if kind == "inconclusive" {
                inconclusive.push(text);
            }
        }
    }
    assert!(inconclusive.len() >= 2, "nothing was lost: the test proves nothing");
    assert!(inconclusive.iter().all(|text| text.contains("proves nothing")), "{inconclusive:?}");
    assert!(inconclusive.iter().any(|text| text.contains("KernelLost")), "{inconclusive:?}");
    assert_eq!(arena.look(), before);
}
