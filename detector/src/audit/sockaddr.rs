//! The `saddr` field: a `struct sockaddr` in hex, family in the byte order of the machine (little-endian here), port and
//! address in network order.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::untrusted::{decode_hex, text_of};

/// An address that a system call was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketAddress {
    /// A path, or an abstract name, of which nothing is left before its first NUL.
    Unix {
        /// Up to the first NUL.
        path: String,
    },
    /// IPv4.
    V4 {
        /// Address.
        address: Ipv4Addr,
        /// Port.
        port: u16,
    },
    /// IPv6.
    V6 {
        /// Address.
        address: Ipv6Addr,
        /// Port.
        port: u16,
        /// Flow label, 0 mostly.
        flow: u32,
    },
    /// Netlink: not taken apart.
    Netlink,
    /// Any other family, by its number.
    Other(u16),
}

impl SocketAddress {
    /// Reads the hex text.
    ///
    /// # Errors
    /// When it is too short for its family, or is no hex: the reason as go-libaudit puts it, which ends in documents.
    pub fn parse(text: &str) -> Result<SocketAddress, String> {
        let length = text.len();
        let invalid = |family: &str| format!("invalid socket address size family={family}: {length}");
        if length < 4 {
            return Err(format!("invalid family: too short: {length}"));
        }
        let digits = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        let family = number(&format!("{}{}", digits(2, 4), digits(0, 2)))?;
        match family {
            1 => {
                let mut path = hex(digits(4, length), decode_hex)?;
                path.truncate(path.iter().position(|byte| *byte == 0).unwrap_or(path.len()));
                Ok(SocketAddress::Unix { path: text_of(path) })
            }
            2 if length < 16 => Err(invalid("ipv4")),
            2 => {
                let port = number(digits(4, 8))? as u16;
                let octet = |at: usize| number(digits(at, at + 2)).unwrap_or_default() as u8;
                Ok(SocketAddress::V4 { address: Ipv4Addr::from([octet(8), octet(10), octet(12), octet(14)]), port })
            }
            10 if length < 48 => Err(invalid("ipv6")),
            10 => {
                let (port, flow) = (number(digits(4, 8))? as u16, number(digits(8, 16))?);
                let bytes = hex(digits(16, 48), |text| decode_hex(&text.to_ascii_uppercase()))?;
                let octets: [u8; 16] = bytes.try_into().map_err(|_| "invalid size".to_owned())?;
                Ok(SocketAddress::V6 { address: Ipv6Addr::from(octets), port, flow })
            }
            16 => Ok(SocketAddress::Netlink),
            other => Ok(SocketAddress::Other(other as u16)),
        }
    }

    /// The family as documents name it.
    #[must_use]
    pub fn family(&self) -> String {
        match self {
            SocketAddress::Unix { .. } => "unix".to_owned(),
            SocketAddress::V4 { .. } => "ipv4".to_owned(),
            SocketAddress::V6 { .. } => "ipv6".to_owned(),
            SocketAddress::Netlink => "netlink".to_owned(),
            SocketAddress::Other(number) => number.to_string(),
        }
    }

    /// The IP address as Go prints it: an IPv4 address inside IPv6 in its short form.
    #[must_use]
    pub fn ip(&self) -> Option<String> {
        match self {
            SocketAddress::V4 { address, .. } => Some(address.to_string()),
            SocketAddress::V6 { address, .. } => {
                Some(address.to_ipv4_mapped().map_or_else(|| address.to_string(), |short| short.to_string()))
            }
            _ => None,
        }
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            SocketAddress::V4 { port, .. } | SocketAddress::V6 { port, .. } => Some(*port),
            _ => None,
        }
    }
}

/// A hexadecimal number of at most 31 bits.
fn number(digits: &str) -> Result<u32, String> {
    let fail = |why: &str| Err(format!("strconv.ParseInt: parsing {digits:?}: {why}"));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return fail("invalid syntax");
    }
    match u32::from_str_radix(digits, 16) {
        Ok(number) if number <= i32::MAX as u32 => Ok(number),
        _ => fail("value out of range"),
    }
}

fn hex(digits: &str, decode: impl Fn(&str) -> Option<Vec<u8>>) -> Result<Vec<u8>, String> {
    decode(digits).ok_or_else(|| {
        let wrong = digits.chars().find(|digit| decode_hex(&format!("{digit}0")).is_none());
        match wrong {
            Some(digit) if digits.len().is_multiple_of(2) => {
                format!("encoding/hex: invalid byte: U+{:04X} '{digit}'", u32::from(digit))
            }
            _ => "encoding/hex: odd length hex string".to_owned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_told_apart() {
        let v4 = SocketAddress::parse("02000050C0A80101").expect("valid");
        assert_eq!((v4.family(), v4.ip(), v4.port()), ("ipv4".to_owned(), Some("192.168.1.1".to_owned()), Some(80)));
        let v6 = SocketAddress::parse("0A0001BB00000000000000000000000000000000000000010000000000").expect("valid");
        assert_eq!((v6.ip(), v6.port()), (Some("::1".to_owned()), Some(443)));
        let mapped = SocketAddress::parse("0A0001BB0000000000000000000000000000FFFFC0A8010100000000").expect("valid");
        assert_eq!(mapped.ip(), Some("192.168.1.1".to_owned()));
        let unix = SocketAddress::parse("01002F72756E2F782E736F636B0000").expect("valid");
        assert_eq!(unix, SocketAddress::Unix { path: "/run/x.sock".to_owned() });
        assert_eq!(SocketAddress::parse("100000000000000000000000"), Ok(SocketAddress::Netlink));
        assert_eq!(SocketAddress::parse("1100").expect("valid").family(), "17");
    }

    #[test]
    fn what_is_too_short_or_no_hex_says_so() {
        assert_eq!(SocketAddress::parse("02"), Err("invalid family: too short: 2".to_owned()));
        assert_eq!(SocketAddress::parse("020000"), Err("invalid socket address size family=ipv4: 6".to_owned()));
        assert!(SocketAddress::parse("zz00").is_err() && SocketAddress::parse("0100é").is_err());
        assert!(SocketAddress::parse("é0").is_err());
    }
}
