//! What a record says, decoded by field name: go-libaudit's reading of it (auparse.go), with its rules and its limits.
//!
//! A bare word can be hex or a number, so only the field's name decides: `exe`, `cwd`, `proctitle`, `name`, arguments and a few
//! more are decoded. Empty values, `?` and `(null)` drop their field. A record that lacks a field that its type needs has no
//! data at all, only a reason; the words of these reasons end up in documents and are upstream's.

use std::borrow::Cow;

use super::abi::{arch_name, document_syscall_name};
use super::errno::errno_name;
use super::fields::raw_fields;
use super::parse::AuditRecord;
use super::record_type::RecordType;
use super::sockaddr::SocketAddress;
use super::untrusted::{decode_hex, text_of};

/// The decoded fields of one record; a name occurs once, the last one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordData<'a> {
    pairs: Vec<Pair<'a>>,
    tags: Vec<Cow<'a, str>>,
    /// Which names may be there: one bit of 128 for each, so that most new names need no search.
    seen: u128,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair<'a> {
    key: &'a str,
    /// As it is written, quotes and all.
    raw: &'a str,
    value: Cow<'a, str>,
}

/// Why a record has no data.
pub type NoData = String;

impl<'a> RecordData<'a> {
    /// Reads and decodes all fields.
    ///
    /// # Errors
    /// When the record has no fields, or lacks one that its type needs.
    pub fn of(record: &AuditRecord<'a>) -> Result<RecordData<'a>, NoData> {
        let body = record.body().ok_or("message has no data content")?;
        let fields = match record.record_type {
            RecordType::PROCTITLE | RecordType::CWD | RecordType::SOCKADDR => 4,
            RecordType::PATH => 16,
            _ => 32,
        };
        let mut data = RecordData { pairs: Vec::with_capacity(fields), ..RecordData::default() };
        match record.record_type {
            RecordType::AVC => data.read_avc(body),
            RecordType::LOGIN if body.contains("old ") || body.contains("new ") => data.read_old_login(body),
            // PAM's parentheses: the closing one hides the quote that ends msg='...'.
            RecordType::CRED_DISP | RecordType::USER_START | RecordType::USER_END => {
                data.read(body.trim_end_matches([')', '\'']));
            }
            _ => data.read(body),
        }
        data.enrich(record.record_type)?;
        Ok(data)
    }

    /// A value by its name.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.find(key).map(|pair| pair.value.as_ref())
    }

