//! auditctl's syntax -> [`AuditRule`] (auditctl(8), audit.rules(7)).

use super::super::abi::{self, Abi};
use super::super::accounts::Accounts;
use super::super::errno::errno_number;
use super::super::record_type::RecordType;
use super::error::AuditRuleError;
use super::field::{COMPARISONS, FILE_TYPES, Field, FieldKind, Op, PERMISSIONS};
use super::line::RuleLine;
use super::model::{Action, AuditRule, FieldValue, FilterList, KEY_SEPARATOR, Position, RuleField, SyscallMask};

/// `AUDIT_MAX_KEY_LEN`
const MAX_KEY: usize = 256;
/// `PATH_MAX`
const MAX_TEXT: usize = 4096;
/// `AUDIT_MAX_FIELDS`
const MAX_FIELDS: usize = 64;

impl AuditRule {
    /// Reads one rule that adds something: `-a`, `-A` or `-w`.
    ///
    /// Names of users and groups are looked up on this machine; `b64` and `b32` mean this machine's ABIs. System calls are
    /// looked up in the ABI of `arch`, wherever it stands.
    ///
    /// # Errors
    /// When the text is no such rule; the message says which part of it and what is expected there.
    pub fn parse(text: &str) -> Result<AuditRule, AuditRuleError> {
        match RuleLine::parse(text)? {
            Some(RuleLine::Add(rule)) => Ok(rule),
            _ => Err(AuditRuleError::new(text, "it adds no rule; expected -a, -A or -w")),
        }
    }
}

/// What the options of one line say, before they are put together.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    pub(super) list_action: Option<&'a str>,
    pub(super) syscalls: Vec<&'a str>,
    /// `-F` and `-C`, in order.
    pub(super) conditions: Vec<Condition<'a>>,
    pub(super) watch: Option<&'a str>,
    pub(super) permissions: Option<&'a str>,
    pub(super) keys: Vec<&'a str>,
}

