//! What a record says, decoded by field name: go-libaudit's reading of it (auparse.go), with its rules and its limits.
//!
//! A bare word can be hex or a number, so only the field's name decides: `exe`, `cwd`, `proctitle`, `name`, arguments and a few
//! more are decoded. Empty values, `?` and `(null)` drop their field. A record that lacks a field that its type needs has no
//! data at all, only a reason; the words of these reasons end up in documents and are upstream's.

use std::borrow::Cow;

use super::super::fields::raw_fields;
use super::super::parse::AuditRecord;
use super::super::record_type::RecordType;

/// The decoded fields of one record; a name occurs once, the last one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordData<'a> {
    pairs: Vec<Pair<'a>>,
    pub(super) tags: Vec<Cow<'a, str>>,
    /// Which names may be there: one bit of 128 for each, so that most new names need no search.
    pub(super) seen: u128,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair<'a> {
    pub(super) key: &'a str,
    /// As it is written, quotes and all.
    pub(super) raw: &'a str,
    pub(super) value: Cow<'a, str>,
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

    pub(super) fn set(&mut self, key: &'a str, raw: &'a str, value: Cow<'a, str>) {
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

    pub(super) fn find(&self, key: &str) -> Option<&Pair<'a>> {
        if self.seen & bit_of(key) == 0 {
            return None;
        }
        self.pairs.iter().find(|pair| pair.key == key)
    }

    pub(super) fn find_mut(&mut self, key: &str) -> Option<&mut Pair<'a>> {
        if self.seen & bit_of(key) == 0 {
            return None;
        }
        self.pairs.iter_mut().find(|pair| pair.key == key)
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Pair<'a>> {
        if self.seen & bit_of(key) == 0 {
            return None;
        }
        let at = self.pairs.iter().position(|pair| pair.key == key)?;
        Some(self.pairs.remove(at))
    }
}

fn is_useless(value: &str) -> bool {
    matches!(value, "" | "?" | "?," | "(null)")
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
pub(super) fn bit_of(key: &str) -> u128 {
    let bytes = key.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return 1 };
    let middle = bytes[bytes.len() / 2];
    let word = u32::from_le_bytes([*first, middle, *last, bytes.len() as u8]);
    1 << (word.wrapping_mul(0x9e37_79b1) >> 25)
}
