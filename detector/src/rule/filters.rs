//! Filters: conditions beside the query, as Kibana's filter bar makes them.
//!
//! An enabled filter must hold, a negated one must not (Kibana `kbn-es-query`, `from_filters.ts`). Each carries a clause of
//! the search engine's query language; the clauses that the filter bar makes are turned into the tree that KQL has for the same
//! condition. A clause that has none there (scripts, shapes, `query_string`) is an error, never left out: the rule would
//! see other documents than it says.

use serde_json::{Map, Value as Json};

use super::Rule;
use super::error::FieldError;
use super::spans::join;
use crate::kql::{Expr, ExprKind, Literal, Pattern, RangeOp, Span, Value, Values};

impl Rule {
    /// The conditions of `filters` as one tree; nothing if there are none. Its spans mean nothing.
    ///
    /// # Errors
    /// A filter that is no object, or has a clause that KQL cannot say.
    pub fn filters(&self) -> Result<Option<Expr>, FieldError> {
        let filters = match self.other.get("filters") {
            None => return Ok(None),
            Some(Json::Array(filters)) => filters,
            Some(other) => return Err(FieldError::expected("filters", "a list of filters", other)),
        };
        let mut parts = Vec::new();
        for (number, filter) in filters.iter().enumerate() {
            let path = join("filters", &number.to_string());
            let Json::Object(filter) = filter else { return Err(FieldError::expected(path, "a filter", filter)) };
            let is = |key: &str| filter.get("meta").and_then(|meta| meta.get(key)) == Some(&Json::Bool(true));
            if is("disabled") {
                continue;
            }
            let expr = clause_of(filter, &path)?;
            parts.push(if is("negate") { not(expr) } else { expr });
        }
        Ok((!parts.is_empty()).then(|| all(parts)))
    }
}

