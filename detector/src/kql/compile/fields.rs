//! Which fields a field literal means.

use super::{Compiler, any_of};
use crate::ecs::{FieldType, Layout, Mappings};
use crate::kql::ast::{Literal, Span, Value};
use crate::kql::compile::values::Matcher;
use crate::kql::error::KqlError;
use crate::kql::glob::Glob;
use crate::kql::predicate::Node;

impl Compiler<'_> {
    /// The whole name of what is named relative to the group.
    pub(super) fn whole_name(&self, name: &str) -> String {
        match self.scope {
            Some(root) => format!("{root}.{name}"),
            None => name.to_owned(),
        }
    }

    /// `field: *`
    pub(super) fn exists(&self, field: &Literal, layout: &mut Layout) -> Result<Node, KqlError> {
        // A pattern that names every field names `_id` too, which every document has.
        if matches!(&field.value, Value::Pattern(pattern) if pattern.is_only_stars()) {
            return Ok(Node::All);
        }
        if !matches!(field.value, Value::Pattern(_)) {
            let name = self.whole_name(&field.value.text());
            if self.mappings.resolve(&name).is_none() && self.mappings.has_children(&name) {
                let here = |leaf: &&str| self.mappings.nested_root(leaf) == self.scope;
                let leaves = self.mappings.below(&name).filter(here);
                let slots = leaves.filter_map(|leaf| layout.slot(self.mappings, leaf));
                return Ok(any_of(slots.map(Node::Exists).collect()));
            }
        }
        self.each_field(field, layout, |_, _| Ok(Matcher::Exists))
    }

    /// The alternatives of all fields that a literal means; a field that is not mapped has no values.
    pub(super) fn each_field(
        &self,
        field: &Literal,
        layout: &mut Layout,
        mut matcher: impl FnMut(&str, FieldType) -> Result<Matcher, KqlError>,
    ) -> Result<Node, KqlError> {
        if let Value::Pattern(pattern) = &field.value {
            let mut pieces = pattern.pieces.clone();
            pieces[0] = self.whole_name(&pieces[0]);
            let glob = Glob::new(&pieces);
            let mut nodes = Vec::new();
            for (name, mapping) in self.mappings.leaves().filter(|(name, _)| glob.matches(name)) {
                let root = self.mappings.nested_root(name);
                let matcher = matcher(name, mapping.field_type)?;
                // Inside a group, Kibana does not wrap a deeper nested field: nothing is found there.
                if self.scope.is_none() || root == self.scope {
                    self.count(field.span)?;
                    nodes.push(self.leaf(name, root, &matcher, layout)?);
                }
            }
            return Ok(any_of(nodes));
        }
        let name = self.whole_name(&field.value.text());
        let Some(mapping) = self.mappings.resolve(&name).filter(|mapping| mapping.field_type != FieldType::Nested)
        else {
            return Ok(Node::Never);
        };
        self.check_group(&name, field.span)?;
        let matcher = matcher(&name, mapping.field_type)?;
        self.count(field.span)?;
        self.leaf(&name, self.scope, &matcher, layout)
    }

    /// A field that is named literally must be named inside its own group.
    fn check_group(&self, name: &str, span: Span) -> Result<(), KqlError> {
        let root = self.mappings.nested_root(name);
        if root == self.scope {
            return Ok(());
        }
        let error = |message: String| Err(KqlError::execution(span, message));
        match (root, self.scope) {
            (Some(root), None) => error(format!("'{name}' lies below the nested field '{root}'")).map_err(|error| {
                let inner = name.strip_prefix(root).unwrap_or(name).trim_start_matches('.');
                error.with_help(format!("name it inside a group: {root}: {{ {inner}: ... }}"))
            }),
            (Some(root), Some(scope)) => error(format!("'{name}' lies below '{root}', not directly below '{scope}'")),
            (None, _) => error(format!("'{name}' is not below a nested field"))
                .map_err(|error| error.with_help("name it outside the group")),
        }
    }

    /// A condition on one mapped field, which may lie below nested roots.
    fn leaf(&self, name: &str, root: Option<&str>, matcher: &Matcher, layout: &mut Layout) -> Result<Node, KqlError> {
        let here =
            |layout: &mut Layout| Ok(layout.slot(self.mappings, name).map_or(Node::Never, |slot| matcher.on(slot)));
        match root.filter(|_| root != self.scope) {
            Some(root) => self.in_nested(root, layout, here),
            None => here(layout),
        }
    }

    /// Some object below a nested root meets what is compiled on its layout.
    pub(super) fn in_nested(
        &self,
        root: &str,
        layout: &mut Layout,
        inner: impl FnOnce(&mut Layout) -> Result<Node, KqlError>,
    ) -> Result<Node, KqlError> {
        let roots = roots_between(self.mappings, self.scope, root);
        let mut slots = Vec::new();
        let mut layout = layout;
        for root in roots {
            let Some(slot) = layout.nested(self.mappings, root) else { return Ok(Node::Never) };
            slots.push(slot);
            layout = layout.nested_layout(slot);
        }
        let inner = inner(layout)?;
        Ok(slots.into_iter().rev().fold(inner, |inner, slot| Node::Object(slot, Box::new(inner))))
    }
}

/// The nested roots on the way from `outer` (not included) to `inner` (included), outermost first.
fn roots_between<'n>(mappings: &'n Mappings, outer: Option<&str>, inner: &'n str) -> Vec<&'n str> {
    let mut roots = vec![inner];
    let mut at = inner;
    while let Some(root) = mappings.nested_root(at).filter(|root| Some(*root) != outer) {
        roots.push(root);
        at = root;
    }
    roots.reverse();
    roots
}
