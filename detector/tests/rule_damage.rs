//! A damaged rule file gives rules or errors, and lint has something to say; nothing panics.

use firstseen_detector::rule::lint::{LintContext, lint};
use firstseen_detector::rule::{builtin, read_text};
use firstseen_detector::time::Millis;
use proptest::prelude::*;

/// One wound of a text: at a place (as a fraction of the text), so many bytes are replaced by something.
fn wound() -> impl Strategy<Value = (f64, usize, String)> {
    let scrap = prop_oneof![
        Just(String::new()),
        "[\\[\\]{}\"'=,.:#()*\\\\\n0-9a-z-]{1,4}",
        Just("\"\"\"".to_owned()),
        Just("'''".to_owned()),
        Just("[[rule.new_terms]]\n".to_owned()),
        Just("[rule]\n".to_owned()),
        Just("null".to_owned()),
        Just("\u{0}\u{feff}é😀".to_owned()),
    ];
    (0.0..1.0, 0_usize..40, scrap)
}

fn damaged(text: &str, wounds: &[(f64, usize, String)]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for (place, length, scrap) in wounds {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a fraction of a length")]
        let start = (place * bytes.len() as f64) as usize;
        let end = (start + length).min(bytes.len());
        bytes.splice(start..end, scrap.bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn survives(text: &str) -> Result<(), TestCaseError> {
    let file = read_text("damaged", text);
    prop_assert!(!file.rules.is_empty() || !file.errors.is_empty(), "neither a rule nor an error");
    let lines = text.lines().count() + 1;
    for error in &file.errors {
        prop_assert!(error.position.is_none_or(|position| position.line <= lines), "{error}");
        prop_assert!(!error.message.is_empty());
    }
    let context = LintContext::new(Millis(1_700_000_000_000));
    for loaded in &file.rules {
        for finding in lint(&loaded.rule, &context.of(&loaded.source)) {
            prop_assert!(finding.position.is_some_and(|position| position.line <= lines), "{finding}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damaged_toml(rule in 0_usize..2, wounds in prop::collection::vec(wound(), 1..6)) {
        survives(&damaged(builtin()[rule].1, &wounds))?;
    }

    #[test]
    fn damaged_exports(rule in 0_usize..2, wounds in prop::collection::vec(wound(), 1..6)) {
        let file = read_text("whole", builtin()[rule].1);
        let mut line = file.rules[0].rule.to_api_json();
        line.insert("exceptions_list".into(), serde_json::json!([{"list_id": "l"}]));
        let item = r#"{"list_id":"l","entries":[{"field":"a","operator":"included","type":"match","value":"x"}]}"#;
        let export = format!("{}\n{item}\n{{\"exported_count\":2}}\n", serde_json::Value::Object(line));
        survives(&damaged(&export, &wounds))?;
    }

    #[test]
    fn anything_at_all(text in "\\PC{0,80}") {
        survives(&text)?;
    }
}
