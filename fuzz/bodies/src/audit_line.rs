use firstseen_detector::audit::{Accounts, AuditRecord, RawRecord, RecordData};
use firstseen_detector::ecs::{
    Agent, CoalescedEvent, Flavour, HostInfo, NormaliseOptions, OriginalText, Warnings, normalise_records,
};
use firstseen_detector::time::Millis;

/// Lines of an audit log: what parses has fields that stand where they say, coalesces, and becomes JSON documents.
pub fn audit_line(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut records = Vec::new();
    for line in text.lines() {
        let Ok(record) = AuditRecord::parse_line(line) else { continue };
        for field in record.fields() {
            assert!(record.text.contains(field.raw), "a field is part of its record");
            assert!(field.raw.contains(field.value()), "quotes are all that a value lacks");
            assert!(record.field(field.key).is_some(), "a field is found by its name");
        }
        let _ = RecordData::of(&record).map(|data| data.iter().count());
        records.push(RawRecord { record_type: record.record_type, text: record.text.to_owned() });
    }
    let accounts = Accounts::none().with_user(0, "root").with_group(0, "root");
    let host = HostInfo::named("fuzz");
    let agent = Agent::of(&host);
    for flavour in [Flavour::Auditbeat, Flavour::AuditdManager] {
        let options = NormaliseOptions {
            accounts: Some(&accounts),
            original: OriginalText::Kept,
            warnings: Warnings::Kept,
            host: Some(&host),
            agent: Some(&agent),
            ingested: Some(Millis(0)),
            ..NormaliseOptions::bare(flavour)
        };
        for options in [options, NormaliseOptions::bare(flavour)] {
            let documents = normalise_records(&records, &options).expect("what was read once is read again");
            assert!(documents.len() <= records.len(), "no document without a record");
            for document in &documents {
                let json = serde_json::to_string(&document.fields).expect("a document is JSON");
                let _: serde_json::Value = serde_json::from_str(&json).expect("valid JSON");
            }
        }
    }
    // All records as one event, which a reassembler would not make: more combinations of types.
    if let Ok(event) = firstseen_detector::audit::AuditEvent::of(&records) {
        let _ = CoalescedEvent::of(&event, Warnings::Kept).map(|coalesced| coalesced.to_json());
    }
}
