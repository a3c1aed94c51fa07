//! What a technique would do, as plain values for a dry run: nothing is touched, everything is as the scenario names it.

use serde::Serialize;

use crate::{Plan, Privileges, Request, SimulatorError, Technique};

/// A technique and one planned act of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    /// Technique id.
    pub technique: &'static str,
    /// A few words.
    pub title: &'static str,
    /// Why somebody would try exactly this.
    pub reason: &'static str,
    /// What the machine shows of it.
    pub evidence: &'static str,
    /// MITRE ATT&CK techniques.
    pub attack: &'static [&'static str],
    /// What it touches.
    pub touches: &'static str,
    /// Whether only root can do it.
    pub needs_root: bool,
    /// What of the machine it needs.
    pub needs: Vec<String>,
    /// How it is undone.
    pub undo: &'static str,
    /// Names and values of all parameters.
    pub parameters: Vec<(String, String)>,
    /// File that would be executed.
    pub program: String,
    /// Arguments, the program's name first.
    pub argv: Vec<String>,
    /// Environment, `NAME=value`.
    pub env: Vec<String>,
    /// Working directory.
    pub cwd: String,
    /// Files that would be placed, below the run's own root.
    pub files: Vec<FileDescription>,
    /// What its report would have to show.
    pub expected: String,
}

/// A file that would be placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileDescription {
    /// As the scenario names it.
    pub path: String,
    /// What it would be.
    pub what: String,
}

impl Technique {
    /// What [`Technique::prepare`] would prepare for this request, without doing anything.
    ///
    /// # Errors
    /// When the request's path or parameters are wrong.
    pub fn describe(&self, request: &Request) -> Result<Description, SimulatorError> {
        let plan: Plan = self.plan(request)?;
        let command = plan.command();
        let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
        let parameters = self.parameters(request)?;
        Ok(Description {
            technique: self.id,
            title: self.title,
            reason: self.reason,
            evidence: self.evidence,
            attack: self.attack,
            touches: self.touches,
            needs_root: self.privileges == Privileges::Root,
            needs: self.needs.iter().map(|need| need.describe()).collect(),
            undo: self.undo,
            parameters: parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            program: text(command.program.as_os_str()),
            argv: command.argv.iter().map(|word| text(word)).collect(),
            env: command.env.iter().map(|(name, value)| format!("{}={}", text(name), text(value))).collect(),
            cwd: text(command.cwd.as_os_str()),
            files: plan
                .files
                .iter()
                .map(|file| FileDescription { path: text(file.path.as_os_str()), what: file.content.describe() })
                .collect(),
            expected: plan.expected.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{Request, techniques};

    #[test]
    fn a_dry_run_shows_the_scenarios_paths_only() {
        let request = Request { executable: "/opt/acme/updater".into(), ..Request::default() };
        let description = techniques::find("preload.script").unwrap().describe(&request).unwrap();
        assert_eq!(description.argv, ["/opt/acme/updater.script"]);
        assert!(description.env.contains(&"LD_PRELOAD=/opt/acme/lib/libtrace.so".to_owned()), "{description:?}");
        assert_eq!(description.files[2].what, "a script: #!/opt/acme/updater preload.script");
        assert_eq!(description.parameters, [("object".to_owned(), "/opt/acme/lib/libtrace.so".to_owned())]);
    }

    #[test]
    fn every_technique_says_all_that_a_person_wants_to_know() {
        let request = Request { executable: "/opt/acme/updater".into(), ..Request::default() };
        for technique in techniques::all() {
            let said = technique.describe(&request).unwrap();
            for text in [said.title, said.reason, said.evidence, said.touches, said.undo] {
                assert!(!text.is_empty() && !text.contains('\n'), "{}", technique.id);
            }
            assert!(technique.id.starts_with("exec.") || !said.attack.is_empty(), "{}", technique.id);
        }
    }

    #[test]
    fn an_object_in_the_place_of_the_executable_is_refused() {
        let params = [("object".to_owned(), "/opt/acme/updater".to_owned())].into();
        let request = Request { executable: "/opt/acme/updater".into(), params };
        let error = techniques::find("preload.env").unwrap().plan(&request).unwrap_err().to_string();
        assert!(error.contains("two different files at '/opt/acme/updater'"), "{error}");
    }
}
