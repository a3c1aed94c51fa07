//! A line into words, with the quoting of a shell and nothing else of it.

/// Splits at white space; `'...'` and `"..."` keep spaces together, a backslash outside `'...'` keeps the next character.
pub(super) fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => match characters.next() {
                Some(next) => word.get_or_insert_default().push(next),
                None => return Err("a backslash at the end keeps nothing".to_owned()),
            },
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(open) = quote {
        return Err(format!("the quote {open} is never closed"));
    }
    words.extend(word);
    Ok(words)
}

/// A word that [`words`] reads back unchanged.
pub(super) fn quoted(word: &str) -> String {
    let plain = !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '\\'));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_keep_spaces_together() {
        assert_eq!(words("-w '/a b' -k \"x y\" z\\ z").expect("valid"), ["-w", "/a b", "-k", "x y", "z z"]);
        assert_eq!(words("exe='/a b'/c ''").expect("valid"), ["exe=/a b/c", ""]);
    }

    #[test]
    fn an_open_quote_is_an_error() {
        assert!(words("-k 'x").is_err());
        assert!(words("-k x\\").is_err());
    }

    #[test]
    fn what_is_quoted_reads_back() {
        for word in ["", "a", "a b", "it's", "\"q\"", "back\\slash", "tab\t'x'"] {
            assert_eq!(words(&quoted(word)).expect("valid"), [word]);
        }
    }
}
