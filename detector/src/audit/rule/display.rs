//! [`AuditRule`] -> auditctl's syntax, as `auditctl -l` prints it: ids as numbers, machines as b64 and b32.

use std::fmt;

use super::super::abi::{self, Abi};
use super::super::errno::errno_name;
use super::super::record_type::RecordType;
use super::field::{COMPARISONS, Field, FieldKind, Op, PERMISSIONS};
use super::model::{Action, AuditRule, FieldValue, FilterList, KEY_SEPARATOR, Position, RuleField, call_names};
use super::words::quoted;

/// A line that [`AuditRule::parse`] reads back to an equal rule, if the rule could be written in that syntax at all: text
/// that is not UTF-8, unknown fields and an empty set of calls cannot.
impl fmt::Display for AuditRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((path, permissions, key)) = self.as_watch() {
            write!(f, "-w {} -p {}", quoted(&path), letters(permissions))?;
            return key.map_or(Ok(()), |key| write_keys(f, key));
        }
        let option = if self.position == Position::Prepend { "-A" } else { "-a" };
        let action = if self.action == Action::Always { "always" } else { "never" };
        write!(f, "{option} {action},{}", self.list.name())?;
        let arch_first = self.fields.first().is_some_and(|field| field.field == Field::ARCH);
        let (arch, rest) = self.fields.split_at(usize::from(arch_first));
        for field in arch {
            write!(f, " {}", condition(field))?;
        }
        if !self.mask.is_all() {
            write!(f, " -S {}", call_names(&self.mask, self.naming_abi()).join(","))?;
        } else if self.list == FilterList::Exit {
            f.write_str(" -S all")?;
        }
        for (index, field) in rest.iter().enumerate() {
            match &field.value {
                FieldValue::Text(key)
                    if field.field == Field::KEY && index + 1 == rest.len() && field.op == Op::Equal =>
                {
                    write_keys(f, key)?;
                }
                _ => write!(f, " {}", condition(field))?,
            }
        }
        Ok(())
    }
}

impl AuditRule {
    /// Path, permissions and key, if this is what `-w` makes.
    fn as_watch(&self) -> Option<(String, u32, Option<&Vec<u8>>)> {
        let plain = self.list == FilterList::Exit && self.position == Position::Append && self.action == Action::Always;
        if !plain || !self.mask.is_all() || self.fields.iter().any(|field| field.op != Op::Equal) {
            return None;
        }
        let (path, permissions, key) = match self.fields.as_slice() {
            [path, permissions] => (path, permissions, None),
            [path, permissions, RuleField { field: Field::KEY, value: FieldValue::Text(key), .. }] => {
                (path, permissions, Some(key))
            }
            _ => return None,
        };
        let FieldValue::Text(text) = &path.value else { return None };
        let text = String::from_utf8_lossy(text).into_owned();
        let path = match path.field {
            Field::PATH if !text.ends_with('/') => text,
            Field::DIR if !text.ends_with('/') => text + "/",
            _ => return None,
        };
        match permissions {
            RuleField { field: Field::PERM, value: FieldValue::Number(bits), .. } => Some((path, *bits, key)),
            _ => None,
        }
    }

    /// The table in which [`AuditRule::parse`] will look the names up.
    fn naming_abi(&self) -> Option<Abi> {
        match self.fields.iter().find(|field| field.field == Field::ARCH) {
            Some(RuleField { op: Op::Equal, value: FieldValue::Number(arch), .. }) => Abi::from_audit_arch(*arch),
            _ => Some(Abi::native()),
        }
    }
}

/// One `-F` or `-C` with its option.
fn condition(field: &RuleField) -> String {
    let op = field.op.symbol();
    let number = match &field.value {
        FieldValue::Text(text) => {
            let name = field.field.name().unwrap_or("?");
            return format!("-F {}", quoted(&format!("{name}{op}{}", String::from_utf8_lossy(text))));
        }
        FieldValue::Number(number) => *number,
    };
    let name = field.field.name().map_or_else(|| format!("f{}", field.field.0), str::to_owned);
    match field.field.kind() {
        FieldKind::Comparison => match COMPARISONS.iter().find(|(code, _, _)| *code == number) {
            Some((_, left, right)) => format!("-C {left}{op}{right}"),
            None => format!("-F {name}{op}{number}"),
        },
        FieldKind::Arch => format!("-F {name}{op}{}", arch(number)),
        FieldKind::Exit => format!("-F {name}{op}{}", exit_value(number)),
        FieldKind::MessageType => match u16::try_from(number) {
            Ok(number) => format!("-F {name}{op}{}", RecordType(number)),
            Err(_) => format!("-F {name}{op}{number}"),
        },
        FieldKind::Permission => format!("-F {name}{op}{}", letters(number)),
        FieldKind::User | FieldKind::Group if number == u32::MAX => format!("-F {name}{op}unset"),
        FieldKind::Number if (200..=203).contains(&field.field.0) => format!("-F {name}{op}{number:#x}"),
        FieldKind::User | FieldKind::Group | FieldKind::Number | FieldKind::FileType | FieldKind::Text => {
            format!("-F {name}{op}{number}")
        }
    }
}

fn arch(number: u32) -> String {
    let native = Abi::native();
    match Abi::from_audit_arch(number) {
        Some(abi) if abi == native => "b64".to_owned(),
        Some(Abi::I386) if native == Abi::X86_64 => "b32".to_owned(),
        _ => abi::arch_name(number).map_or_else(|| format!("{number:#x}"), str::to_owned),
    }
}

fn exit_value(number: u32) -> String {
    let signed = number.cast_signed();
    match errno_name(signed.unsigned_abs()) {
        Some(name) if signed < 0 => format!("-{name}"),
        _ => signed.to_string(),
    }
}

fn letters(bits: u32) -> String {
    PERMISSIONS.iter().filter(|(_, bit)| bits & bit != 0).map(|(letter, _)| *letter).collect()
}

fn write_keys(f: &mut fmt::Formatter<'_>, key: &[u8]) -> fmt::Result {
    for key in String::from_utf8_lossy(key).split(KEY_SEPARATOR) {
        write!(f, " -k {}", quoted(key))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_print_as_auditctl_lists_them() {
        for (text, printed) in [
            (
                "-a exit,always -S mprotect -F arch=x86_64 -F a2=7 -F auid!=-1 -F key=rwx",
                "-a always,exit -F arch=b64 -S mprotect -F a2=0x7 -F auid!=unset -k rwx",
            ),
            ("-a always,exit -F arch=b64 -S mprotect", "-a always,exit -F arch=b64 -S mprotect"),
            ("-a always,exit -F exit=-13", "-a always,exit -S all -F exit=-EACCES"),
            ("-w /etc/sudoers.d/ -p aw -k x -k y", "-w /etc/sudoers.d/ -p wa -k x -k y"),
            ("-a always,exit -F dir=/etc/selinux/ -F perm=wa", "-a always,exit -S all -F dir=/etc/selinux/ -F perm=wa"),
            ("-A never,task", "-A never,task"),
            ("-a always,exit -C euid!=uid -F 'exe=/a b'", "-a always,exit -S all -C uid!=euid -F 'exe=/a b'"),
            ("-a never,exclude -F msgtype=1398", "-a never,exclude -F msgtype=UNKNOWN[1398]"),
        ] {
            let rule = AuditRule::parse(text).expect("valid rule");
            assert_eq!(rule.to_string(), printed);
            assert_eq!(AuditRule::parse(printed), Ok(rule));
        }
    }
}
