//! `cleanup`: undoes what runs left behind that were killed, and says what it did.

use firstseen_detector::journal::{StateDir, Undone, undo_all};
use serde_json::json;

use crate::args::{Format, Global};
use crate::commands::json::FORMAT_VERSION;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(global: Global, output: &mut Output) -> Result<Exit, Failure> {
    let state = StateDir::find().map_err(Failure::environment)?;
    let undone = undo_all(&state);
    if global.format == Format::Json {
        output.json(&json!({"format_version": FORMAT_VERSION, "undone": undone}));
    } else {
        for entry in &undone {
            output.line(entry.to_string());
        }
        if undone.is_empty() {
            output.line("nothing to undo");
        }
    }
    Ok(if undone.iter().all(Undone::is_settled) { Exit::Proven } else { Exit::EnvironmentUnfit })
}
