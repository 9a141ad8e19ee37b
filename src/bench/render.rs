//! Renders a report as aligned tables, Markdown or JSON. Pure.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::report::{Cell, Column, Machine, Report, Table};
use crate::cli::format::count;

/// Aligned tables for a terminal.
pub fn in_words(report: &Report) -> String {
    let mut text = heading(report);
    for table in &report.tables {
        let _ = write!(text, "\n{}: {}\n", table.part, table.about);
        let cells = shown(table);
        let widths = widths(&cells);
        for line in &cells {
            let padded = line.iter().zip(&widths);
            let line: Vec<_> = padded.map(|(cell, &width)| format!("{cell:>width$}")).collect();
            let _ = writeln!(text, "  {}", line.join("  "));
        }
    }
    text
}

/// The same as Markdown, for a document.
pub fn as_markdown(report: &Report) -> String {
    let mut text = heading(report);
    for table in &report.tables {
        let _ =
            write!(text, "\n### {}\n\n{}\n\n", capitalised(table.part), capitalised(&table.about));
        for (i, line) in shown(table).iter().enumerate() {
            let _ = writeln!(text, "| {} |", line.join(" | "));
            if i == 0 {
                let _ = writeln!(text, "|{}", "---:|".repeat(line.len()));
            }
        }
    }
    text
}

/// For programs: every figure under the name of its column, unit last, unrounded.
pub fn as_json(report: &Report) -> Value {
    let parts: Vec<_> = report.tables.iter().map(part_as_json).collect();
    json!({
        "machine": report.machine,
        "queue": report.queue,
        "size": report.size,
        "parts": parts,
    })
}

fn part_as_json(table: &Table) -> Value {
    let figures = table.rows.iter().map(|row| {
        let named = table.columns.iter().zip(row);
        named.map(|(column, cell)| (column.name.to_owned(), json!(cell))).collect::<Map<_, _>>()
    });
    json!({
        "part": table.part,
        "about": table.about,
        "figures": figures.collect::<Vec<_>>(),
    })
}

fn heading(report: &Report) -> String {
    let Machine { system, cpu, cores, memory_mb, load_before } = &report.machine;
    let memory = memory_mb.map_or(String::new(), |mb| format!(", {} MB of memory", count(mb)));
    let mut text = format!(
        "seismic bench of {}, {}\n{cores} cores of {cpu}{memory}, {system}\n",
        report.queue, report.size
    );
    if let Some(load) = load_before.filter(|&load| load > 0.5) {
        let _ = writeln!(
            text,
            "The machine was busy before (load {load:.1}): trust the ratios more than the figures."
        );
    }
    text
}

/// The titles, then the rows.
fn shown(table: &Table) -> Vec<Vec<String>> {
    let titles = table.columns.iter().map(|column| column.title.to_owned()).collect();
    let rows = table.rows.iter().map(|row| {
        table.columns.iter().zip(row).map(|(column, &cell)| cell_in_words(column, cell)).collect()
    });
    std::iter::once(titles).chain(rows).collect()
}

fn cell_in_words(column: &Column, cell: Cell) -> String {
    match cell {
        Cell::Unknown => "?".to_owned(),
        Cell::Word(word) => word.to_owned(),
        Cell::Number(number) if column.decimals == 0 => count(number.round() as u64),
        Cell::Number(number) => format!("{number:.*}", column.decimals),
    }
}

fn widths(lines: &[Vec<String>]) -> Vec<usize> {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    (0..columns).map(|column| width(column).unwrap_or(0)).collect()
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        Column { name: "sensors", title: "sensors", decimals: 0 },
        Column { name: "records_per_s", title: "records/s", decimals: 0 },
        Column { name: "ratio_to_limit", title: "× limit", decimals: 2 },
        Column { name: "cpu_s", title: "CPU s", decimals: 1 },
        Column { name: "what", title: "what", decimals: 0 },
    ];

    fn report() -> Report {
        let mut table = Table::new("drain", "a backlog, end to end", COLUMNS);
        let word = Cell::Word("all");
        table.push([1_000u32.into(), 13_250_000.4.into(), 0.5.into(), 1.25.into(), word]);
        table.push([100_000u32.into(), 8e6.into(), 0.333.into(), Cell::Unknown, word]);
        Report {
            machine: Machine {
                system: "Debian 12".into(),
                cpu: "Example CPU".into(),
                cores: 2,
                memory_mb: Some(24_000),
                load_before: Some(0.1),
            },
            queue: "sqlite".into(),
            size: "quick",
            tables: vec![table],
        }
    }

    #[test]
    fn a_person_sees_aligned_columns_with_grouped_numbers() {
        let expected = "\
seismic bench of sqlite, quick
2 cores of Example CPU, 24,000 MB of memory, Debian 12

drain: a backlog, end to end
  sensors   records/s  × limit  CPU s  what
    1,000  13,250,000     0.50    1.2   all
  100,000   8,000,000     0.33      ?   all
";
        assert_eq!(in_words(&report()), expected);
    }

    #[test]
    fn a_document_gets_markdown_tables() {
        let expected = "\
seismic bench of sqlite, quick
2 cores of Example CPU, 24,000 MB of memory, Debian 12

### Drain

A backlog, end to end

| sensors | records/s | × limit | CPU s | what |
|---:|---:|---:|---:|---:|
| 1,000 | 13,250,000 | 0.50 | 1.2 | all |
| 100,000 | 8,000,000 | 0.33 | ? | all |
";
        assert_eq!(as_markdown(&report()), expected);
    }

    #[test]
    fn a_program_gets_every_figure_unrounded_and_null_for_what_is_unknown() {
        let json = as_json(&report());
        assert_eq!(json["machine"]["cores"], 2);
        assert_eq!((&json["queue"], &json["size"]), (&json!("sqlite"), &json!("quick")));
        let part = &json["parts"][0];
        assert_eq!(part["part"], "drain");
        assert_eq!(
            part["figures"],
            json!([
                {"sensors": 1000.0, "records_per_s": 13_250_000.4, "ratio_to_limit": 0.5,
                 "cpu_s": 1.25, "what": "all"},
                {"sensors": 100_000.0, "records_per_s": 8e6, "ratio_to_limit": 0.333,
                 "cpu_s": null, "what": "all"},
            ])
        );
    }

    #[test]
    fn a_machine_that_was_busy_is_said_to_have_been() {
        let mut report = report();
        assert!(!in_words(&report).contains("busy"));
        report.machine.load_before = Some(5.3);
        assert!(in_words(&report).contains("busy before (load 5.3)"));
    }
}
