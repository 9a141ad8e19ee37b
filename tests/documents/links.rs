//! Links and paths in the documents lead somewhere.

use std::collections::HashSet;
use std::path::Path;

use super::{documents, root};

#[test]
fn every_relative_link_leads_to_a_file_and_to_a_heading_in_it() {
    let mut broken = Vec::new();
    for (path, text) in documents() {
        for target in links(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { path.with_file_name(file) };
            if !file.exists() || !heading.is_empty() && !has_heading(&file, heading) {
                broken.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_path_that_a_document_names_exists() {
    let folders: HashSet<String> = std::fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        // These hold what a run or a build makes.
        .filter(|name| name != "output" && name != "target")
        .collect();
    let mut missing = Vec::new();
    for (path, text) in documents() {
        // It tells of what was, not of what is.
        if path.ends_with("CHANGELOG.md") {
            continue;
        }
        for span in code_spans(&text) {
            let first = span.split('/').next().unwrap_or_default();
            let is_path = span.contains('/')
                && folders.contains(first)
                && !span.contains(['<', '*', '{', ' ', '=', '…']);
            if is_path && !root().join(span).exists() {
                missing.push(format!("{}: {span}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn no_document_has_both_sides_of_a_merge() {
    let marks = ["<<<<<<< ", ">>>>>>> "];
    let is_mark = |line: &str| marks.iter().any(|mark| line.starts_with(mark));
    let both: Vec<_> =
        documents().into_iter().filter(|(_, text)| text.lines().any(is_mark)).collect();
    assert!(both.is_empty(), "{:?}", both.iter().map(|(path, _)| path).collect::<Vec<_>>());
}

/// Targets of `[text](target)`.
fn links(text: &str) -> Vec<&str> {
    let after = text.split("](").skip(1);
    after.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target).collect()
}

/// Contents of `code` outside fenced blocks.
fn code_spans(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|prose| prose.split('`').skip(1).step_by(2)).collect()
}

/// Whether a document has a heading with that anchor, as GitHub makes anchors.
fn has_heading(file: &Path, anchor: &str) -> bool {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().filter(|line| line.starts_with('#')).any(|line| {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>() == anchor
    })
}
