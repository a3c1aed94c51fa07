//! `explain`: how far a document came on its way to an alert, and which clause of the query stopped it.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::ControlFlow;

use firstseen_detector::engine::{Document, Explanation, Keep, RuleRunner, Sight, SightOutcome, Standing};
use firstseen_detector::kql::ClauseResult;
use serde_json::{Value as Json, json};

use crate::args::{ExplainArgs, Format, Global};
use crate::commands::input;
use crate::commands::json::FORMAT_VERSION;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output::{Output, message};

pub(crate) fn run(args: &ExplainArgs, global: Global, output: &mut Output) -> Result<Exit, Failure> {
    let rule = input::rule(&args.rule)?;
    let mappings = input::mappings(args.mappings.as_deref())?;
    let mut runner = RuleRunner::new(&rule, &mappings, Keep::Everything).map_err(Failure::input)?;
    let (mut lines, mut buffer) = (Vec::new(), Vec::new());
    let telemetry = input::read(&args.input, args.host.as_deref(), &mut |line| {
        lines.push(input::with_index(line, args.index.as_deref(), &mut buffer).to_vec());
        ControlFlow::Continue(())
    })?;
    let (mut documents, mut unusable) = (Vec::new(), telemetry.unusable);
    for (number, line) in (1..).zip(&lines) {
        match Document::from_line(line) {
            Ok(document) => documents.push(with_id(document, number)),
            Err(error) => {
                unusable += 1;
                message(format!("firstseen: {}: {error}; the document is left out", telemetry.place(number)));
            }
        }
    }
    runner.ingest(documents.iter().cloned());
    let (mut failed, mut executions) = (None, 0);
    runner.replay(None, None, |_, _, report| {
        failed = failed.take().or(report.err());
        executions += 1;
        if executions < input::MOST_EXECUTIONS { Ok(()) } else { Err(input::too_many_executions()) }
    })?;
    if let Some(error) = failed {
        return Err(Failure::input(error));
    }
    let wanted = |document: &&Document<'_>| args.id.as_deref().is_none_or(|id| document.id.as_deref() == Some(id));
    let mut explained = 0;
    for document in documents.iter().filter(wanted) {
        explained += 1;
        let explanation = runner.explain(document);
        unusable += u64::from(matches!(explanation.standing, Standing::Unreadable(_)));
        let clauses = match explanation.standing {
            Standing::NotMatched => runner.clauses(document).unwrap_or_default(),
            _ => Vec::new(),
        };
        show(&runner, document, &explanation, &clauses, global, output);
    }
    if explained == 0 {
        return Err(Failure::input(match &args.id {
            Some(id) => format!("no document has the _id '{id}'; documents without one are numbered from 1"),
            None => "the input holds no document".to_owned(),
        }));
    }
    Ok(if unusable > 0 { Exit::BadInput } else { Exit::Proven })
}