    /// All names and values, in the order in which they stand in the record.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &str)> {
        self.pairs.iter().map(|pair| (pair.key, pair.value.as_ref()))
    }

    /// The keys of the audit rules that caused the record.
    #[must_use]
    pub fn tags(&self) -> &[Cow<'a, str>] {
        &self.tags
    }

    /// Takes everything apart.
    pub(crate) fn into_parts(self) -> (impl Iterator<Item = (&'a str, Cow<'a, str>)>, Vec<Cow<'a, str>>) {
        (self.pairs.into_iter().map(|pair| (pair.key, pair.value)), self.tags)
    }

    fn read(&mut self, text: &'a str) {
        for field in raw_fields(text) {
            match field.value() {
                value if is_useless(value) => {}
                inner if field.key == "msg" => self.read(inner),
                value => self.set(field.key, field.raw, Cow::Borrowed(value)),
            }
        }
    }

    /// SELinux writes `avc:  denied  { read write } for  pid=..`; AppArmor plain fields.
    fn read_avc(&mut self, body: &'a str) {
        match selinux_decision(body) {
            Some((result, permissions, rest)) => {
                self.set("seresult", result, Cow::Borrowed(result));
                let list: Vec<&str> = permissions.split_whitespace().collect();
                match list.as_slice() {
                    [] => {}
                    [one] => self.set("seperms", one, Cow::Borrowed(one)),
                    several => self.set("seperms", permissions, Cow::Owned(several.join(","))),
                }
                self.read(rest);
            }
            None => self.read(body),
        }
    }

    /// Old kernels write `old auid=0 new auid=1 old ses=2 new ses=3`.
    fn read_old_login(&mut self, body: &'a str) {
        for field in raw_fields(body).filter(|field| !is_useless(field.value())) {
            let before = &body[..field.offset];
            let key = match field.key {
                "auid" if before.ends_with("old ") => "old_auid",
                "auid" if before.ends_with("new ") => "new_auid",
                "ses" if before.ends_with("old ") => "old_ses",
                "ses" if before.ends_with("new ") => "new_ses",
                key => key,
            };
            self.set(key, field.raw, Cow::Borrowed(field.value()));
        }
    }

    fn enrich(&mut self, record_type: RecordType) -> Result<(), NoData> {
        for key in ["auid", "old-auid", "ses"] {
            if let Some(pair) = self.find_mut(key).filter(|pair| matches!(&*pair.value, "4294967295" | "-1")) {
                pair.value = Cow::Borrowed("unset");
            }
        }
        self.split_context("subj", &["subj_user", "subj_role", "subj_domain", "subj_level", "subj_category"]);
        self.name_result();
        self.name_exit();
        self.take_tags();
        self.decode("cwd");
        match record_type {
            RecordType::SECCOMP => {
                self.name_signal()?;
                self.name_call()?;
            }
            RecordType::SYSCALL => self.name_call()?,
            RecordType::SOCKADDR => self.split_address()?,
            RecordType::PROCTITLE => self.decode_needed("proctitle")?,
            RecordType::USER_CMD => self.decode_needed("cmd")?,
            RecordType::TTY | RecordType::USER_TTY => self.decode_needed("data")?,
            RecordType::EXECVE => self.decode_arguments()?,
            RecordType::PATH => {
                self.split_context("obj", &["obj_user", "obj_role", "obj_domain", "obj_level", "obj_category"]);
                self.decode("name");
            }
            RecordType::USER_LOGIN => self.decode("acct"),
            _ => {}
        }
        Ok(())
    }

    fn split_context(&mut self, key: &str, parts: &[&'static str; 5]) {
        let Some(context) = self.remove(key) else { return };
        let Cow::Borrowed(context) = context.value else { return };
        for (part, value) in parts.iter().zip(context.splitn(parts.len(), ':')) {
            self.set(part, value, Cow::Borrowed(value));
        }
    }

    /// `success=yes`, `res=1`, `res=success` -> result: success; anything else -> fail.
    fn name_result(&mut self) {
        let key = if self.find("success").is_some() { "success" } else { "res" };
        let taken = self.find("result").is_some();
        let Some(pair) = self.find_mut(key) else { return };
        let value = pair.value.as_ref();
        let good = value == "1" || value.eq_ignore_ascii_case("yes") || starts_with_ignoring_case(value, "suc");
        let result = if good { "success" } else { "fail" };
        if taken {
            self.remove(key);
            self.set("result", "", Cow::Borrowed(result));
        } else {
            *pair = Pair { key: "result", raw: "", value: Cow::Borrowed(result) };
            self.seen |= bit_of("result");
        }
    }

    fn name_exit(&mut self) {
        if let Some(pair) = self.find_mut("exit")
            && let Some(number) = pair.value.strip_prefix('-').and_then(|number| number.parse().ok())
            && let Some(name) = errno_name(number)
        {
            pair.value = Cow::Borrowed(name);
        }
    }

    /// `key="k"`, `key="key=k"`, or hex of several keys with 0x01 between them.
    fn take_tags(&mut self) {
        let Some(key) = self.remove("key") else { return };
        self.tags = match (decode_hex(key.raw), key.value) {
            (Some(keys), _) => {
                let keys: Vec<String> = keys.split(|byte| *byte == 1).map(|key| text_of(key.to_vec())).collect();
                keys.into_iter().map(Cow::Owned).collect()
            }
            (None, Cow::Borrowed(value)) => {
                vec![Cow::Borrowed(value.split_once('=').map_or(value, |(_, key)| key))]
            }
            (None, owned) => vec![owned],
        };
    }

    fn name_signal(&mut self) -> Result<(), NoData> {
        let pair = self.find_mut("sig").ok_or_else(|| missing("sig"))?;
        let number = integer(&pair.value).map_err(|reason| format!("failed to parse sig: {reason}"))?;
        if let Some(name) =
            usize::try_from(number).ok().and_then(|number| SIGNALS.get(number)).filter(|name| !name.is_empty())
        {
            pair.value = Cow::Borrowed(name);
        }
        Ok(())
    }

    fn name_call(&mut self) -> Result<(), NoData> {
        let pair = self.find_mut("arch").ok_or_else(|| missing("arch"))?;
        let arch = i64::from_str_radix(&pair.value, 16)
            .map_err(|_| format!("failed to parse arch: strconv.ParseInt: parsing {:?}: invalid syntax", pair.value))?;
        let arch = arch as u32; // as upstream: what is beyond 32 bits is cut off
        pair.value = arch_name(arch).map_or_else(|| Cow::Owned(format!("unknown[{arch:x}]")), Cow::Borrowed);
        let pair = self.find_mut("syscall").ok_or_else(|| missing("syscall"))?;
        let number = integer(&pair.value).map_err(|reason| format!("failed to parse syscall: {reason}"))?;
        let number = u32::try_from(number).ok();
        if let Some(name) = number.and_then(|number| document_syscall_name(arch, number)) {
            pair.value = Cow::Borrowed(name);
        }
        self.decode_needed("exe")
    }

    fn split_address(&mut self) -> Result<(), NoData> {
        let pair = self.remove("saddr").ok_or_else(|| missing("saddr"))?;
        let address = SocketAddress::parse(&pair.value).map_err(|reason| format!("failed to parse saddr: {reason}"))?;
        self.set("family", "", Cow::Owned(address.family()));
        match &address {
            SocketAddress::Unix { path } => self.set("path", "", Cow::Owned(path.clone())),
            SocketAddress::V4 { .. } | SocketAddress::V6 { .. } => {
                self.set("addr", "", Cow::Owned(address.ip().unwrap_or_default()));
                self.set("port", "", Cow::Owned(address.port().unwrap_or_default().to_string()));
                if let SocketAddress::V6 { flow: flow @ 1.., .. } = &address {
                    self.set("flow", "", Cow::Owned(flow.to_string()));
                }
            }
            SocketAddress::Netlink | SocketAddress::Other(_) => self.set("saddr", pair.raw, pair.value),
        }
        Ok(())
    }

    fn decode_arguments(&mut self) -> Result<(), NoData> {
        let argc = self.find("argc").ok_or_else(|| missing("argc"))?;
        let count: u32 = argc.value.parse().map_err(|_| {
            format!(
                "failed to convert argc='{{{} {}}}' to number: strconv.ParseUint: parsing {:?}: invalid syntax",
                argc.raw, argc.value, argc.value
            )
        })?;
        let mut name = ArgumentName::new();
        for index in 0..count {
            let key = name.set(index);
            let pair = self.find_mut(key).ok_or_else(|| format!("failed to find arg {key}"))?;
            if let Some(mut bytes) = decode_hex(pair.raw) {
                bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
                pair.value = Cow::Owned(text_of(bytes));
            }
        }
        Ok(())
    }

    /// Hex becomes text, its NULs spaces; anything else stays.
    fn decode(&mut self, key: &str) {
        if let Some(pair) = self.find_mut(key)
            && let Some(mut bytes) = decode_hex(pair.raw)
        {
            bytes.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
            pair.value = Cow::Owned(text_of(bytes));
        }
    }

    fn decode_needed(&mut self, key: &str) -> Result<(), NoData> {
        if self.find(key).is_none() {
            return Err(missing(key));
        }
        self.decode(key);
        Ok(())
    }

    fn set(&mut self, key: &'a str, raw: &'a str, value: Cow<'a, str>) {
        let bit = bit_of(key);
        if self.seen & bit != 0
            && let Some(pair) = self.find_mut(key)
        {
            (pair.raw, pair.value) = (raw, value);
            return;
        }
        self.seen |= bit;
        self.pairs.push(Pair { key, raw, value });
    }

    fn find(&self, key: &str) -> Option<&Pair<'a>> {
        if self.seen & bit_of(key) == 0 {
            return None;
        }
        self.pairs.iter().find(|pair| pair.key == key)
    }

    fn find_mut(&mut self, key: &str) -> Option<&mut Pair<'a>> {
        if self.seen & bit_of(key) == 0 {
            return None;
        }
        self.pairs.iter_mut().find(|pair| pair.key == key)
    }

    fn remove(&mut self, key: &str) -> Option<Pair<'a>> {
        if self.seen & bit_of(key) == 0 {
            return None;
        }
        let at = self.pairs.iter().position(|pair| pair.key == key)?;
        Some(self.pairs.remove(at))
    }
}

