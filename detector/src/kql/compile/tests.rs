//! What is refused when a query meets an index, and how clauses explain themselves.

use serde_json::{Value as Json, json};

use crate::ecs::{Layout, Mappings, Row};
use crate::kql::{ClauseResult, KqlError, KqlErrorKind, compile, parse};
use crate::time::Millis;

fn mappings() -> Mappings {
    let json = json!({
        "k": "keyword", "w": "wildcard", "t": {"type": "text", "fields": {"raw": "keyword"}}, "n": "long", "d": "double",
        "b": "boolean", "ip": "ip", "date": "date", "f": "flattened", "u": "nested", "u.name": "keyword", "u.age": "long",
        "u.m": "nested", "u.m.x": "keyword", "o.a": "keyword", "o.b": "long"
    });
    Mappings::from_json(json.as_object().expect("an object")).expect("valid mappings")
}

fn refused(query: &str) -> KqlError {
    let expr = parse(query).unwrap_or_else(|error| panic!("{}", error.render(query)));
    let error = compile(&expr, &mappings(), &mut Layout::new(), Millis(0)).expect_err(query);
    assert_eq!(error.kind, KqlErrorKind::Execution, "{query}");
    error
}

fn explain(query: &str, source: &Json) -> (bool, Vec<ClauseResult>) {
    let expr = parse(query).unwrap_or_else(|error| panic!("{}", error.render(query)));
    let mut layout = Layout::new();
    let predicate = compile(&expr, &mappings(), &mut layout, Millis(0)).unwrap_or_else(|error| panic!("{error}"));
    let mut row = Row::new();
    row.load(&layout, source.to_string().as_bytes()).expect("readable");
    (predicate.matches(&row), predicate.explain(&expr, &layout, &row))
}

fn matches(query: &str, source: &Json) -> bool {
    explain(query, source).0
}

/// The clauses that decide, as they stand in the query.
fn decisive<'q>(query: &'q str, source: &Json) -> Vec<&'q str> {
    let (_, clauses) = explain(query, source);
    let decisive = clauses.iter().filter(|clause| clause.decisive);
    decisive.map(|clause| &query[clause.span.start..clause.span.end]).collect()
}

#[test]
fn values_that_a_type_cannot_hold_are_refused_at_the_value() {
    for (query, at, message) in [
        ("n: x", "x", "field 'n' is mapped as long: 'x' is no number"),
        ("not (k: a or n: 1*)", "1*", "the pattern '1*' cannot be compared with it"),
        ("n: (1 or 2 or 0x3)", "0x3", "'0x3' is no number"),
        ("n: **", "**", "pattern"),
        ("n: true", "true", "'true' is no number"),
        ("n >= many", "many", "'many' is no number"),
        ("d: 1,5", "1,5", "'1,5' is no number"),
        ("b: True", "True", "'True' is no truth value"),
        ("b > 1", "1", "'1' is no truth value"),
        ("ip: 10.0.0", "10.0.0", "'10.0.0' is no address or CIDR block"),
        ("ip: 10.0.0.0/33", "10.0.0.0/33", "CIDR"),
        ("ip >= 10.0.0.0/8", "10.0.0.0/8", "'10.0.0.0/8' is no address"),
        ("ip: 10.*", "10.*", "pattern"),
        ("date: yesterday", "yesterday", "'yesterday' is no date"),
        ("date > now-1x", "now-1x", "is no date"),
        ("date: 2024-*", "2024-*", "pattern"),
        ("date: \"2024-05-01 10:00\"", "\"2024-05-01 10:00\"", "is no date"),
        ("*: x", "x", "is mapped as"),
        ("k: null", "null", "refuses null"),
        ("k: (a or null)", "null", "refuses null"),
        ("none: null", "null", "refuses null"),
        ("null", "null", "refuses null"),
        ("null: null", "null", "refuses null"),
    ] {
        let error = refused(query);
        assert_eq!(&query[error.span.start..error.span.end], at, "{query}: {error}");
        assert!(error.message.contains(message), "{query}: {error}");
    }
}

#[test]
fn fields_and_groups_must_fit_and_the_error_says_how() {
    for (query, at, help) in [
        ("u.name: a", "u.name", "name it inside a group: u: { name: ... }"),
        ("o: { a: x }", "o", "whole names"),
        ("none: { a: x }", "none", "whole names"),
        ("u*: { name: x }", "u*", "whole names"),
    ] {
        let error = refused(query);
        assert_eq!(&query[error.span.start..error.span.end], at, "{query}: {error}");
        assert!(error.help.as_ref().is_some_and(|text| text.contains(help)), "{query}: {error}");
    }
    assert!(refused("u: { m.x: a }").message.contains("'u.m.x' lies below 'u.m'"));
    assert!(!matches("u: { none: x }", &json!({"u": [{"none": "x"}]})));
}

