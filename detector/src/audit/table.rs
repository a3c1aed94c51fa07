//! Tables of numbers and names, kept as commented text files beside the code (`data/`).
//!
//! One entry a line: the number, the name that documents show, then names that are only understood. Two entries for one
//! number or one name refuse to load.

use rustc_hash::FxHashMap;

/// A table in both directions.
#[derive(Debug)]
pub(crate) struct NameTable {
    by_number: Vec<Option<&'static str>>,
    sparse: FxHashMap<u32, &'static str>,
    by_name: FxHashMap<&'static str, u32>,
}

/// Numbers below this are looked up by index, others by hash.
const DENSE: usize = 4096;

/// How the numbers of a table are written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Radix {
    Decimal = 10,
    Hex = 16,
}

impl NameTable {
    /// Loads a table that is part of the program.
    ///
    /// # Panics
    /// If the table is broken; every table is loaded by a test.
    pub(crate) fn embedded(text: &'static str, radix: Radix) -> NameTable {
        NameTable::parse(text, radix).unwrap_or_else(|reason| panic!("embedded table: {reason}"))
    }

    /// Reads a table; the error names the line.
    pub(crate) fn parse(text: &'static str, radix: Radix) -> Result<NameTable, String> {
        let mut table =
            NameTable { by_number: Vec::new(), sparse: FxHashMap::default(), by_name: FxHashMap::default() };
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            table.add(line, radix).map_err(|reason| format!("line {}: {reason}", index + 1))?;
        }
        Ok(table)
    }

    fn add(&mut self, line: &'static str, radix: Radix) -> Result<(), String> {
        let mut words = line.split_ascii_whitespace();
        let number = words.next().unwrap_or_default();
        let number = u32::from_str_radix(number, radix as u32).map_err(|_| format!("'{number}' is not a number"))?;
        let mut names = words.peekable();
        let shown = *names.peek().ok_or_else(|| format!("{number} has no name"))?;
        if self.name(number).is_some() {
            return Err(format!("number {number} occurs twice"));
        }
        match usize::try_from(number).ok().filter(|index| *index < DENSE) {
            Some(index) => {
                if self.by_number.len() <= index {
                    self.by_number.resize(index + 1, None);
                }
                self.by_number[index] = Some(shown);
            }
            None => {
                self.sparse.insert(number, shown);
            }
        }
        for name in names {
            if self.by_name.insert(name, number).is_some() {
                return Err(format!("name '{name}' occurs twice"));
            }
        }
        Ok(())
    }

    /// The name that documents show.
    pub(crate) fn name(&self, number: u32) -> Option<&'static str> {
        match self.by_number.get(number as usize) {
            Some(name) => *name,
            None if self.sparse.is_empty() => None,
            None => self.sparse.get(&number).copied(),
        }
    }

    /// The number of a name, shown or only understood.
    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// All numbers, in no order.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        let dense = self.by_number.iter().zip(0u32..).filter_map(|(name, number)| name.map(|_| number));
        dense.chain(self.sparse.keys().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_entries_for_one_number_refuse_to_load() {
        assert_eq!(NameTable::parse("1 a\n# note\n1 b", Radix::Decimal).unwrap_err(), "line 3: number 1 occurs twice");
        assert!(NameTable::parse("c000003e a\nc000003e b", Radix::Hex).is_err());
    }

    #[test]
    fn two_entries_for_one_name_refuse_to_load() {
        assert_eq!(NameTable::parse("1 a\n2 b a", Radix::Decimal).unwrap_err(), "line 2: name 'a' occurs twice");
    }

    #[test]
    fn the_first_name_is_shown_and_all_names_are_understood() {
        let table = NameTable::parse("17 pread pread64\n4000000 far", Radix::Decimal).expect("valid");
        assert_eq!(
            (table.name(17), table.number("pread"), table.number("pread64")),
            (Some("pread"), Some(17), Some(17))
        );
        assert_eq!((table.name(4_000_000), table.name(16), table.number("x")), (Some("far"), None, None));
    }
}