fn missing(key: &str) -> NoData {
    format!("{key} key not found")
}

fn is_useless(value: &str) -> bool {
    matches!(value, "" | "?" | "?," | "(null)")
}

fn integer(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("strconv.Atoi: parsing {text:?}: invalid syntax"))
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// `avc:  denied  { read } for  rest`, anywhere in the text -> `denied`, `read `, `rest`.
fn selinux_decision(text: &str) -> Option<(&str, &str, &str)> {
    let (_, rest) = text.split_once("avc:")?;
    let (result, rest) = rest.trim_ascii_start().split_once([' ', '\t'])?;
    let rest = rest.trim_ascii_start().strip_prefix('{')?;
    // The permissions end at the last brace that ` for ` follows.
    let (end, rest) = rest
        .rmatch_indices('}')
        .find_map(|(at, _)| {
            let behind = rest[at + 1..].strip_prefix([' ', '\t'])?.trim_ascii_start().strip_prefix("for")?;
            behind.starts_with([' ', '\t']).then(|| (at, behind.trim_ascii_start()))
        })
        .map(|(at, behind)| (&rest[..at], behind))?;
    Some((result, end, rest))
}

/// A bit that two different names rarely share.
#[inline]
fn bit_of(key: &str) -> u128 {
    let bytes = key.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return 1 };
    let middle = bytes[bytes.len() / 2];
    let word = u32::from_le_bytes([*first, middle, *last, bytes.len() as u8]);
    1 << (word.wrapping_mul(0x9e37_79b1) >> 25)
}

