//! The reading of single fields: names for numbers, text for hex, parts of contexts and addresses.

use std::borrow::Cow;

use super::super::abi::{arch_name, document_syscall_name};
use super::super::errno::errno_name;
use super::super::record_type::RecordType;
use super::super::sockaddr::SocketAddress;
use super::super::untrusted::{decode_hex, text_of};
use super::data::{NoData, Pair, RecordData, bit_of};

impl<'a> RecordData<'a> {
    /// Names, decodes and takes apart what the type of the record says.
    pub(super) fn enrich(&mut self, record_type: RecordType) -> Result<(), NoData> {
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
}

fn missing(key: &str) -> NoData {
    format!("{key} key not found")
}

fn integer(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("strconv.Atoi: parsing {text:?}: invalid syntax"))
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
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
