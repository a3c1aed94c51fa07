use firstseen_detector::ecs::{FieldType, Layout, Mapping, Mappings, Row};
use firstseen_detector::kql;
use firstseen_detector::time::Millis;

/// KQL text: what parses prints to text that parses to an equal tree, and compiles or is refused.
pub fn kql(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let expr = match kql::parse(text) {
        Ok(expr) => expr,
        Err(error) => {
            let _ = error.render(text);
            return;
        }
    };
    let printed = expr.to_string();
    let again = kql::parse(&printed).expect("what is printed parses");
    assert_eq!(printed, again.to_string());
    let mut mappings = Mappings::new();
    for (name, field_type) in [
        ("a", FieldType::Keyword),
        ("t", FieldType::Text),
        ("n", FieldType::Long),
        ("d", FieldType::Date),
        ("i", FieldType::Ip),
        ("b", FieldType::Boolean),
        ("o", FieldType::Nested),
        ("o.a", FieldType::Keyword),
    ] {
        mappings.insert(name, Mapping::of(field_type));
    }
    let mut layout = Layout::new();
    if let Ok(predicate) = kql::compile(&expr, &mappings, &mut layout, Millis(1_700_000_000_000)) {
        let mut row = Row::new();
        let source = br#"{"a":["x","y z"],"t":"Quick brown","n":[1,7],"d":"2024-05-10","i":"10.0.0.1","b":true,"o":[{"a":"x"}]}"#;
        row.load(&layout, source).expect("a good document");
        let _ = predicate.matches(&row);
    }
}
