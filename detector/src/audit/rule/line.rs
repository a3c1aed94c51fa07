//! One line of a rule file: a rule, the removal of one, or a setting of the audit system.

use super::error::AuditRuleError;
use super::model::{AuditRule, Position};
use super::parse::{Condition, Parts, filter, watch};
use super::words::words;

/// What a line of `/etc/audit/rules.d/*.rules` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleLine {
    /// `-a`, `-A`, `-w`
    Add(AuditRule),
    /// `-d`, `-W`: the kernel wants exactly the rule that was added.
    Delete(AuditRule),
    /// `-D`, all rules or those with a key.
    DeleteAll {
        /// Only rules with this key.
        key: Option<String>,
    },
    /// `-b N` and the like.
    Set(Setting, u32),
    /// An option without a value that changes how the file is loaded (`-i`, `-c`) or a switch (`--loginuid-immutable`).
    Switch(String),
}

/// A number in `audit_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `-e`: 0 off, 1 on, 2 locked until reboot.
    Enabled,
    /// `-f`: 0 silent, 1 printk, 2 panic.
    Failure,
    /// `-r`: records per second.
    RateLimit,
    /// `-b`: records.
    BacklogLimit,
    /// `--backlog_wait_time`: jiffies.
    BacklogWaitTime,
}

impl RuleLine {
    /// Reads one line; nothing for a blank line or a comment.
    ///
    /// # Errors
    /// When it is none of auditctl's forms.
    pub fn parse(text: &str) -> Result<Option<RuleLine>, AuditRuleError> {
        let fail = |reason: String| AuditRuleError::new(text, reason);
        let text_only = text.trim();
        if text_only.is_empty() || text_only.starts_with('#') {
            return Ok(None);
        }
        let words = words(text_only).map_err(fail)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        RuleLine::from_words(&words).map(Some).map_err(fail)
    }

    fn from_words(words: &[&str]) -> Result<RuleLine, String> {
        let mut parts = Parts::default();
        let mut verbs: Vec<Verb> = Vec::new();
        let mut rest = words.iter().copied();
        while let Some(option) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("{option} needs a value behind it"));
            match option {
                "-a" | "-A" | "-d" => {
                    parts.list_action = Some(value()?);
                    verbs.push(match option {
                        "-a" => Verb::Append,
                        "-A" => Verb::Prepend,
                        _ => Verb::Delete,
                    });
                }
                "-w" | "-W" => {
                    parts.watch = Some(value()?);
                    verbs.push(if option == "-w" { Verb::Watch } else { Verb::Unwatch });
                }
                "-D" => verbs.push(Verb::DeleteAll),
                "-S" => parts.syscalls.push(value()?),
                "-F" => parts.conditions.push(Condition::Value(value()?)),
                "-C" => parts.conditions.push(Condition::Comparison(value()?)),
                "-p" => parts.permissions = Some(value()?),
                "-k" => parts.keys.push(value()?),
                _ => match setting(option) {
                    Some(setting) => {
                        let number = value()?;
                        let number = number.parse().map_err(|_| format!("{option} needs a number, not '{number}'"))?;
                        verbs.push(Verb::Set(setting, number));
                    }
                    None if SWITCHES.contains(&option) => verbs.push(Verb::Switch(option.to_owned())),
                    None => return Err(format!("unknown option '{option}'")),
                },
            }
        }
        let verb = match <[Verb; 1]>::try_from(verbs) {
            Ok([verb]) => verb,
            Err(none) if none.is_empty() => {
                return Err("nothing says what to do; expected -a, -A, -d, -w, -W or -D".to_owned());
            }
            Err(_) => return Err("more than one of -a, -A, -d, -w, -W, -D and the settings".to_owned()),
        };
        verb.line(&parts)
    }
}

/// What a line does, before its parts are checked.
#[derive(Debug)]
enum Verb {
    Append,
    Prepend,
    Delete,
    Watch,
    Unwatch,
    DeleteAll,
    Set(Setting, u32),
    Switch(String),
}

impl Verb {
    fn line(self, parts: &Parts<'_>) -> Result<RuleLine, String> {
        let list_action = parts.list_action.unwrap_or_default();
        let path = parts.watch.unwrap_or_default();
        Ok(match self {
            Verb::Append => RuleLine::Add(filter(parts, list_action, Position::Append)?),
            Verb::Prepend => RuleLine::Add(filter(parts, list_action, Position::Prepend)?),
            Verb::Delete => RuleLine::Delete(filter(parts, list_action, Position::Append)?),
            Verb::Watch => RuleLine::Add(watch(parts, path)?),
            Verb::Unwatch => RuleLine::Delete(watch(parts, path)?),
            Verb::DeleteAll => RuleLine::DeleteAll { key: parts.keys.first().map(|key| (*key).to_owned()) },
            Verb::Set(setting, number) => RuleLine::Set(setting, number),
            Verb::Switch(option) => RuleLine::Switch(option),
        })
    }
}

const SWITCHES: [&str; 5] = ["-i", "-c", "--loginuid-immutable", "--reset-lost", "--reset_backlog_wait_time_actual"];

fn setting(option: &str) -> Option<Setting> {
    Some(match option {
        "-e" => Setting::Enabled,
        "-f" => Setting::Failure,
        "-r" => Setting::RateLimit,
        "-b" => Setting::BacklogLimit,
        "--backlog_wait_time" => Setting::BacklogWaitTime,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> RuleLine {
        RuleLine::parse(text).expect("valid").expect("not blank")
    }

    #[test]
    fn blank_lines_and_comments_say_nothing() {
        for text in ["", "   ", "# -D", "  ## -b 8192"] {
            assert_eq!(RuleLine::parse(text), Ok(None));
        }
    }

    #[test]
    fn settings_and_switches_are_recognised() {
        assert_eq!(line("-b 8192"), RuleLine::Set(Setting::BacklogLimit, 8192));
        assert_eq!(line("-e 2"), RuleLine::Set(Setting::Enabled, 2));
        assert_eq!(line("--backlog_wait_time 60000"), RuleLine::Set(Setting::BacklogWaitTime, 60000));
        assert_eq!(line("-i"), RuleLine::Switch("-i".to_owned()));
        assert_eq!(line("-D"), RuleLine::DeleteAll { key: None });
        assert_eq!(line("-D -k web"), RuleLine::DeleteAll { key: Some("web".to_owned()) });
    }

    #[test]
    fn a_deletion_holds_the_rule_that_was_added() {
        let RuleLine::Add(added) = line("-a always,exit -F arch=b64 -S mprotect -k x") else { panic!("adds") };
        assert_eq!(line("-d always,exit -F arch=b64 -S mprotect -k x"), RuleLine::Delete(added));
        let RuleLine::Add(added) = line("-w /etc/passwd -p wa") else { panic!("adds") };
        assert_eq!(line("-W /etc/passwd -p wa"), RuleLine::Delete(added));
    }

    #[test]
    fn a_line_does_one_thing() {
        assert!(RuleLine::parse("-D -b 1").is_err());
        assert!(RuleLine::parse("-a always,exit -w /etc").is_err());
        assert!(RuleLine::parse("-S mprotect").is_err());
    }
}
