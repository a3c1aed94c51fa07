//! Writing a bundle while a run goes on.

use std::cell::RefCell;
use std::io::{self, Write};

use firstseen_detector::audit::Accounts;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::Value as Json;

use super::format::{ActLine, BUNDLE_VERSION, EndLine, Header, Line, ScenarioLine};
use super::redact::Redaction;
use crate::event::RunEvent;
use crate::plan::{Plan, PlannedAct};
use crate::world::{Performed, World, WorldError};

/// Writes one bundle. Give the run a [world](Recorder::world) of it, and every event.
pub struct Recorder {
    state: RefCell<State>,
    wanted: Redaction,
}

struct State {
    sink: GzEncoder<Box<dyn Write>>,
    acts: usize,
    /// What is replaced in the present scenario.
    redaction: Redaction,
    /// The first failure; nothing is written after it.
    failed: Option<io::Error>,
}

/// A world whose acts are recorded.
pub struct RecordingWorld<'r> {
    inner: &'r mut dyn World,
    recorder: &'r Recorder,
}

impl Recorder {
    /// Begins a bundle; `sensor` says which one watches, and why.
    #[must_use]
    pub fn new(sink: Box<dyn Write>, sensor: &str, redaction: Redaction) -> Recorder {
        let header = Header {
            firstseen_bundle: BUNDLE_VERSION,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sensor: sensor.to_owned(),
            redacted: redaction.is_on(),
        };
        let sink = GzEncoder::new(sink, Compression::default());
        let state = State { sink, acts: 0, redaction: redaction.clone(), failed: None };
        let recorder = Recorder { state: RefCell::new(state), wanted: redaction };
        recorder.write(&header);
        recorder
    }

    /// A world that does acts in another one and records them.
    pub fn world<'r>(&'r self, inner: &'r mut dyn World) -> RecordingWorld<'r> {
        RecordingWorld { inner, recorder: self }
    }

    /// Takes note of an event.
    pub fn event(&self, event: &RunEvent) {
        if let RunEvent::ActPerformed(performed) = event {
            let documents: Result<Vec<Json>, _> = performed.documents.iter().map(serde_json::to_value).collect();
            match documents {
                Ok(documents) => self.write(&Line::Documents(documents)),
                Err(error) => self.fail(error.into()),
            }
        }
    }

    /// Ends the bundle.
    ///
    /// # Errors
    /// The first thing that could not be written.
    pub fn finish(self) -> io::Result<()> {
        let acts = self.state.borrow().acts;
        self.write(&Line::End(EndLine { acts }));
        let State { sink, failed, .. } = self.state.into_inner();
        match failed {
            Some(error) => Err(error),
            None => sink.finish()?.flush(),
        }
    }

    fn scenario(&self, plan: &Plan) {
        let (text, rule_text) = (plan.source.text().to_owned(), plan.rule_text.clone());
        self.state.borrow_mut().redaction = self.wanted.sparing([&text, &rule_text]);
        let path = plan.source.path().display().to_string();
        self.write(&Line::Scenario(ScenarioLine { path, text, rule_text }));
    }

    fn act(&self, line: ActLine) {
        self.state.borrow_mut().acts += 1;
        self.write(&Line::Act(Box::new(line)));
    }

    fn write(&self, line: &impl Serialize) {
        let written = serde_json::to_value(line).map_err(io::Error::from).and_then(|mut json| {
            let state = &mut *self.state.borrow_mut();
            state.redaction.apply(&mut json);
            if state.failed.is_some() {
                return Ok(());
            }
            serde_json::to_writer(&mut state.sink, &json)?;
            state.sink.write_all(b"\n")
        });
        if let Err(error) = written {
            self.fail(error);
        }
    }

    fn fail(&self, error: io::Error) {
        self.state.borrow_mut().failed.get_or_insert(error);
    }
}

impl World for RecordingWorld<'_> {
    fn begin(&mut self, plan: &Plan) -> Result<(), WorldError> {
        self.inner.begin(plan)?;
        self.recorder.scenario(plan);
        Ok(())
    }

    fn accounts(&self) -> &Accounts {
        self.inner.accounts()
    }

    fn perform(&mut self, act: &PlannedAct) -> Result<Performed, WorldError> {
        match self.inner.perform(act) {
            Ok(performed) => {
                self.recorder.act(ActLine::of(act, &performed, self.inner.accounts()));
                Ok(performed)
            }
            Err(error) => {
                self.recorder.act(ActLine::failed(act, error.to_string()));
                Err(error)
            }
        }
    }
}