/// `a0`, `a1`, ... without an allocation for each.
struct ArgumentName {
    text: [u8; 11],
}

impl ArgumentName {
    fn new() -> ArgumentName {
        ArgumentName { text: [b'a'; 11] }
    }

    fn set(&mut self, index: u32) -> &str {
        let (mut at, mut rest) = (self.text.len(), index);
        loop {
            at -= 1;
            self.text[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        at -= 1;
        self.text[at] = b'a';
        std::str::from_utf8(&self.text[at..]).unwrap_or("a")
    }
}

/// Names of signals by number (x86 and arm; `asm-generic/signal.h`); real-time signals have none.
const SIGNALS: [&str; 32] = [
    "",
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn data(line: &'static str) -> RecordData<'static> {
        RecordData::of(&AuditRecord::parse_line(line).expect("a record")).expect("data")
    }

    fn no_data(line: &str) -> NoData {
        RecordData::of(&AuditRecord::parse_line(line).expect("a record")).expect_err("no data")
    }

    #[test]
    fn a_system_call_is_named_in_its_own_abi() {
        let line = "type=SYSCALL msg=audit(1.002:3): arch=40000003 syscall=125 success=no exit=-12 a2=7 auid=4294967295 \
                    uid=4294967295 comm=\"x\" exe=2F612062 key=6161016262";
        let data = data(line);
        let get = |key| data.get(key);
        assert_eq!((get("arch"), get("syscall"), get("exit")), (Some("i386"), Some("mprotect"), Some("ENOMEM")));
        assert_eq!((get("auid"), get("uid"), get("result")), (Some("unset"), Some("4294967295"), Some("fail")));
        assert_eq!((get("exe"), get("key"), get("success")), (Some("/a b"), None, None));
        assert_eq!(data.tags(), ["aa", "bb"]);
    }

    #[test]
    fn what_has_no_name_stays_a_number() {
        let data = data("type=SYSCALL msg=audit(1.002:3): arch=1234 syscall=9999 success=yes exit=-4095 exe=\"/x\"");
        assert_eq!(
            (data.get("arch"), data.get("syscall"), data.get("exit")),
            (Some("unknown[1234]"), Some("9999"), Some("-4095"))
        );
    }

    #[test]
    fn useless_values_drop_their_field() {
        let data = data("type=USER msg=audit(1.002:3): a=? b=(null) c=\"\" d=?, e=\"x\" msg='f=? g=1'");
        assert_eq!(data.iter().collect::<Vec<_>>(), [("e", "x"), ("g", "1")]);
    }

    #[test]
    fn the_last_value_of_a_name_counts() {
        let data = data("type=USER msg=audit(1.002:3): pid=1 pid=2 msg='pid=3 x=y'");
        assert_eq!(data.iter().collect::<Vec<_>>(), [("pid", "3"), ("x", "y")]);
    }

    #[test]
    fn arguments_are_decoded_by_their_place_and_numbers_of_calls_are_not() {
        let execve = data("type=EXECVE msg=audit(1.002:3): argc=3 a0=\"x\" a1=6120620063 a2=10");
        assert_eq!(["a0", "a1", "a2"].map(|key| execve.get(key)), [Some("x"), Some("a b"), Some("\u{10}")]);
        let call = data("type=SYSCALL msg=audit(1.002:3): arch=c000003e syscall=10 a2=10 exe=\"/x\"");
        assert_eq!(call.get("a2"), Some("10"));
    }

    #[test]
    fn a_record_that_lacks_what_its_type_needs_has_no_data() {
        for (line, reason) in [
            ("type=EOE msg=audit(1.002:3)", "message has no data content"),
            ("type=SYSCALL msg=audit(1.002:3): syscall=1", "arch key not found"),
            ("type=SYSCALL msg=audit(1.002:3): arch=c000003e syscall=1 exe=(null)", "exe key not found"),
            ("type=SECCOMP msg=audit(1.002:3): arch=c000003e", "sig key not found"),
            ("type=EXECVE msg=audit(1.002:3): a1=x", "argc key not found"),
            ("type=EXECVE msg=audit(1.002:3): argc=2 a0=x a1=\"\"", "failed to find arg a1"),
            ("type=EXECVE msg=audit(1.002:3): argc=12 a0=x", "failed to find arg a1"),
            ("type=PROCTITLE msg=audit(1.002:3): x=1", "proctitle key not found"),
            ("type=SOCKADDR msg=audit(1.002:3): saddr=02", "failed to parse saddr: invalid family: too short: 2"),
        ] {
            assert_eq!(no_data(line), reason);
        }
    }

    #[test]
    fn a_process_title_has_spaces_for_nuls() {
        let data = data("type=PROCTITLE msg=audit(1.002:3): proctitle=6C73002D6C");
        assert_eq!(data.get("proctitle"), Some("ls -l"));
    }

    #[test]
    fn a_quoted_value_is_never_hex() {
        let data = data("type=PATH msg=audit(1.002:3): name=\"4142\" obj=u:r:t:s0:c1,c2");
        assert_eq!((data.get("name"), data.get("obj_category"), data.get("obj")), (Some("4142"), Some("c1,c2"), None));
    }

    #[test]
    fn selinux_and_apparmor_decisions_are_read() {
        let selinux =
            data("type=AVC msg=audit(1.002:3): avc:  denied  { read write } for  pid=5 comm=\"x\" tclass=file");
        assert_eq!(
            ["seresult", "seperms", "pid"].map(|key| selinux.get(key)),
            [Some("denied"), Some("read,write"), Some("5")]
        );
        let apparmor = data("type=AVC msg=audit(1.002:3): apparmor=\"DENIED\" operation=\"open\"");
        assert_eq!((apparmor.get("apparmor"), apparmor.get("seresult")), (Some("DENIED"), None));
    }

    #[test]
    fn old_logins_keep_old_and_new_apart() {
        let data =
            data("type=LOGIN msg=audit(1.002:3): login pid=1 uid=0 old auid=4294967295 new auid=7 old ses=1 new ses=2");
        assert_eq!(
            ["old_auid", "new_auid", "old_ses", "new_ses"].map(|key| data.get(key)),
            [Some("4294967295"), Some("7"), Some("1"), Some("2")]
        );
    }

    #[test]
    fn a_parenthesis_at_the_end_hides_nothing() {
        let line = "type=USER_END msg=audit(1.002:3): pid=1 msg='op=PAM:session_close acct=\"root\" exe=\"/x\" \
                    (hostname=h, addr=?, terminal=t res=success)'";
        let data = data(line);
        assert_eq!(
            ["op", "acct", "hostname", "addr", "result"].map(|key| data.get(key)),
            [Some("PAM:session_close"), Some("root"), Some("h,"), None, Some("success")]
        );
    }

    #[test]
    fn signals_have_names() {
        let data = data("type=SECCOMP msg=audit(1.002:3): sig=31 arch=c000003e syscall=39 exe=\"/x\"");
        assert_eq!((data.get("sig"), data.get("syscall")), (Some("SIGSYS"), Some("getpid")));
    }
}
