//! Names of error numbers.

use std::sync::LazyLock;

use super::table::{NameTable, Radix};

/// `ENOENT` for 2; nothing for numbers without a name.
#[must_use]
pub fn errno_name(number: u32) -> Option<&'static str> {
    ERRNOS.name(number)
}

/// 2 for `ENOENT`; `EWOULDBLOCK` and `EDEADLOCK` are understood too.
#[must_use]
pub fn errno_number(name: &str) -> Option<u32> {
    ERRNOS.number(name)
}

static ERRNOS: LazyLock<NameTable> =
    LazyLock::new(|| NameTable::embedded(include_str!("data/errno.txt"), Radix::Decimal));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_agree() {
        assert_eq!((errno_name(2), errno_number("ENOENT")), (Some("ENOENT"), Some(2)));
        assert_eq!((errno_name(11), errno_number("EWOULDBLOCK")), (Some("EAGAIN"), Some(11)));
        assert_eq!((errno_name(41), errno_name(512)), (None, None));
    }
}
