use firstseen_detector::audit::{AuditRecord, AuditRule};
use firstseen_detector::ecs::{Flavour, NormaliseOptions, normalise_records};
use firstseen_detector::netlink::{AuditStatus, RuleData, error_number, messages, record_of_datagram};

/// A datagram from the audit socket, read as a record and as a series of replies: status, rules, errors.
pub fn netlink_datagram(bytes: &[u8]) {
    if let Some(record) = record_of_datagram(bytes)
        && AuditRecord::try_from(&record).is_ok()
    {
        let options = NormaliseOptions::bare(Flavour::AuditdManager);
        let documents = normalise_records(std::slice::from_ref(&record), &options).expect("it was read");
        assert!(documents.len() <= 1);
    }
    let mut length = 0;
    for message in messages(bytes) {
        length += message.payload.len();
        let _ = (error_number(message.payload), AuditStatus::decode(message.payload));
        rule(message.payload);
    }
    assert!(length <= bytes.len(), "messages do not overlap");
    rule(bytes);
}

fn rule(bytes: &[u8]) {
    let Ok(data) = RuleData::new(bytes) else { return };
    let shown = data.to_string();
    let _ = (data.key(), data.lab_run(), data.list(), data.action(), data.is_unconditional());
    assert_eq!(RuleData::new(data.bytes()), Ok(data.clone()), "what was accepted is accepted again");
    assert_eq!(data.prepended().appended(), data.appended());
    if let Ok(keyed) = data.with_key("firstseen-1") {
        assert!(keyed.key().is_some_and(|key| key.ends_with(b"firstseen-1")));
        assert_eq!(RuleData::new(keyed.bytes()), Ok(keyed));
    }
    if let Ok(excepted) = data.except(1) {
        assert_eq!(RuleData::new(excepted.bytes()), Ok(excepted));
    }
    // What is shown in auditctl's syntax means the same rule.
    if let (Ok(rule), Ok(read)) = (AuditRule::from_bytes(data.bytes()), AuditRule::parse(&shown)) {
        assert_eq!(read.to_string(), rule.to_string());
    }
}
