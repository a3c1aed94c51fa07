//! `list`: scenarios, rules and techniques, by id.

use firstseen_detector::rule;
use firstseen_scenarios::catalog;
use firstseen_simulator::techniques;
use serde_json::json;

use crate::args::{Format, Global};
use crate::commands::json::FORMAT_VERSION;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(global: Global, output: &mut Output) -> Result<Exit, Failure> {
    let scenarios = entries(
        catalog().scenarios.iter().map(|loaded| (loaded.scenario.id.get_ref().clone(), loaded.scenario.title.clone())),
    );
    let rules = entries(rule::builtin().iter().flat_map(|(name, text)| {
        let rules = rule::load_text(name, text).unwrap_or_default();
        rules.into_iter().map(|rule| (rule.rule_id, rule.name))
    }));
    let techniques = entries(techniques::all().map(|it| (it.id.to_owned(), it.title.to_owned())));
    if global.format == Format::Json {
        let object = |(id, title): &(String, String)| json!({"id": id, "title": title});
        output.json(&json!({
            "format_version": FORMAT_VERSION,
            "scenarios": scenarios.iter().map(object).collect::<Vec<_>>(),
            "rules": rules.iter().map(object).collect::<Vec<_>>(),
            "techniques": techniques.iter().map(object).collect::<Vec<_>>(),
        }));
        return Ok(Exit::Proven);
    }
    for (heading, list) in [("Scenarios", &scenarios), ("Rules", &rules), ("Techniques", &techniques)] {
        output.line(format!("{heading} ({})", list.len()));
        let width = list.iter().map(|(id, _)| id.len()).max().unwrap_or(0);
        for (id, title) in list {
            output.text(output.page().beside(&format!("  {id:width$}  "), width + 4, title));
        }
        output.line("");
    }
    output.line("firstseen show ID says more about any of them.");
    Ok(Exit::Proven)
}

fn entries(entries: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    entries.collect()
}