#[derive(Debug)]
pub(super) enum Condition<'a> {
    Value(&'a str),
    Comparison(&'a str),
}

/// `-w PATH -p PERMS -k KEY`: the same as an exit rule with a path and a perm field.
pub(super) fn watch(parts: &Parts<'_>, path: &str) -> Result<AuditRule, String> {
    if parts.list_action.is_some() || !parts.syscalls.is_empty() || !parts.conditions.is_empty() {
        return Err("a watch (-w) takes only -p and -k".to_owned());
    }
    if !path.starts_with('/') {
        return Err(format!("'{path}' is no absolute path"));
    }
    let field = if path.len() > 1 && path.ends_with('/') { Field::DIR } else { Field::PATH };
    let mut rule = AuditRule {
        list: FilterList::Exit,
        position: Position::Append,
        action: Action::Always,
        mask: SyscallMask::ALL,
        fields: Vec::new(),
    };
    push(&mut rule, field, Op::Equal, FieldValue::Text(clean(path).into_bytes()));
    push(&mut rule, Field::PERM, Op::Equal, FieldValue::Number(permissions(parts.permissions.unwrap_or("rwxa"))?));
    add_keys(&mut rule, &parts.keys)?;
    Ok(rule)
}

/// `-a LIST,ACTION -F .. -S .. -k ..`
pub(super) fn filter(parts: &Parts<'_>, list_action: &str, position: Position) -> Result<AuditRule, String> {
    if parts.permissions.is_some() {
        return Err("-p belongs to a watch (-w); here it is -F perm=".to_owned());
    }
    let (list, action) = list_and_action(list_action)?;
    let mut rule = AuditRule { list, position, action, mask: SyscallMask::NONE, fields: Vec::new() };
    for condition in &parts.conditions {
        match condition {
            Condition::Value(text) => value_condition(&mut rule, text)?,
            Condition::Comparison(text) => comparison(&mut rule, text)?,
        }
    }
    rule.mask = mask(&rule, &parts.syscalls)?;
    add_keys(&mut rule, &parts.keys)?;
    if rule.fields.len() > MAX_FIELDS {
        return Err(format!("{} fields and keys, the kernel takes at most {MAX_FIELDS}", rule.fields.len()));
    }
    Ok(rule)
}

fn list_and_action(text: &str) -> Result<(FilterList, Action), String> {
    let (mut list, mut action) = (None, None);
    for word in text.split(',').map(str::trim) {
        match word {
            "always" if action.is_none() => action = Some(Action::Always),
            "never" if action.is_none() => action = Some(Action::Never),
            "entry" => return Err("the list 'entry' is gone from the kernel; use 'exit'".to_owned()),
            "possible" => {
                return Err("the action 'possible' is gone from the kernel; use 'always' or 'never'".to_owned());
            }
            _ => match FilterList::ALL.iter().find(|(_, name, _)| *name == word) {
                Some((found, _, _)) if list.is_none() => list = Some(*found),
                _ => return Err(format!("'{text}' is not LIST,ACTION such as always,exit")),
            },
        }
    }
    list.zip(action).ok_or_else(|| format!("'{text}' is not LIST,ACTION such as always,exit"))
}

fn value_condition(rule: &mut AuditRule, text: &str) -> Result<(), String> {
    let (name, op, value) = split(text)?;
    let field = Field::from_name(name).filter(|field| *field != Field::COMPARE).ok_or_else(|| {
        let near =
            Field::names().max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
        format!("unknown field '{name}' in '{text}', did you mean '{}'?", near.unwrap_or("arch"))
    })?;
    check_place(rule.list, field, op, name)?;
    let value = field_value(field, value).map_err(|reason| format!("in '{text}': {reason}"))?;
    push(rule, field, op, value);
    Ok(())
}

/// `uid!=euid`, in either order of the fields.
fn comparison(rule: &mut AuditRule, text: &str) -> Result<(), String> {
    let (left, op, right) = split(text)?;
    if !matches!(op, Op::Equal | Op::NotEqual) {
        return Err(format!("'{text}' compares with '{}', only = and != are possible", op.symbol()));
    }
    let pair = COMPARISONS.iter().find(|(_, a, b)| (*a, *b) == (left, right) || (*b, *a) == (left, right));
    let (code, _, _) = pair.ok_or_else(|| format!("the kernel cannot compare '{left}' with '{right}'"))?;
    push(rule, Field::COMPARE, op, FieldValue::Number(*code));
    Ok(())
}

/// Which fields the kernel takes in which list (`audit_field_valid`, kernel/auditfilter.c), so that a rule that cannot work
/// is refused here with a reason and not there with EINVAL.
fn check_place(list: FilterList, field: Field, op: Op, name: &str) -> Result<(), String> {
    let only_exit = matches!(field.0, 19..=23 | 100..=108 | 113 | 200..=203) || field == Field(18);
    if only_exit && list != FilterList::Exit {
        return Err(format!("field '{name}' belongs to the exit list"));
    }
    if field == Field::MSGTYPE && !matches!(list, FilterList::Exclude | FilterList::User) {
        return Err("field 'msgtype' belongs to the exclude and user lists".to_owned());
    }
    if list == FilterList::Exclude && !matches!(field.0, 0 | 1 | 5 | 9 | 12..=17 | 112) {
        return Err(format!("field '{name}' cannot be used in the exclude list"));
    }
    let only_equal =
        matches!(field, Field::ARCH | Field(102) | Field::EXE | Field::PATH | Field::DIR | Field::FILETYPE);
    if only_equal && !matches!(op, Op::Equal | Op::NotEqual) || field == Field::PERM && op != Op::Equal {
        return Err(format!("field '{name}' cannot be compared with '{}'", op.symbol()));
    }
    Ok(())
}

fn field_value(field: Field, text: &str) -> Result<FieldValue, String> {
    let number = match field.kind() {
        FieldKind::Text => {
            let limit = if field == Field::KEY { MAX_KEY } else { MAX_TEXT };
            if text.len() > limit {
                return Err(format!("{} bytes, at most {limit} are possible", text.len()));
            }
            return Ok(FieldValue::Text(text.as_bytes().to_vec()));
        }
        FieldKind::Number | FieldKind::Comparison => number(text)?,
        FieldKind::User | FieldKind::Group if text == "unset" => u32::MAX,
        FieldKind::User => account(text, "user", Accounts::user_id)?,
        FieldKind::Group => account(text, "group", Accounts::group_id)?,
        FieldKind::Arch => arch(text)?,
        FieldKind::Exit => exit_value(text)?,
        FieldKind::MessageType => match number(text) {
            Ok(number) => number,
            Err(_) => u32::from(RecordType::from_name(text).ok_or_else(|| format!("unknown record type '{text}'"))?.0),
        },
        FieldKind::Permission => permissions(text)?,
        FieldKind::FileType => {
            let known = FILE_TYPES.iter().find(|(name, _)| *name == text).map(|(_, bits)| *bits);
            known
                .map_or_else(|| number(text), Ok)
                .map_err(|_| format!("'{text}' is no file type such as file, dir, socket"))?
        }
    };
    if field == Field(113) && number != 2 && number != 10 {
        return Err(format!("saddr_fam is 2 (inet) or 10 (inet6), not {number}"));
    }
    Ok(FieldValue::Number(number))
}

fn account(text: &str, what: &str, find: fn(&Accounts, &str) -> Option<u32>) -> Result<u32, String> {
    match number(text) {
        Ok(number) => Ok(number),
        Err(_) => {
            find(&Accounts::of_this_machine(), text).ok_or_else(|| format!("no {what} '{text}' here; write the number"))
        }
    }
}

fn arch(text: &str) -> Result<u32, String> {
    match text.to_ascii_lowercase().as_str() {
        "b64" => Ok(Abi::native().audit_arch()),
        "b32" => match Abi::native() {
            Abi::Aarch64 => abi::arch_number("arm").ok_or_else(|| "no 32-bit ABI".to_owned()),
            Abi::I386 | Abi::X86_64 => Ok(Abi::I386.audit_arch()),
        },
        name => abi::arch_number(name).ok_or_else(|| format!("unknown machine '{text}'; use b64 or b32")),
    }
}

/// `-EPERM`, `EPERM`, `-13`, `0x10`
fn exit_value(text: &str) -> Result<u32, String> {
    let (negative, name) = match text.strip_prefix('-') {
        Some(name) => (true, name),
        None => (false, text),
    };
    match errno_number(name) {
        Some(number) if negative => Ok(number.wrapping_neg()),
        Some(number) => Ok(number),
        None => number(text).map_err(|_| format!("'{text}' is no number and no error such as -EPERM")),
    }
}

/// A C literal of 32 bits: `7`, `0x7`, `07`, `-1`.
fn number(text: &str) -> Result<u32, String> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (radix, digits) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => (16, hex),
        None if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        None => (10, digits),
    };
    let unsigned = u32::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+'));
    match unsigned {
        Some(number) if negative && number > 1 << 31 => Err(format!("'{text}' is below the smallest 32-bit number")),
        Some(number) if negative => Ok(number.wrapping_neg()),
        Some(number) => Ok(number),
        None => Err(format!("'{text}' is no 32-bit number")),
    }
}

