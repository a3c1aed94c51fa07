//! The page on which reports for people are set: its width, and how text is broken to fit it.

/// A page of so many columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    columns: usize,
}

impl Page {
    /// Narrower, nothing could stand beside a label.
    const NARROWEST: usize = 40;
    /// Wider, lines are hard to read.
    const WIDEST: usize = 80;
    /// Beside a label that is too wide for the page, text still gets so much room, and leaves the page.
    const LEAST_ROOM: usize = 16;

    /// A page for a terminal of so many columns; nothing is set on more than 80.
    #[must_use]
    pub fn new(columns: usize) -> Page {
        Page { columns: columns.clamp(Page::NARROWEST, Page::WIDEST) }
    }

    /// Number of columns.
    #[must_use]
    pub fn columns(self) -> usize {
        self.columns
    }

    /// Text, broken at white space, every line behind so many spaces.
    #[must_use]
    pub fn wrapped(self, text: &str, indent: usize) -> String {
        self.beside(&" ".repeat(indent), indent, text)
    }

    /// The same, with something before the first line that is `indent` columns wide (escapes for colours have no width).
    #[must_use]
    pub fn beside(self, first: &str, indent: usize, text: &str) -> String {
        let mut page = String::new();
        let room = self.columns.saturating_sub(indent).max(Page::LEAST_ROOM);
        for (number, line) in lines(text, room).iter().enumerate() {
            let before = if number == 0 { first.to_owned() } else { " ".repeat(indent) };
            page.push_str(format!("{before}{line}").trim_end());
            page.push('\n');
        }
        page
    }
}

impl Default for Page {
    fn default() -> Page {
        Page { columns: Page::WIDEST }
    }
}

/// At least one line; a word that is longer than the room is broken.
fn lines(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut column = 0;
    for word in text.split_whitespace() {
        let mut rest = word;
        loop {
            let used = column + usize::from(column > 0);
            let length = rest.chars().count();
            // A long word begins on the line where it stands, unless nothing of it would fit there.
            if column > 0 && (used >= room || (used + length > room && length <= room)) {
                lines.push(String::new());
                column = 0;
                continue;
            }
            let fitting = rest.char_indices().nth(room - used).map_or(rest.len(), |(at, _)| at);
            if let Some(line) = lines.last_mut() {
                line.push_str(if column > 0 { " " } else { "" });
                line.push_str(&rest[..fitting]);
            }
            column = used + length.min(room - used);
            rest = &rest[fitting..];
            if rest.is_empty() {
                break;
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_broken_at_white_space_and_long_words_where_the_page_ends() {
        let page = Page::new(1);
        assert_eq!(page.columns(), 40);
        assert_eq!(page.beside("  why      ", 11, ""), "  why\n");
        let text = format!("one  two {} three", "x".repeat(50));
        let expected = format!("  why      one two {}\n           {} three\n", "x".repeat(21), "x".repeat(29));
        assert_eq!(page.beside("  why      ", 11, &text), expected.replace(" three", "\n           three"));
        assert_eq!(page.wrapped("a b", 2), "  a b\n");
        assert!(page.wrapped(&"x".repeat(20), 100).ends_with(&format!(" {}\n", "x".repeat(4))), "too wide a margin");
    }

    proptest! {
        #[test]
        fn no_line_leaves_the_page_and_nothing_is_lost(text in "[a-zä ]{0,400}", columns in 0..200usize, indent in 0..20usize) {
            let page = Page::new(columns);
            let set = page.wrapped(&text, indent);
            prop_assert!(set.lines().all(|line| line.chars().count() <= page.columns()), "{}", set);
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(letters(&set), letters(&text));
        }
    }
}