/// The clause of a filter: under `query`, or, in old ones, beside `meta`.
fn clause_of(filter: &Map<String, Json>, path: &str) -> Result<Expr, FieldError> {
    if let Some(query) = filter.get("query").filter(|query| !query.is_null()) {
        return clause(query, &join(path, "query"));
    }
    let own: Map<String, Json> = filter
        .iter()
        .filter(|(key, value)| !["meta", "$state", "query"].contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    clause(&Json::Object(own), path)
}

/// One clause of the query language: an object with one key, its kind.
fn clause(json: &Json, path: &str) -> Result<Expr, FieldError> {
    let Some((kind, body)) = only_entry(json) else {
        return Err(FieldError::expected(path, "one clause, such as {\"exists\": {\"field\": ..}}", json));
    };
    let path = join(path, kind);
    match kind.as_str() {
        "match_all" => Ok(expr(ExprKind::Everything)),
        "exists" => {
            let field = body.get("field").and_then(Json::as_str);
            let field = field.ok_or_else(|| FieldError::expected(path, "a field", body))?;
            Ok(of_field(field, Value::Pattern(Pattern { pieces: vec![String::new(), String::new()] })))
        }
        "match_phrase" | "match" | "term" => {
            let (field, parameters) = field_of(body, &path)?;
            if kind == "match" && parameters.get("type").and_then(Json::as_str) != Some("phrase") {
                let message = "only matches of type phrase can be applied; use match_phrase";
                return Err(FieldError::new(path, message));
            }
            let value = parameters.get("query").or_else(|| parameters.get("value")).unwrap_or(parameters);
            Ok(of_field(field, scalar(value, &path)?))
        }
        "terms" => {
            let (field, values) = field_of(body, &path)?;
            let Json::Array(values) = values else {
                return Err(FieldError::expected(path, "a list of values", values));
            };
            let alternatives: Result<Vec<Expr>, FieldError> =
                values.iter().map(|value| Ok(of_field(field, scalar(value, &path)?))).collect();
            Ok(any(alternatives?))
        }
        "wildcard" => {
            let (field, parameters) = field_of(body, &path)?;
            let text = parameters.get("value").or_else(|| parameters.get("wildcard")).unwrap_or(parameters);
            let text = text.as_str().filter(|text| !text.contains(['?', '\\']));
            let text = text.ok_or_else(|| FieldError::new(path, "expected a pattern of text and stars"))?;
            let pieces: Vec<String> = text.split('*').map(str::to_owned).collect();
            Ok(of_field(field, if pieces.len() == 1 { quoted(text) } else { Value::Pattern(Pattern { pieces }) }))
        }
        "range" => range(body, &path),
        "bool" => boolean(body, &path),
        _ => Err(FieldError::new(
            path,
            format!("filters with a '{kind}' clause cannot be applied here; say it in the query instead"),
        )),
    }
}

fn range(body: &Json, path: &str) -> Result<Expr, FieldError> {
    let (field, bounds) = field_of(body, path)?;
    let mut parts = Vec::new();
    for (name, bound) in bounds.as_object().into_iter().flatten().filter(|(_, bound)| !bound.is_null()) {
        let operator = match name.as_str() {
            "lt" => RangeOp::Less,
            "lte" => RangeOp::LessOrEqual,
            "gt" => RangeOp::Greater,
            "gte" => RangeOp::GreaterOrEqual,
            "format" if bound.as_str() == Some("strict_date_optional_time") => continue,
            _ => return Err(FieldError::new(join(path, name), "expected lt, lte, gt or gte")),
        };
        let bound = literal(scalar(bound, path)?);
        parts.push(expr(ExprKind::Range(literal(quoted(field)), operator, bound)));
    }
    if parts.is_empty() {
        return Err(FieldError::expected(path, "a bound", bounds));
    }
    Ok(all(parts))
}

fn boolean(body: &Json, path: &str) -> Result<Expr, FieldError> {
    let Json::Object(body) = body else {
        return Err(FieldError::expected(path, "must, filter, should or must_not", body));
    };
    let mut parts = Vec::new();
    let mut alternatives = Vec::new();
    let required = body.contains_key("must") || body.contains_key("filter");
    for (name, clauses) in body {
        let path = join(path, name);
        let list = match clauses {
            Json::Array(clauses) => clauses.as_slice(),
            one => std::slice::from_ref(one),
        };
        let read = || list.iter().map(|json| clause(json, &path)).collect::<Result<Vec<_>, _>>();
        match name.as_str() {
            "must" | "filter" => parts.extend(read()?),
            "must_not" => parts.extend(read()?.into_iter().map(not)),
            "should" => alternatives = read()?,
            "minimum_should_match" if [Some(0), Some(1)].contains(&clauses.as_u64()) => {}
            _ => return Err(FieldError::new(path, "cannot be applied here; say it in the query instead")),
        }
    }
    // Beside a must or a filter, alternatives only score; unless at least one is asked for.
    let least = body.get("minimum_should_match").and_then(Json::as_u64).unwrap_or(u64::from(!required));
    if least > 0 && body.contains_key("should") {
        parts.push(any(alternatives));
    }
    Ok(all(parts))
}

fn only_entry(json: &Json) -> Option<(&String, &Json)> {
    let object = json.as_object().filter(|object| object.len() == 1)?;
    object.iter().next()
}

/// `{field: parameters}`
fn field_of<'j>(body: &'j Json, path: &str) -> Result<(&'j str, &'j Json), FieldError> {
    let (field, parameters) = only_entry(body).ok_or_else(|| FieldError::expected(path, "one field", body))?;
    Ok((field, parameters))
}

fn scalar(json: &Json, path: &str) -> Result<Value, FieldError> {
    match json {
        Json::String(text) => Ok(quoted(text)),
        Json::Number(number) => Ok(quoted(&number.to_string())),
        Json::Bool(truth) => Ok(Value::Bool(*truth)),
        other => Err(FieldError::expected(path, "text, a number or a boolean", other)),
    }
}

fn quoted(text: &str) -> Value {
    Value::Quoted(text.to_owned())
}

fn literal(value: Value) -> Literal {
    Literal { value, span: Span::default() }
}

fn expr(kind: ExprKind) -> Expr {
    Expr { kind, span: Span::default() }
}

fn of_field(field: &str, value: Value) -> Expr {
    expr(ExprKind::Field(literal(quoted(field)), Values::One(literal(value))))
}

fn not(inner: Expr) -> Expr {
    expr(ExprKind::Not(Box::new(inner)))
}

