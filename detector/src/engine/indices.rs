//! Which indices a rule reads: `auditbeat-*`, `logs-*`, `-logs-elastic_cloud*`.

/// Index patterns of a rule.
#[derive(Clone, Debug, Default)]
pub(super) struct IndexPatterns(Vec<String>);

impl IndexPatterns {
    pub(super) fn new(patterns: &[String]) -> IndexPatterns {
        IndexPatterns(patterns.to_vec())
    }

    /// Whether a rule with these patterns reads an index. No patterns: it reads all. A later pattern with a leading minus
    /// takes out what earlier ones let in.
    ///
    /// The index behind a data stream (`.ds-logs-x-default-2024.05.10-000001`) is read with the stream, and a mounted snapshot
    /// (`partial-`, `restored-`) with the index it was made of.
    pub(super) fn read(&self, index: &str) -> bool {
        let index = index.strip_prefix("partial-").or_else(|| index.strip_prefix("restored-")).unwrap_or(index);
        let index = index.strip_prefix(".ds-").map_or(index, stream);
        let verdict = |read: bool, pattern: &String| match pattern.strip_prefix('-') {
            Some(pattern) => read && !matches(pattern.as_bytes(), index.as_bytes()),
            None => read || matches(pattern.as_bytes(), index.as_bytes()),
        };
        self.0.is_empty() || self.0.iter().fold(false, verdict)
    }
}

/// The name of a data stream without the date and the generation of its backing index.
fn stream(backing: &str) -> &str {
    let without_generation = backing.rsplit_once('-').map_or(backing, |(name, _)| name);
    without_generation.rsplit_once('-').map_or(backing, |(name, _)| name)
}

/// `*` matches any text; a remote cluster's prefix (`cluster:`) is part of the name.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let mut pieces = pattern.split(|byte| *byte == b'*');
    let Some(mut rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        match memchr::memmem::find(rest, piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(patterns: &[&str], index: &str) -> bool {
        IndexPatterns(patterns.iter().map(|pattern| (*pattern).to_owned()).collect()).read(index)
    }

    #[test]
    fn patterns_name_indices() {
        assert!(read(&[], "anything"));
        assert!(read(&["auditbeat-*", "logs-*"], "auditbeat-8.19.0"));
        assert!(!read(&["auditbeat-*"], "filebeat-8.19.0"));
        assert!(read(&["events"], "events"));
        assert!(!read(&["events"], "events-2"));
        assert!(read(&["*:logs-*-x*"], "remote:logs-a-xy"));
        assert!(!read(&["a*a"], "a"));
        assert!(read(&["a*b*c"], "a-b-c") && !read(&["a*b*c"], "a-c-b"));
    }

    #[test]
    fn a_minus_takes_out() {
        assert!(!read(&["logs-*", "-logs-cloud*"], "logs-cloud-1"));
        assert!(read(&["logs-*", "-logs-cloud*"], "logs-other"));
    }

    #[test]
    fn backing_indices_and_snapshots_are_read_with_their_stream() {
        let backing = ".ds-logs-endpoint.events.process-default-2024.05.10-000001";
        assert!(read(&["logs-endpoint.events.process*"], backing));
        assert!(read(&["logs-endpoint.events.process-default"], backing));
        assert!(!read(&["logs-endpoint.events.file*"], backing));
        assert!(read(&["logs-*"], &format!("partial-{backing}")));
        assert!(read(&["auditbeat-*"], "restored-auditbeat-8"));
    }
}
