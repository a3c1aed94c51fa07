//! What an act will be, in the scenario's own view of the file system: pure data, the same for a dry run and for the real thing.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::{Expected, Form};

/// One act, before anything is put on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What is executed.
    pub program: Program,
    /// Arguments, the program's name first.
    pub argv: Vec<Text>,
    /// The environment, without what is added for the report itself.
    pub env: Vec<(&'static str, Text)>,
    /// Working directory, as the scenario names it.
    pub cwd: PathBuf,
    /// Files to put in place first, in this order.
    pub files: Vec<Placed>,
    /// The preload object whose presence in the target is looked for, as the scenario names it.
    pub object: Option<PathBuf>,
    /// What the report must show.
    pub expected: Expected,
}

/// What an act executes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// A file that is put in place, as the scenario names it.
    Placed(PathBuf),
    /// A file of the machine, by its absolute path.
    Host(PathBuf),
    /// A program of the machine, looked for in PATH.
    Search(&'static str),
}

/// A file to put in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// As the scenario names it.
    pub path: PathBuf,
    /// What it holds.
    pub content: Content,
}

/// What a placed file holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// The worker.
    Worker(Form),
    /// The static worker, its header asking for an executable stack.
    ExecstackWorker,
    /// The dynamic worker, owned by the caller and set-uid.
    SetUidWorker,
    /// The preload object.
    Object,
    /// The preload object, its header claiming the other word size.
    WrongClassObject,
    /// An executable text file.
    Script(Text),
    /// A plain text file.
    Plain(Text),
    /// A copy of a file of the machine; left out where the machine has none.
    CopyOf(PathBuf),
    /// An empty directory.
    Directory,
}

impl Content {
    /// What it is, for a person.
    pub fn describe(&self) -> String {
        match self {
            Content::Worker(Form::Static) => "the worker, static".into(),
            Content::Worker(Form::Dynamic) => "the worker, dynamically linked".into(),
            Content::Worker(Form::Linked) => "the worker, in need of the object as a library".into(),
            Content::ExecstackWorker => "the worker, marked as needing an executable stack".into(),
            Content::SetUidWorker => "the worker, dynamically linked, set-uid".into(),
            Content::Object => "the harmless shared object".into(),
            Content::WrongClassObject => "the shared object, claiming to be for 32 bits".into(),
            Content::Script(text) => format!("a script: {}", text.render(None).to_string_lossy().trim_end()),
            Content::Plain(text) => format!("a text: {}", text.render(None).to_string_lossy().trim_end()),
            Content::CopyOf(path) => format!("a copy of {}, if there is one", path.display()),
            Content::Directory => "a directory".into(),
        }
    }
}

/// A command as documents should show it: every path as the scenario names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// File to execute; a bare name if it is still to be looked for in PATH.
    pub program: PathBuf,
    /// Arguments, the program's name first.
    pub argv: Vec<OsString>,
    /// Environment, without the variables that the simulator adds for its report.
    pub env: Vec<(OsString, OsString)>,
    /// Working directory.
    pub cwd: PathBuf,
}

impl Plan {
    /// Another content for the executable.
    pub(crate) fn replace_worker(&mut self, executable: &Path, content: Content) {
        for file in self.files.iter_mut().filter(|file| file.path == executable) {
            file.content = content.clone();
        }
    }

    /// A path for which two different contents are planned.
    pub(crate) fn contradiction(&self) -> Option<PathBuf> {
        let clash =
            |file: &Placed| self.files.iter().any(|other| other.path == file.path && other.content != file.content);
        self.files.iter().find(|file| clash(file)).map(|file| file.path.clone())
    }

    /// The command with every path as the scenario names it.
    pub fn command(&self) -> Command {
        Command {
            program: match &self.program {
                Program::Placed(path) | Program::Host(path) => path.clone(),
                Program::Search(name) => PathBuf::from(name),
            },
            argv: self.argv.iter().map(|text| text.render(None)).collect(),
            env: self.env.iter().map(|(name, value)| ((*name).into(), value.render(None))).collect(),
            cwd: self.cwd.clone(),
        }
    }
}

/// A text in which some parts are paths below the root of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Text {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Piece {
    Literal(String),
    Inside(PathBuf),
    /// As `Inside`, written so that a shell reads it as one word.
    Word(PathBuf),
}

impl Text {
    /// A text without paths.
    pub fn literal(text: impl Into<String>) -> Text {
        Text::default().then(text)
    }

    /// A path below the root.
    pub fn inside(path: impl Into<PathBuf>) -> Text {
        Text::default().then_inside(path)
    }

    /// This text, followed by a literal.
    #[must_use]
    pub fn then(mut self, text: impl Into<String>) -> Text {
        self.pieces.push(Piece::Literal(text.into()));
        self
    }

    /// This text, followed by a path below the root.
    #[must_use]
    pub fn then_inside(mut self, path: impl Into<PathBuf>) -> Text {
        self.pieces.push(Piece::Inside(path.into()));
        self
    }

    /// This text, followed by a path below the root as one word of a shell command.
    #[must_use]
    pub fn then_word(mut self, path: impl Into<PathBuf>) -> Text {
        self.pieces.push(Piece::Word(path.into()));
        self
    }

    /// This text, followed by another.
    #[must_use]
    pub fn then_all(mut self, text: Text) -> Text {
        self.pieces.extend(text.pieces);
        self
    }

    /// The text with its paths below `root`, or, without a root, as the scenario names them.
    pub fn render(&self, root: Option<&Path>) -> OsString {
        let mut text = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.extend(literal.as_bytes()),
                Piece::Inside(path) => text.extend(below(root, path).as_os_str().as_bytes()),
                Piece::Word(path) => text.extend(shell_word(below(root, path).as_os_str())),
            }
        }
        OsString::from_vec(text)
    }
}

/// Where `path` of a scenario lies on this machine.
pub(crate) fn below(root: Option<&Path>, path: &Path) -> PathBuf {
    match root {
        None => path.to_owned(),
        Some(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
    }
}

/// Quotes what a shell would not take literally.
fn shell_word(text: &OsStr) -> Vec<u8> {
    let bytes = text.as_bytes();
    if bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+@%=,:".contains(byte)) {
        return bytes.to_vec();
    }
    let mut word = vec![b'\''];
    for &byte in bytes {
        match byte {
            b'\'' => word.extend(br"'\''"),
            _ => word.push(byte),
        }
    }
    word.push(b'\'');
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_shows_the_scenarios_path_or_the_real_one() {
        let text = Text::literal("LD_PRELOAD=").then_inside("/opt/a.so");
        assert_eq!(text.render(None), "LD_PRELOAD=/opt/a.so");
        assert_eq!(text.render(Some(Path::new("/tmp/x/root"))), "LD_PRELOAD=/tmp/x/root/opt/a.so");
    }

    #[test]
    fn a_word_for_the_shell_is_quoted_only_where_it_must_be() {
        assert_eq!(Text::default().then_word("/opt/acme/run").render(None), "/opt/acme/run");
        assert_eq!(Text::default().then_word("/opt/it's $HOME").render(None), r"'/opt/it'\''s $HOME'");
    }
}
