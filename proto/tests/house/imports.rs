//! Which file imports which, read from the text: every path that begins with `crate`, `self` or
//! `super`, followed through re-exports to the file that has the item.

use std::collections::{BTreeMap, BTreeSet};

use crate::crates::{Crate, File};

/// A path as it is written, and the name under which it is imported.
type Import = (Vec<String>, String);

/// The circles of a crate, each as its files in order.
pub fn circles(one: &Crate) -> BTreeSet<String> {
    let modules = Modules::of(one);
    let count = one.files.len();
    let mut reaches: Vec<BTreeSet<usize>> = (0..count).map(|it| modules.imported_by(it)).collect();
    // The transitive closure: crates have a hundred files, and this is a test.
    while {
        let before: usize = reaches.iter().map(BTreeSet::len).sum();
        for it in 0..count {
            let further: BTreeSet<_> =
                reaches[it].iter().flat_map(|&to| reaches[to].iter().copied()).collect();
            reaches[it].extend(further);
        }
        before < reaches.iter().map(BTreeSet::len).sum()
    } {}
    let circle_of = |it: usize| {
        let files = (0..count).filter(|&to| reaches[it].contains(&to) && reaches[to].contains(&it));
        let names: Vec<_> = files.map(|to| one.name(&one.files[to].path)).collect();
        names.join(", ")
    };
    (0..count).filter(|&it| reaches[it].contains(&it)).map(circle_of).collect()
}

/// The modules of a crate, and what each imports and re-exports.
struct Modules<'a> {
    files: &'a [File],
    by_path: BTreeMap<&'a [String], usize>,
    imports: Vec<Vec<Vec<String>>>,
    reexports: Vec<Vec<Import>>,
}

impl<'a> Modules<'a> {
    fn of(one: &'a Crate) -> Self {
        // A library comes before the program of the same crate, which uses it from outside.
        let files = one.files.iter().enumerate().rev();
        let by_path = files
            .filter(|(_, file)| !file.path.ends_with("main.rs"))
            .map(|(at, file)| (&file.module[..], at))
            .collect();
        let mut modules =
            Modules { files: &one.files, by_path, imports: Vec::new(), reexports: Vec::new() };
        for file in &one.files {
            let (mut imports, mut reexports) = (Vec::new(), Vec::new());
            for statement in statements(&code(&file.text)) {
                let is_reexport = statement.starts_with("pub");
                let mut paths = Vec::new();
                let tree = statement.split_once("use ").map_or(&statement[..], |(_, tree)| tree);
                expand(tree, &[], &mut paths);
                let local = |(path, name): Import| {
                    let first = path.first()?.as_str();
                    let is_child =
                        modules.by_path.contains_key(&join(&file.module, &path[..1])[..]);
                    let is_ours = ["crate", "self", "super"].contains(&first);
                    (is_ours || is_child).then(|| (absolute(&file.module, path), name))
                };
                let paths = paths.into_iter().filter_map(local);
                match is_reexport {
                    true => reexports.extend(paths),
                    false => imports.extend(paths.map(|(path, _)| path)),
                }
            }
            modules.imports.push(imports);
            modules.reexports.push(reexports);
        }
        modules
    }

    /// Files that a file imports.
    fn imported_by(&self, file: usize) -> BTreeSet<usize> {
        let files = self.imports[file].iter().filter_map(|path| self.file_of(path, 0));
        files.filter(|&to| to != file).collect()
    }

    /// The file that has what the path names.
    fn file_of(&self, path: &[String], depth: usize) -> Option<usize> {
        let is_module = |length: &usize| self.by_path.contains_key(&path[..*length]);
        let length = (0..=path.len()).rev().find(is_module)?;
        let file = self.by_path[&path[..length]];
        let Some(item) = path.get(length).filter(|_| depth < 8) else { return Some(file) };
        let further = |(target, name): &Import| match &name[..] {
            "*" => {
                let to = self.file_of(target, depth + 1)?;
                let text = code(&self.files[to].text);
                let kinds = ["struct", "enum", "fn", "trait", "type", "const", "static"];
                kinds.iter().any(|it| text.contains(&format!("pub {it} {item}"))).then_some(to)
            }
            name if name == item => self.file_of(target, depth + 1),
            _ => None,
        };
        self.reexports[file].iter().find_map(further).or(Some(file))
    }
}

/// The text without comments and without what is for tests.
fn code(text: &str) -> String {
    // The module may have attributes of its own, and be open to the tests of other files.
    let mut parts = text.match_indices("\n#[cfg(test)]\n").map(|(at, _)| at);
    let begins_module = |at: &usize| {
        let rest = &text[at + 1..];
        let mut lines = rest.lines().skip_while(|line| line.starts_with("#["));
        lines.next().is_some_and(|line| line.contains("mod "))
    };
    let text = parts.find(begins_module).map_or(text, |at| &text[..at]);
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// `use` statements, and paths elsewhere that begin with `crate` or `super`, in one line each.
fn statements(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = String::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        let is_use =
            line.starts_with("use ") || (line.starts_with("pub") && line.contains(" use "));
        if !is_use {
            rest += line;
            rest.push('\n');
            continue;
        }
        let mut statement = line.to_owned();
        while !statement.contains(';') {
            let Some(next) = lines.next() else { break };
            statement.push(' ');
            statement += next.trim();
        }
        found.push(statement.split(';').next().unwrap_or_default().to_owned());
    }
    for root in ["crate::", "super::"] {
        for (at, _) in rest.match_indices(root) {
            let before = rest[..at].chars().next_back();
            let inside = before.is_some_and(|it| it.is_alphanumeric() || "_:$".contains(it));
            // `pub(super)`, `pub(in crate::a)` and `$crate` are no imports.
            if !inside && !rest[..at].ends_with("pub(in ") {
                let is_part = |it: char| it.is_alphanumeric() || it == '_' || it == ':';
                let path: String = rest[at..].chars().take_while(|&it| is_part(it)).collect();
                found.push(path.trim_end_matches(':').to_owned());
            }
        }
    }
    found
}

/// The paths of a `use` tree.
fn expand(tree: &str, before: &[String], into: &mut Vec<Import>) {
    let tree = tree.trim();
    if let Some((head, group)) = tree.split_once('{') {
        let group = group.trim_end().strip_suffix('}').unwrap_or(group);
        let before = join(before, &parts(head));
        let (mut depth, mut start) = (0, 0);
        for (at, it) in group.char_indices() {
            match it {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    expand(&group[start..at], &before, into);
                    start = at + 1;
                }
                _ => {}
            }
        }
        return expand(&group[start..], &before, into);
    }
    let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(path, it)| (path, Some(it)));
    let mut path = join(before, &parts(path));
    if path.last().is_some_and(|it| it == "self") && path.len() > 1 {
        path.pop();
    }
    let Some(last) = path.last().cloned() else { return };
    let name = alias.map_or(last.clone(), |it| it.trim().to_owned());
    if last == "*" {
        path.pop();
    }
    into.push((path, name));
}

fn parts(path: &str) -> Vec<String> {
    path.split("::").map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect()
}

fn join(a: &[String], b: &[String]) -> Vec<String> {
    [a, b].concat()
}

/// From the crate on, as seen from a module.
fn absolute(module: &[String], path: Vec<String>) -> Vec<String> {
    let mut at = module.to_vec();
    for (place, part) in path.into_iter().enumerate() {
        match part.as_str() {
            "crate" if place == 0 => at.clear(),
            "self" if place == 0 => {}
            "super" => {
                at.pop();
            }
            _ => at.push(part),
        }
    }
    at
}