/// A document with the `_id` that the engine gives it if it has none.
fn with_id(mut document: Document<'_>, number: u64) -> Document<'_> {
    document.id.get_or_insert_with(|| Cow::Owned(number.to_string()));
    document
}

fn show(
    runner: &RuleRunner,
    document: &Document<'_>,
    explanation: &Explanation,
    clauses: &[ClauseResult],
    global: Global,
    output: &mut Output,
) {
    let id = document.id.as_deref().unwrap_or_default();
    let stage = stage(explanation);
    if global.format == Format::Json {
        output.json(&json!({
            "format_version": FORMAT_VERSION,
            "id": id,
            "stage": stage,
            "reason": reason(runner, &explanation.standing),
            "time": explanation.time,
            "clauses": clauses.iter().map(clause_json).collect::<Vec<_>>(),
            "terms": explanation.terms.iter().map(|term| json!({
                "terms": term.terms,
                "sights": term.sights.iter().map(|sight| sight_json(runner, sight)).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
        }));
        return;
    }
    output.line(format!("document {id}: {stage}"));
    if let Some(reason) = reason(runner, &explanation.standing) {
        output.labelled("because", &reason);
    }
    if let (Standing::NotMatched, Some(query)) = (&explanation.standing, runner.rule().kind.query()) {
        show_clauses(&query.text, clauses, output);
    }
    for term in &explanation.terms {
        let values: Vec<String> = term.terms.iter().map(|value| value.to_text().to_string()).collect();
        if !values.is_empty() {
            output.labelled("term", &values.join(" + "));
        }
        if term.sights.is_empty() {
            output.labelled("", "no execution's window held it");
        }
        for sight in &term.sights {
            output.labelled("at", &format!("{}: {}", sight.at, outcome(runner, sight)));
        }
    }
}

/// The failing clauses under the query's own text, with what the document holds.
fn show_clauses(query: &str, clauses: &[ClauseResult], output: &mut Output) {
    for clause in clauses.iter().filter(|clause| clause.decisive) {
        let verdict = if clause.matched { "met, but it must not be" } else { "not met" };
        let line_start = query.get(..clause.span.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let line = query.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or(&clause.text);
        let shown = query.get(clause.span.start..clause.span.end.min(line_start + line.len())).unwrap_or_default();
        if !shown.is_empty() && line.chars().count() <= 69 {
            let column = query[line_start..clause.span.start].chars().count();
            output.line(format!("  query    {line}"));
            output.line(format!("           {}{} {verdict}", " ".repeat(column), "^".repeat(shown.chars().count())));
        } else {
            output.labelled("clause", &format!("{} ({verdict})", clause.text));
        }
        for field in &clause.fields {
            let values = if field.values.is_empty() { "no value".to_owned() } else { field.values.join(", ") };
            output.labelled("has", &format!("{}: {values}", field.name));
        }
    }
}

/// The last stage that the document reached, in the words of a verdict.
fn stage(explanation: &Explanation) -> &'static str {
    let sights = || explanation.terms.iter().flat_map(|term| &term.sights);
    match explanation.standing {
        Standing::Unreadable(_) => "unreadable",
        Standing::OtherIndex => "not read by the rule",
        Standing::NotMatched => "not matched",
        Standing::Excepted(_) => "matched, then excepted",
        Standing::WithoutTime => "matched, without a time",
        Standing::WithoutTerms => "matched, without terms",
        Standing::Member if sights().any(|sight| matches!(sight.outcome, SightOutcome::Alert { .. })) => "alerted",
        Standing::Member if sights().any(|sight| !is_known(sight)) => "new term",
        Standing::Member => "matched",
    }
}

fn is_known(sight: &Sight) -> bool {
    matches!(sight.outcome, SightOutcome::Known { .. } | SightOutcome::NotYetThere { .. })
}

fn reason(runner: &RuleRunner, standing: &Standing) -> Option<String> {
    let rule = runner.rule();
    Some(match standing {
        Standing::Unreadable(why) => why.clone(),
        Standing::OtherIndex => format!("its index is not one of {}", rule.index.join(", ")),
        Standing::NotMatched => "the query does not match".to_owned(),
        Standing::Excepted(item) => format!("exception {} of the rule removes it", item + 1),
        Standing::WithoutTime => {
            format!("it has neither {} nor a fallback", rule.timestamp_override.as_deref().unwrap_or("@timestamp"))
        }
        Standing::WithoutTerms => "one of the fields that the rule takes its terms from has no value".to_owned(),
        Standing::Member => return None,
    })
}

fn outcome(runner: &RuleRunner, sight: &Sight) -> String {
    let id = |alert: usize| runner.alerts().get(alert).map(|alert| alert.id.clone()).unwrap_or_default();
    let miss = sight.elastic_would_miss.map(|bug| format!(" ({bug})")).unwrap_or_default();
    let text = match &sight.outcome {
        SightOutcome::NotYetThere { visible_from } => format!("it arrived only at {visible_from}"),
        SightOutcome::Known { first_seen, document } => {
            format!("known: first seen at {first_seen} in document {}", document.id)
        }
        SightOutcome::OtherIsOldest { document } => {
            format!("new, but document {} is older: the alert is that one's", document.id)
        }
        SightOutcome::Alert { alert, execution } => match execution.cmp(&sight.execution) {
            Ordering::Equal => format!("ALERT {}", id(*alert)),
            Ordering::Less => format!("alerted before: {}", id(*alert)),
            Ordering::Greater => format!("new; a later execution alerts: {}", id(*alert)),
        },
        SightOutcome::Absorbed { alert } => format!("counted by alert {} (suppression)", id(*alert)),
        SightOutcome::Dropped { alert } => format!("dropped because of alert {} (suppression)", id(*alert)),
        SightOutcome::Cut => "new, but the budget of alerts (max_signals) was spent".to_owned(),
    };
    text + &miss
}

fn clause_json(clause: &ClauseResult) -> Json {
    json!({
        "text": clause.text,
        "start": clause.span.start,
        "end": clause.span.end,
        "matched": clause.matched,
        "decisive": clause.decisive,
        "fields": clause.fields.iter().map(|field| json!({"name": field.name, "values": field.values})).collect::<Vec<_>>(),
    })
}

fn sight_json(runner: &RuleRunner, sight: &Sight) -> Json {
    let kind = match sight.outcome {
        SightOutcome::NotYetThere { .. } => "not-yet-there",
        SightOutcome::Known { .. } => "known",
        SightOutcome::OtherIsOldest { .. } => "other-is-oldest",
        SightOutcome::Alert { .. } => "alert",
        SightOutcome::Absorbed { .. } => "absorbed",
        SightOutcome::Dropped { .. } => "dropped",
        SightOutcome::Cut => "cut",
    };
    json!({
        "at": sight.at,
        "from": sight.window.from,
        "to": sight.window.to,
        "outcome": kind,
        "text": outcome(runner, sight),
        "elastic_would_miss": sight.elastic_would_miss.is_some(),
    })
}
