//! The programs that the simulator carries inside itself, built by build.rs from `worker/` and `preload/`.

/// How the worker is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Form {
    /// Without loader and libraries: runs everywhere, and no loader makes calls of its own before the act.
    Static,
    /// Started by the dynamic loader.
    Dynamic,
    /// Started by the dynamic loader, and in need of the preload object as a library, which only LD_LIBRARY_PATH finds.
    Linked,
}

impl Form {
    /// The program itself.
    pub(crate) fn bytes(self) -> &'static [u8] {
        match self {
            Form::Static => include_bytes!(concat!(env!("OUT_DIR"), "/worker-static")),
            Form::Dynamic => include_bytes!(concat!(env!("OUT_DIR"), "/worker-dynamic")),
            Form::Linked => include_bytes!(concat!(env!("OUT_DIR"), "/worker-linked")),
        }
    }

    /// File name of the one copy that the others are links to.
    pub(crate) fn file_name(self) -> &'static str {
        match self {
            Form::Static => "worker-static",
            Form::Dynamic => "worker-dynamic",
            Form::Linked => "worker-linked",
        }
    }
}

/// The harmless shared object.
pub(crate) const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libtrace.so"));

/// Library name of the object: the name under which `Form::Linked` looks for it.
pub(crate) const OBJECT_NAME: &str = "libtrace.so";
