//! Lists the files of catalog/ for `include_str!`: the folder is the list.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=catalog");
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("catalog");
    let entries: Vec<fs::DirEntry> = fs::read_dir(&folder)?.collect::<Result<_, _>>()?;
    let mut names: Vec<String> = entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name.ends_with(".toml"));
    names.sort();
    let mut list = String::from("&[\n");
    for name in names {
        // The crate's folder is asked for when the list is compiled: a checkout may be moved with what was built in it.
        let path = format!("/catalog/{name}");
        writeln!(list, "    ({name:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {path:?}))),")
            .map_err(io::Error::other)?;
    }
    list.push_str("]\n");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("catalog.rs"), list)
}