/// All parts; none: everything.
fn all(mut parts: Vec<Expr>) -> Expr {
    match parts.len() {
        0 => expr(ExprKind::Everything),
        1 => parts.remove(0),
        _ => expr(ExprKind::And(parts)),
    }
}

/// Any of the parts; none: nothing.
fn any(mut parts: Vec<Expr>) -> Expr {
    match parts.len() {
        0 => not(expr(ExprKind::Everything)),
        1 => parts.remove(0),
        _ => expr(ExprKind::Or(parts)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filters(filters: Json) -> Result<Option<Expr>, FieldError> {
        let rule = json!({"type": "query", "filters": filters});
        Rule::from_api_json(rule.as_object().expect("an object")).expect("readable").filters()
    }

    fn text(query: Json) -> String {
        filters(json!([{"meta": {}, "query": query}])).expect("applicable").expect("a filter").to_string()
    }

    #[test]
    fn every_clause_of_the_filter_bar_has_a_tree() {
        for (query, kql) in [
            (json!({"match_phrase": {"a.b": "x y"}}), r#""a.b": "x y""#),
            (json!({"match_phrase": {"a": {"query": "x"}}}), r#""a": "x""#),
            (json!({"match": {"a": {"query": "x", "type": "phrase"}}}), r#""a": "x""#),
            (json!({"term": {"a": {"value": 7}}}), r#""a": "7""#),
            (json!({"term": {"a": true}}), r#""a": true"#),
            (json!({"terms": {"a": ["x", "y"]}}), r#""a": "x" or "a": "y""#),
            (json!({"exists": {"field": "a"}}), r#""a": *"#),
            (json!({"wildcard": {"a": {"value": "x*y"}}}), r#""a": x*y"#),
            (json!({"range": {"a": {"gte": 1, "lt": 5}}}), r#""a" >= "1" and "a" < "5""#),
            (
                json!({"bool": {"should": [{"term": {"a": "x"}}, {"term": {"b": "y"}}], "minimum_should_match": 1}}),
                r#""a": "x" or "b": "y""#,
            ),
            (
                json!({"bool": {"filter": {"term": {"a": "x"}}, "must_not": [{"term": {"b": "y"}}]}}),
                r#""a": "x" and not "b": "y""#,
            ),
            (json!({"bool": {"must": [{"term": {"a": "x"}}], "should": [{"term": {"b": "y"}}]}}), r#""a": "x""#),
        ] {
            assert_eq!(text(query), kql);
        }
    }

    #[test]
    fn disabled_filters_do_not_count_and_negated_ones_are_turned() {
        let exists = json!({"exists": {"field": "a"}});
        let of = |meta: Json| filters(json!([{"meta": meta, "query": exists}])).expect("applicable");
        assert_eq!(of(json!({"disabled": true})), None);
        assert_eq!(of(json!({"negate": true})).expect("a filter").to_string(), r#"not "a": *"#);
        let old = filters(json!([{"meta": {}, "$state": {}, "exists": {"field": "a"}}])).expect("applicable");
        assert_eq!(old.expect("a filter").to_string(), r#""a": *"#);
        assert_eq!(filters(json!([])), Ok(None));
    }

    #[test]
    fn what_cannot_be_said_in_kql_is_an_error() {
        for (query, field) in [
            (json!({"script": {}}), "filters.0.query.script"),
            (json!({"query_string": {"query": "x"}}), "filters.0.query.query_string"),
            (json!({"match": {"a": "x"}}), "filters.0.query.match"),
            (json!({"wildcard": {"a": "x?"}}), "filters.0.query.wildcard"),
            (json!({"range": {"a": {"boost": 1}}}), "filters.0.query.range.boost"),
            (json!({"bool": {"should": [], "minimum_should_match": 2}}), "filters.0.query.bool.minimum_should_match"),
            (json!({"term": {"a": 1, "b": 2}}), "filters.0.query.term"),
            (json!({}), "filters.0.query"),
        ] {
            assert_eq!(filters(json!([{"query": query}])).expect_err("no KQL").field, field);
        }
        assert!(filters(json!({})).is_err() && filters(json!(["a"])).is_err());
    }
}
