//! What the report of an act must show before anybody may say that the act was done.

use crate::report::{MemoryCall, Report};

/// What a technique does when it really happens, as the worker's own report shows it. This is about the machine, never about
/// what any rule makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The target ran to its end.
    Ran,
    /// After the call the page has these permissions, as in `/proc/self/maps`.
    Permissions(&'static str),
    /// The call was made, its raw result is one of these (a failure is `-errno`), and no permission changed.
    Unchanged {
        /// Results that the kernel gives.
        results: &'static [i64],
    },
    /// The call was made; what becomes of it depends on the kernel.
    Attempted,
    /// The preload object was loaded into the target.
    Loaded,
    /// The target ran and the preload object was not loaded into it.
    NotLoaded,
    /// As `Loaded`/`NotLoaded` says, and the target was in secure-execution mode (set-uid).
    Secure {
        /// Whether the preload object was loaded.
        loaded: Loading,
    },
}

/// Whether the preload object was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loading {
    /// It was.
    Loaded,
    /// It was not.
    Ignored,
}

/// What a report lacks: the act cannot be said to have been done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Shortfall {
    /// Nothing was reported at all.
    #[error("the worker reported nothing, so the act was not executed")]
    Nothing,
    /// The system refused a step.
    #[error("the system refused {step} ({reason}), so the act was not executed")]
    Refused {
        /// Which step.
        step: String,
        /// What the error number means.
        reason: String,
    },
    /// The report shows something else.
    #[error("expected {expected}, but the worker reported {reported}")]
    Different {
        /// What should have been.
        expected: String,
        /// What was.
        reported: String,
    },
    /// Two pieces of evidence contradict each other.
    #[error("the object {said}, but the target's own memory map {map}")]
    Contradiction {
        /// What the object said.
        said: &'static str,
        /// What the map said.
        map: &'static str,
    },
}

impl Report {
    /// Whether this report proves that what was expected really happened.
    ///
    /// # Errors
    /// With what is missing. The act then counts as not executed.
    pub fn proves(&self, expected: Expected) -> Result<(), Shortfall> {
        if let Some(refused) = self.refused.first() {
            let reason = std::io::Error::from_raw_os_error(refused.errno).to_string();
            return Err(Shortfall::Refused { step: refused.step.clone(), reason });
        }
        match expected {
            Expected::Ran => self.target().map(|_| ()),
            Expected::Permissions(permissions) => self.every_call(
                |call| call.result >= 0 && call.after.as_deref() == Some(permissions),
                || format!("permissions {permissions}"),
            ),
            Expected::Unchanged { results } => self.every_call(
                |call| results.contains(&call.result) && call.before == call.after,
                || format!("a result of {results:?} and unchanged permissions"),
            ),
            Expected::Attempted => self.every_call(|_| true, String::new),
            Expected::Loaded => self.loading(Loading::Loaded),
            Expected::NotLoaded => self.loading(Loading::Ignored),
            Expected::Secure { loaded } => {
                if !self.target()?.secure {
                    return Err(Shortfall::Different {
                        expected: "secure-execution mode".into(),
                        reported: "an ordinary execution (no-new-privileges or nosuid?)".into(),
                    });
                }
                self.loading(loaded)
            }
        }
    }

    fn every_call(&self, fits: impl Fn(&MemoryCall) -> bool, expected: impl Fn() -> String) -> Result<(), Shortfall> {
        if self.memory.is_empty() {
            return Err(Shortfall::Nothing);
        }
        match self.memory.iter().find(|call| !fits(call)) {
            None => Ok(()),
            Some(call) => Err(Shortfall::Different { expected: expected(), reported: call.to_string() }),
        }
    }

    fn target(&self) -> Result<&crate::report::TargetRan, Shortfall> {
        self.ran.last().ok_or(Shortfall::Nothing)
    }

    fn loading(&self, expected: Loading) -> Result<(), Shortfall> {
        let target = self.target()?;
        let said = self.objects.iter().any(|object| object.pid == target.pid);
        match (said, target.object) {
            (true, false) if expected == Loading::Loaded => {
                Err(Shortfall::Contradiction { said: "said that it was loaded", map: "does not show it" })
            }
            (false, true) => Err(Shortfall::Contradiction { said: "said nothing", map: "shows it" }),
            (said, _) if said == (expected == Loading::Loaded) => Ok(()),
            (said, _) => {
                let word = |loaded| if loaded { "the object loaded" } else { "the object not loaded" };
                Err(Shortfall::Different { expected: word(!said).into(), reported: word(said).into() })
            }
        }
    }
}
