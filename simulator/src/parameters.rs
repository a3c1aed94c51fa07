//! Parameters of a technique: declared as data, checked before anything is done.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::SimulatorError;
use crate::error::nearest;
use crate::scratch::check_scenario_path;

/// One parameter that a technique takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in a scenario.
    pub name: &'static str,
    /// What it decides, for a person.
    pub what: &'static str,
    /// Its value where the scenario gives none.
    pub default: &'static str,
    /// Which values it takes.
    pub kind: ParameterKind,
}

/// The values that a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// An absolute path as the scenario names it, without characters at which the dynamic loader splits lists.
    LoaderPath,
    /// A whole number in these limits, both included.
    Number {
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// A thread's name: 1 to 15 bytes of printable ASCII, prctl(2).
    ThreadName,
}

/// The checked values of all parameters of one technique.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    values: BTreeMap<&'static str, String>,
}

impl Parameters {
    /// Checks what a scenario gave against what the technique takes, and fills in the defaults.
    pub(crate) fn check(
        technique: &'static str,
        known: &'static [Parameter],
        given: &BTreeMap<String, String>,
    ) -> Result<Parameters, SimulatorError> {
        let names = || known.iter().map(|parameter| parameter.name);
        if let Some(name) = given.keys().find(|name| !names().any(|known| known == name.as_str())) {
            return Err(SimulatorError::UnknownParameter {
                technique,
                name: name.clone(),
                nearest: nearest(name, names()),
                known: names().collect(),
            });
        }
        let mut values = BTreeMap::new();
        for parameter in known {
            let value = given.get(parameter.name).map_or(parameter.default, String::as_str);
            if let Err(expected) = parameter.kind.accepts(value) {
                let (name, value) = (parameter.name, value.to_owned());
                return Err(SimulatorError::BadParameter { technique, name, value, expected });
            }
            values.insert(parameter.name, value.to_owned());
        }
        Ok(Parameters { values })
    }

    /// All names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.values.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The value of a parameter; empty for a name that the technique does not declare.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(self.text(name))
    }
}

impl ParameterKind {
    /// Whether `value` is one; otherwise what it should have been.
    fn accepts(self, value: &str) -> Result<(), String> {
        let fits = match self {
            ParameterKind::LoaderPath => {
                check_scenario_path(value.as_ref()).is_ok()
                    && !value.contains([':', ';', '$'])
                    && !value.contains(char::is_whitespace)
            }
            ParameterKind::Number { min, max } => {
                value.parse::<u32>().is_ok_and(|number| (min..=max).contains(&number))
            }
            ParameterKind::ThreadName => {
                (1..=15).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
            }
        };
        if fits { Ok(()) } else { Err(self.describe()) }
    }

    /// What a value must be, for a person.
    pub fn describe(self) -> String {
        match self {
            ParameterKind::LoaderPath => {
                "an absolute path without '..', white space, ':', ';' or '$' (the dynamic loader splits lists there)"
                    .into()
            }
            ParameterKind::Number { min, max } => format!("a whole number from {min} to {max}"),
            ParameterKind::ThreadName => "1 to 15 printable ASCII characters".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Parameter] = &[
        Parameter { name: "object", what: "", default: "/a/b.so", kind: ParameterKind::LoaderPath },
        Parameter { name: "pages", what: "", default: "3", kind: ParameterKind::Number { min: 1, max: 9 } },
    ];

    fn check(given: &[(&str, &str)]) -> Result<Parameters, SimulatorError> {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Parameters::check("test.one", KNOWN, &given)
    }

    #[test]
    fn defaults_are_filled_in() {
        let parameters = check(&[("pages", "9")]).unwrap();
        assert_eq!(parameters.iter().collect::<Vec<_>>(), [("object", "/a/b.so"), ("pages", "9")]);
    }

    #[test]
    fn an_unknown_name_is_refused_with_its_neighbour() {
        let error = check(&[("objct", "/x")]).unwrap_err().to_string();
        assert!(error.contains("did you mean 'object'?") && error.contains("it takes object, pages"), "{error}");
    }

    #[rstest::rstest]
    #[case("pages", "0")]
    #[case("pages", "10")]
    #[case("pages", "many")]
    #[case("object", "relative.so")]
    #[case("object", "/a/../b.so")]
    #[case("object", "/a:b.so")]
    #[case("object", "/a b.so")]
    #[case("object", "/$LIB/b.so")]
    fn a_value_of_another_kind_is_refused(#[case] name: &str, #[case] value: &str) {
        let error = check(&[(name, value)]).unwrap_err().to_string();
        assert!(error.contains("must be"), "{error}");
    }
}
