//! Which fields of a document are read: the union of what the compiled queries and the rule ask for.
//!
//! A [`Layout`] grows while queries are compiled against it and is then only read. It is a tree of path segments, so one pass
//! over a document finds every wanted value and skips everything else.

use super::mapping::{FieldType, Mapping, Mappings};

/// Where the values of one field stand in a [`Row`](super::Row).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub(super) u16);

/// Where the objects below one `nested` root stand in a [`Row`](super::Row).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NestedSlot(pub(super) u16);

/// The wanted fields.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Path of the nested root with its dot, or nothing: names are given whole and cut by this.
    prefix: String,
    pub(super) slots: Vec<SlotInfo>,
    pub(super) nested: Vec<(String, Layout)>,
    pub(super) nodes: Vec<Node>,
}

/// One wanted field.
#[derive(Clone, Debug)]
pub(super) struct SlotInfo {
    name: String,
    pub(super) mapping: Mapping,
}

/// One segment of a path. Node 0 is the document (or the nested object) itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) children: Vec<(Box<str>, usize)>,
    /// Fields whose value stands exactly here.
    pub(super) slots: Vec<Slot>,
    /// Flattened roots: every leaf from here on is a value.
    pub(super) flattened: Vec<Slot>,
    /// Objects here are separate.
    pub(super) nested: Option<NestedSlot>,
}

impl Default for Layout {
    fn default() -> Layout {
        Layout { prefix: String::new(), slots: Vec::new(), nested: Vec::new(), nodes: vec![Node::default()] }
    }
}

impl Layout {
    /// Nothing is wanted yet.
    #[must_use]
    pub fn new() -> Layout {
        Layout::default()
    }

    /// Asks for a field by its whole name. `None` if it holds no values here: it is not mapped, is itself a nested root, or
    /// lies below a nested root (ask [`nested`](Self::nested) for the objects then).
    pub fn slot(&mut self, mappings: &Mappings, name: &str) -> Option<Slot> {
        let mapping = mappings.resolve(name)?;
        let own_root = self.prefix.strip_suffix('.');
        if mapping.field_type == FieldType::Nested || mappings.nested_root(name) != own_root {
            return None;
        }
        if let Some(known) = self.slots.iter().position(|slot| slot.name == name) {
            return Some(Slot(known as u16));
        }
        let slot = Slot(u16::try_from(self.slots.len()).ok()?);
        let node = self.node(mapping.source.as_deref().unwrap_or(name));
        if mapping.field_type == FieldType::Flattened {
            self.nodes[node].flattened.push(slot);
        } else {
            self.nodes[node].slots.push(slot);
        }
        self.slots.push(SlotInfo { name: name.to_owned(), mapping });
        Some(slot)
    }

    /// Asks for the objects below a nested root that lies directly in this layout (not below a further nested root).
    pub fn nested(&mut self, mappings: &Mappings, root: &str) -> Option<NestedSlot> {
        let own_root = self.prefix.strip_suffix('.');
        if mappings.resolve(root)?.field_type != FieldType::Nested || mappings.nested_root(root) != own_root {
            return None;
        }
        if let Some(known) = self.nested.iter().position(|(name, _)| name == root) {
            return Some(NestedSlot(known as u16));
        }
        let slot = NestedSlot(u16::try_from(self.nested.len()).ok()?);
        let node = self.node(root);
        self.nodes[node].nested = Some(slot);
        self.nested.push((root.to_owned(), Layout { prefix: format!("{root}."), ..Layout::default() }));
        Some(slot)
    }

    /// The wanted fields of the objects below a nested root.
    pub fn nested_layout(&mut self, slot: NestedSlot) -> &mut Layout {
        &mut self.nested[usize::from(slot.0)].1
    }

    /// The wanted fields of the objects below a nested root, to be read.
    pub(crate) fn inner(&self, slot: NestedSlot) -> &Layout {
        &self.nested[usize::from(slot.0)].1
    }

    /// The whole name of a field.
    #[must_use]
    pub fn name(&self, slot: Slot) -> &str {
        &self.slots[usize::from(slot.0)].name
    }

    /// How a field is indexed.
    #[must_use]
    pub fn field_type(&self, slot: Slot) -> FieldType {
        self.slots[usize::from(slot.0)].mapping.field_type
    }

    /// The child of a node under one or more segments of a key (`event.category` may be written as one key), or where a nested
    /// or flattened root was met on the way and what is left of the key behind it.
    pub(super) fn walk<'k>(&self, node: usize, key: &'k str) -> Walk<'k> {
        let mut at = node;
        let mut rest = key;
        loop {
            let (segment, behind) = rest.split_once('.').map_or((rest, None), |(head, tail)| (head, Some(tail)));
            match self.nodes[at].children.iter().find(|(name, _)| **name == *segment) {
                None => return Walk::Unwanted,
                Some((_, child)) => at = *child,
            }
            let gate = self.nodes[at].nested.is_some() || !self.nodes[at].flattened.is_empty();
            match behind {
                None => return Walk::At(at),
                Some(behind) if gate => return Walk::Inside(at, behind),
                Some(behind) => rest = behind,
            }
        }
    }

    fn node(&mut self, path: &str) -> usize {
        let mut at = 0;
        let relative = path.strip_prefix(&self.prefix).unwrap_or(path).to_owned();
        for segment in relative.split('.') {
            at = match self.nodes[at].children.iter().find(|(name, _)| **name == *segment) {
                Some((_, child)) => *child,
                None => {
                    self.nodes.push(Node::default());
                    let child = self.nodes.len() - 1;
                    self.nodes[at].children.push((segment.into(), child));
                    child
                }
            };
        }
        at
    }
}

/// Where a key of a document leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk<'k> {
    /// No wanted field is there.
    Unwanted,
    /// To this node.
    At(usize),
    /// Into a nested or flattened root at this node, with the rest of the key still to walk inside.
    Inside(usize, &'k str),
}
