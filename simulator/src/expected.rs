//! What the report of an act must show before anybody may say that the act was done.

use std::fmt;

use crate::report::{MemoryCall, Report};

/// What a technique does when it really happens, as the worker's own report shows it. This is about the machine, never about
/// what any rule makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The target ran to its end.
    Ran,
    /// After the call the page has these permissions, as in `/proc/self/maps`.
    Permissions(&'static str),
    /// After the first call its page has the first of these permissions, and so on.
    Sequence(&'static [&'static str]),
    /// Every call was made with this raw result (a failure is `-errno`), and no permission changed.
    Unchanged {
        /// What the kernel answers.
        result: i64,
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

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expected::Ran => f.write_str("the program runs to its end"),
            Expected::Permissions(permissions) => write!(f, "the memory becomes {permissions}"),
            Expected::Sequence(permissions) => write!(f, "memory becomes {}", permissions.join(", then ")),
            Expected::Unchanged { result: 0 } => f.write_str("the call succeeds and no permission changes"),
            Expected::Unchanged { result } => {
                let reason = std::io::Error::from_raw_os_error(-*result as i32);
                write!(f, "the call fails ({reason}) and no permission changes")
            }
            Expected::Attempted => f.write_str("the call is made; what becomes of it depends on the kernel"),
            Expected::Loaded => f.write_str("the object is loaded into the program"),
            Expected::NotLoaded => f.write_str("the object is not loaded into the program"),
            Expected::Secure { loaded: Loading::Loaded } => f.write_str("the object is loaded into a set-uid program"),
            Expected::Secure { loaded: Loading::Ignored } => {
                f.write_str("the object is not loaded into the set-uid program")
            }
        }
    }
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
            Expected::Permissions(permissions) => {
                self.every_call(|_| true, String::new)?;
                self.memory.iter().try_for_each(|call| became(call, permissions))
            }
            Expected::Sequence(permissions) if self.memory.len() != permissions.len() => Err(Shortfall::Different {
                expected: format!("{} calls", permissions.len()),
                reported: format!("{} calls", self.memory.len()),
            }),
            Expected::Sequence(permissions) => {
                self.memory.iter().zip(permissions).try_for_each(|(call, permissions)| became(call, permissions))
            }
            Expected::Unchanged { result } => self.every_call(
                |call| call.result == result && call.before == call.after,
                || format!("the result {result} and unchanged permissions"),
            ),
            Expected::Attempted => self.every_call(|_| true, String::new),
            Expected::Loaded => self.loading(Loading::Loaded),
            Expected::NotLoaded => self.loading(Loading::Ignored),
            Expected::Secure { loaded } => {
                if !self.target()?.secure {
                    let reason = "no new privileges, a nosuid file system, or a tracer without privileges".into();
                    return Err(Shortfall::Refused { step: "secure-execution mode".into(), reason });
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

    /// Every target that ran must agree.
    fn loading(&self, expected: Loading) -> Result<(), Shortfall> {
        self.target()?;
        self.ran.iter().try_for_each(|target| {
            let said = self.objects.iter().any(|object| object.pid == target.pid);
            match (said, target.object) {
                (true, false) => {
                    Err(Shortfall::Contradiction { said: "said that it was loaded", map: "does not show it" })
                }
                (false, true) => Err(Shortfall::Contradiction { said: "said nothing", map: "shows it" }),
                (true, true) if expected == Loading::Loaded => Ok(()),
                (false, false) if expected == Loading::Ignored => Ok(()),
                (loaded, _) => {
                    let word = |loaded| if loaded { "a loaded object" } else { "no loaded object" };
                    Err(Shortfall::Different { expected: word(!loaded).into(), reported: word(loaded).into() })
                }
            }
        })
    }
}

/// Whether the page of a call has these permissions after it.
fn became(call: &MemoryCall, permissions: &str) -> Result<(), Shortfall> {
    if call.result >= 0 && call.after.as_deref() == Some(permissions) {
        return Ok(());
    }
    Err(Shortfall::Different { expected: format!("permissions {permissions}"), reported: call.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{ObjectLoaded, Refused, TargetRan};

    fn call(result: i64, before: &str, after: &str) -> MemoryCall {
        MemoryCall {
            pid: 1,
            tid: 1,
            thread: "updater".into(),
            call: "mprotect".into(),
            abi: "x86_64".into(),
            number: 10,
            address: 4096,
            length: 4096,
            protection: 7,
            result,
            before: Some(before.into()),
            after: Some(after.into()),
        }
    }

    fn calls(memory: Vec<MemoryCall>) -> Report {
        Report { memory, ..Report::default() }
    }

    fn loading(said: bool, mapped: bool) -> Report {
        Report {
            ran: vec![TargetRan { pid: 1, secure: false, object: mapped, rwx_mappings: None }],
            objects: if said { vec![ObjectLoaded { pid: 1 }] } else { vec![] },
            ..Report::default()
        }
    }

    #[test]
    fn an_empty_report_proves_nothing_at_all() {
        let anything = [
            Expected::Ran,
            Expected::Permissions("rwxp"),
            Expected::Sequence(&["rwxp"]),
            Expected::Unchanged { result: 0 },
            Expected::Attempted,
            Expected::Loaded,
            Expected::NotLoaded,
            Expected::Secure { loaded: Loading::Ignored },
        ];
        for expected in anything {
            assert!(Report::default().proves(expected).is_err(), "{expected:?}");
        }
    }

    #[test]
    fn permissions_must_be_the_expected_ones_after_every_call() {
        let good = || call(0, "rw-p", "rwxp");
        assert_eq!(calls(vec![good(), good()]).proves(Expected::Permissions("rwxp")), Ok(()));
        assert!(calls(vec![good(), call(0, "rw-p", "rw-p")]).proves(Expected::Permissions("rwxp")).is_err());
        assert!(calls(vec![call(-13, "rwxp", "rwxp")]).proves(Expected::Permissions("rwxp")).is_err());
    }

    #[test]
    fn a_sequence_is_compared_in_order_and_in_length() {
        let report = calls(vec![call(0, "rw-p", "rwxp"), call(0, "rwxp", "r-xp")]);
        assert_eq!(report.proves(Expected::Sequence(&["rwxp", "r-xp"])), Ok(()));
        assert!(report.proves(Expected::Sequence(&["r-xp", "rwxp"])).is_err());
        assert!(report.proves(Expected::Sequence(&["rwxp"])).is_err());
    }

    #[test]
    fn a_call_without_effect_must_have_its_result_and_no_effect() {
        let expected = Expected::Unchanged { result: -22 };
        assert_eq!(calls(vec![call(-22, "rw-p", "rw-p")]).proves(expected), Ok(()));
        assert!(calls(vec![call(0, "rw-p", "rw-p")]).proves(expected).is_err());
        assert!(calls(vec![call(-22, "rw-p", "rwxp")]).proves(expected).is_err());
    }

    #[test]
    fn loading_needs_both_witnesses_and_they_must_agree() {
        assert_eq!(loading(true, true).proves(Expected::Loaded), Ok(()));
        assert_eq!(loading(false, false).proves(Expected::NotLoaded), Ok(()));
        assert!(loading(true, true).proves(Expected::NotLoaded).is_err());
        assert!(loading(false, false).proves(Expected::Loaded).is_err());
        for expected in [Expected::Loaded, Expected::NotLoaded] {
            for (said, mapped) in [(true, false), (false, true)] {
                let proof = loading(said, mapped).proves(expected);
                assert!(matches!(proof, Err(Shortfall::Contradiction { .. })), "{proof:?}");
            }
        }
    }

    #[test]
    fn a_refused_step_outweighs_everything_else() {
        let mut report = calls(vec![call(0, "rw-p", "rwxp")]);
        report.refused.push(Refused { pid: 1, step: "personality".into(), errno: 1 });
        let message = report.proves(Expected::Permissions("rwxp")).unwrap_err().to_string();
        assert!(message.contains("personality") && message.contains("not permitted"), "{message}");
    }
}