#[test]
fn null_is_no_bound_and_on_a_date_no_value_either() {
    for query in ["date: null", "date >= null", "n < null", "k > null"] {
        assert!(matches(query, &json!({"date": "2024-05-01", "n": 1, "k": ""})), "{query}");
        assert!(!matches(query, &json!({})), "{query}");
    }
}

#[test]
fn a_bare_value_in_a_group_looks_nowhere() {
    for query in ["u: { a }", "u: { a* }", "u: { * }"] {
        assert!(!matches(query, &json!({"u": [{"name": "a"}]})), "{query}");
    }
    assert!(matches("u: { *: * }", &json!({"u": [{}]})));
    assert!(!matches("u: { *: * }", &json!({"k": "a"})));
}

#[test]
fn groups_in_groups_meet_objects_of_objects() {
    let source = json!({"u": [{"name": "a", "m": [{"x": "1"}, {"x": "2"}]}, {"name": "b", "m": {"x": "3"}}]});
    for (query, expected) in [
        ("u: { name: a and m: { x: 2 } }", true),
        ("u: { name: a and m: { x: 3 } }", false),
        ("u.m: { x: 3 }", true),
        ("u.m: { not x: 3 }", true),
        ("not u.m: { x: 4 }", true),
        ("u: { na*: b }", true),
        ("u: { *x: 3 }", false),
        ("*x: 3", true),
        ("u: { m: { *: 3 } }", true),
        ("u: *", false),
        ("u: { name: * }", true),
    ] {
        assert_eq!(matches(query, &source), expected, "{query}");
    }
    assert!(refused("u: { *: b }").message.contains("'u.age'"));
}

#[test]
fn of_five_clauses_the_failing_ones_are_named() {
    let query = "k: a and w: b* and n: 7 and b: true and not o.a: x";
    let all = json!({"k": "a", "w": "bc", "n": 7, "b": true});
    assert!(matches(query, &all));
    assert_eq!(decisive(query, &all), ["k: a", "w: b*", "n: 7", "b: true", "o.a: x"]);
    let two = json!({"k": "a", "w": "c", "n": [7], "b": true, "o": {"a": ["x"]}});
    assert!(!matches(query, &two));
    assert_eq!(decisive(query, &two), ["w: b*", "o.a: x"]);

    let (_, clauses) = explain(query, &two);
    let shown: Vec<(bool, Vec<String>)> =
        clauses.iter().map(|clause| (clause.matched, clause.fields[0].values.clone())).collect();
    let text = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect::<Vec<_>>();
    assert_eq!(
        shown,
        [
            (true, text(&["a"])),
            (false, text(&["c"])),
            (true, text(&["7"])),
            (true, text(&["true"])),
            (true, text(&["x"]))
        ]
    );
}

#[test]
fn under_or_and_not_the_reasons_turn_around() {
    let query = "(k: a or n: 7) and not (b: true or o.a: (x or y*))";
    assert_eq!(decisive(query, &json!({"k": "c"})), ["k: a", "n: 7"]);
    assert_eq!(decisive(query, &json!({"k": "a", "o.a": "yy"})), ["o.a: (x or y*)"]);
    assert_eq!(decisive(query, &json!({"k": "a"})), ["k: a", "b: true", "o.a: (x or y*)"]);
    assert_eq!(decisive("not (k: a and n: 7)", &json!({"k": "a", "n": 7})), ["k: a", "n: 7"]);
    assert_eq!(decisive("", &json!({})), [""]);
}

#[test]
fn a_clause_shows_what_the_document_holds_where_it_looked() {
    let source = json!({"u": [{"name": "a"}, {"name": "b"}], "date": 10_000, "ip": "::ffff:10.0.0.1"});
    let fields = |query: &str| {
        let (_, clauses) = explain(query, &source);
        clauses[0].fields.iter().map(|field| format!("{}={}", field.name, field.values.join(","))).collect::<Vec<_>>()
    };
    assert_eq!(fields("u: { name: c }"), ["u.name=a,b"]);
    assert_eq!(fields("date > now"), ["date=1970-01-01T00:00:10.000Z"]);
    assert_eq!(fields("ip: 10.0.0.2"), ["ip=10.0.0.1"]);
    assert_eq!(fields("k: x"), ["k="]);
    assert_eq!(fields("none: x"), [""; 0]);
    assert_eq!(fields("o*: *"), ["o.a=", "o.b="]);
}

#[test]
fn a_query_that_would_fill_the_memory_is_refused() {
    let expr = parse("a or ".repeat(50_000).trim_end_matches(" or ")).expect("valid");
    let mappings = crate::ecs::Schema::known().mappings();
    let error = compile(&expr, &mappings, &mut Layout::new(), Millis(0)).expect_err("too many");
    assert!(error.message.contains("500000 conditions") && error.help.is_some(), "{error}");
}
