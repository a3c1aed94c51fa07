//! A subset of Lucene's query syntax, as rules with `language = "lucene"` use it, read into the same tree as KQL.
//!
//! Supported: `field:value`, `field:(..)`, quotes, `*`, `_exists_:field`, ranges (`[a TO b]`, `{a TO b}`, `>=a`), `AND`, `OR`, `NOT`,
//! `&&`, `||`, `!`, `+`, `-`, parentheses and escapes, with the meaning that `query_string` gives them. What is not supported is
//! refused by name and never read as something else: `?`, regular expressions, `~`, `^`, patterns in field names.

mod lexer;
mod parser;

pub use parser::parse;
