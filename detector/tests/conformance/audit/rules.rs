//! `*.rules.golden.yml`: `flags`, one auditctl line, and `bytes`, the base64 of the rule as the kernel listed it.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use firstseen_detector::audit::AuditRule;

use crate::{CaseResult, files};

pub(super) fn run(folder: &Path) -> Vec<CaseResult> {
    files(folder, ".rules.golden.yml").iter().flat_map(|file| run_file(file)).collect()
}

fn run_file(file: &Path) -> Vec<CaseResult> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return vec![CaseResult::new(name, Err(error.to_string()))],
    };
    match cases(&text) {
        Ok(cases) => {
            let check = |(flags, bytes): (String, String)| {
                CaseResult::new(format!("rules/{name}: {flags}"), check(&flags, &bytes))
            };
            cases.into_iter().map(check).collect()
        }
        Err(reason) => vec![CaseResult::new(format!("rules/{name}"), Err(reason))],
    }
}

/// The few forms of YAML that these files use: a list of `flags:` and a block of base64.
fn cases(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut cases: Vec<(String, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && *line != "rules:") {
        if let Some(flags) = line.strip_prefix("- flags: ") {
            cases.push((flags.to_owned(), String::new()));
        } else if let Some((_, bytes)) = cases.last_mut().filter(|_| line.starts_with("    ")) {
            bytes.push_str(line.trim());
        } else if line != "  bytes: !!binary |" {
            return Err(format!("unknown key in '{line}'"));
        }
    }
    Ok(cases)
}

/// Text to bytes, bytes back to an equal rule, and its text again to the same bytes. The listed bytes are padded to words.
fn check(flags: &str, bytes: &str) -> Result<(), String> {
    let expected = STANDARD.decode(bytes).map_err(|error| format!("bytes: {error}"))?;
    let rule = AuditRule::parse(flags).map_err(|error| error.to_string())?;
    let padded = |rule: &AuditRule| {
        let mut bytes = rule.to_bytes();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    };
    let got = padded(&rule);
    if got != expected {
        let at = got.iter().zip(&expected).position(|(a, b)| a != b).unwrap_or(got.len().min(expected.len()));
        return Err(format!("byte {at}: expected {:?}, got {:?}", tail(&expected, at), tail(&got, at)));
    }
    let read = AuditRule::from_bytes(&expected).map_err(|error| error.to_string())?;
    if read != rule {
        return Err(format!("the bytes read back as '{read}', expected '{rule}'"));
    }
    let again = AuditRule::parse(&rule.to_string()).map_err(|error| error.to_string())?;
    if padded(&again) != expected {
        return Err(format!("printed as '{rule}', which gives other bytes"));
    }
    Ok(())
}

fn tail(bytes: &[u8], at: usize) -> &[u8] {
    &bytes[at.min(bytes.len())..(at + 8).min(bytes.len())]
}
