//! KQL, the query language of the rules.
