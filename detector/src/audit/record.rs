//! One audit record as it arrives, whatever carried it: netlink, a log file, or the trace sensor.

use super::RecordType;

/// One record: its type and its text from `audit(SEC.MSEC:SERIAL): ` on, without the type name, without a newline.
///
/// This is exactly what a netlink datagram carries. The text is kept as the kernel wrote it and is never rewritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRecord {
    /// What the record describes.
    pub record_type: RecordType,
    /// `audit(1700000000.123:42): arch=c000003e syscall=10 ...`
    pub text: String,
}