fn permissions(text: &str) -> Result<u32, String> {
    let mut bits = 0;
    for letter in text.chars() {
        let known = PERMISSIONS.iter().find(|(known, _)| *known == letter);
        bits |= known.ok_or_else(|| format!("'{letter}' is no permission; they are r, w, x and a"))?.1;
    }
    Ok(bits)
}

/// The calls of all `-S` options; without any, all calls, in every list (as auditctl sends it).
fn mask(rule: &AuditRule, calls: &[&str]) -> Result<SyscallMask, String> {
    let abi = match rule.fields.iter().find(|field| field.field == Field::ARCH) {
        Some(RuleField { op: Op::Equal, value: FieldValue::Number(arch), .. }) => Abi::from_audit_arch(*arch),
        _ => Some(Abi::native()),
    };
    let mut mask = SyscallMask::NONE;
    let mut named = false;
    for call in calls.iter().flat_map(|calls| calls.split(',')).map(str::trim).filter(|call| !call.is_empty()) {
        if call == "all" {
            return Ok(SyscallMask::ALL);
        }
        named = true;
        let number = match number(call) {
            Ok(number) => number,
            Err(_) => {
                let abi =
                    abi.ok_or_else(|| format!("no system call names for that arch here; write '{call}' as a number"))?;
                abi::syscall_number(abi, call).ok_or_else(|| format!("{abi} has no system call '{call}'"))?
            }
        };
        if number >= 63 * 32 || !mask.insert(number) {
            return Err(format!("a rule has no place for system call {number}"));
        }
    }
    Ok(if named { mask } else { SyscallMask::ALL })
}

fn add_keys(rule: &mut AuditRule, keys: &[&str]) -> Result<(), String> {
    if keys.is_empty() {
        return Ok(());
    }
    let joined = keys.join(&KEY_SEPARATOR.to_string());
    push(rule, Field::KEY, Op::Equal, field_value(Field::KEY, &joined).map_err(|reason| format!("key: {reason}"))?);
    Ok(())
}

fn push(rule: &mut AuditRule, field: Field, op: Op, value: FieldValue) {
    rule.fields.push(RuleField { field, op, value });
}

/// `name op value`
fn split(text: &str) -> Result<(&str, Op, &str), String> {
    let name_end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = (&text[..name_end], text[name_end..].trim_start());
    let found = Op::ALL.iter().find_map(|(op, symbol, _)| rest.strip_prefix(symbol).map(|value| (*op, value)));
    match found {
        Some((op, value)) if !name.is_empty() && !value.is_empty() => Ok((name, op, value)),
        _ => Err(format!("'{text}' is not FIELD, one of = != < <= > >= & &=, VALUE")),
    }
}

/// The path without a trailing slash, empty and `.` parts, as auditctl stores a watch.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
