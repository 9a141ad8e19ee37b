//! The screen: a table of jobs, and details of the selected one.

use std::io;
use std::time::Instant;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Paragraph, Row, Table, TableState, Wrap};
use ratatui::{DefaultTerminal, Frame};

use super::rows::{HEADS, Rows, WIDTHS};
use super::{EVERY, Source};
use crate::http::model::JobEntry;
use crate::time::show_ms;

/// What is on the screen.
#[derive(Debug, Default)]
struct Shown {
    source: String,
    jobs: Vec<JobEntry>,
    cells: Vec<[String; 10]>,
    /// Why the last look failed.
    error: Option<String>,
    chosen: usize,
}

/// Shows the jobs until a person has seen enough.
///
/// # Errors
/// When there is no terminal.
pub fn watch(source: &Source) -> io::Result<()> {
    let mut terminal = ratatui::try_init()?;
    let ended = watch_on(&mut terminal, source);
    ratatui::restore();
    ended
}

fn watch_on(terminal: &mut DefaultTerminal, source: &Source) -> io::Result<()> {
    let (mut rows, mut shown) =
        (Rows::default(), Shown { source: source.name(), ..Shown::default() });
    loop {
        let looked = Instant::now();
        match source.look() {
            Ok(jobs) => {
                shown.cells = rows.cells(&jobs);
                (shown.jobs, shown.error) = (jobs, None);
            }
            // The old numbers stay, with why there are no new ones.
            Err(error) => shown.error = Some(crate::remedy::in_one_line(&error)),
        }
        shown.chosen = shown.chosen.min(shown.jobs.len().saturating_sub(1));
        loop {
            terminal.draw(|frame| draw(frame, &shown))?;
            let left = EVERY.saturating_sub(looked.elapsed());
            if left.is_zero() || !event::poll(left)? {
                break;
            }
            if let Event::Key(key) = event::read()?
                && key.kind == KeyEventKind::Press
            {
                let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
                match key.code {
                    KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
                    KeyCode::Char('c') if is_control => return Ok(()),
                    KeyCode::Down | KeyCode::Char('j') => {
                        let last = shown.jobs.len().saturating_sub(1);
                        shown.chosen = (shown.chosen + 1).min(last);
                    }
                    KeyCode::Up | KeyCode::Char('k') => {
                        shown.chosen = shown.chosen.saturating_sub(1);
                    }
                    _ => {}
                }
            }
        }
    }
}

fn draw(frame: &mut Frame<'_>, shown: &Shown) {
    let areas = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(4),
        Constraint::Length(9),
        Constraint::Length(1),
    ]);
    let [head, table, detail, foot] = areas.areas(frame.area());
    frame.render_widget(Line::from(format!("seismic top: {}", shown.source)), head);
    let mut widths: Vec<Constraint> = WIDTHS.iter().map(|it| Constraint::Length(*it)).collect();
    widths[0] = Constraint::Min(WIDTHS[0]);
    let style = |state: &str| match state {
        "running" => Style::new().fg(Color::Green),
        "failed" => Style::new().fg(Color::Red),
        "degraded" | "restarting" => Style::new().fg(Color::Yellow),
        _ => Style::new(),
    };
    let rows = shown.cells.iter().map(|cells| Row::new(cells.clone()).style(style(&cells[1])));
    let heads = Row::new(HEADS).style(Style::new().add_modifier(Modifier::BOLD));
    let jobs = Table::new(rows, widths)
        .header(heads)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = TableState::default().with_selected(Some(shown.chosen));
    frame.render_stateful_widget(jobs, table, &mut state);
    let lines = shown.jobs.get(shown.chosen).map(details).unwrap_or_default();
    let block = Block::new().borders(Borders::TOP);
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }).block(block), detail);
    let foot_text = match &shown.error {
        Some(error) => Line::styled(error.clone(), Style::new().fg(Color::Red)),
        None => Line::from("up, down: choose   q: quit"),
    };
    frame.render_widget(foot_text, foot);
}

/// What there is to say of a job beside its row.
fn details(job: &JobEntry) -> Vec<Line<'static>> {
    let numbers = &job.numbers;
    let mut lines = vec![
        format!("{} is {} since {}: {}", job.name, job.state, show_ms(job.since_ms), job.why),
        format!(
            "{} sensors, {} open windows, {} windows closed, {} restarts, {} MiB",
            numbers.sensors,
            numbers.open_windows,
            numbers.counts.windows,
            job.restarts,
            numbers.memory_bytes >> 20
        ),
    ];
    let reasons = numbers.counts.by_reason.iter().filter(|(_, count)| *count > 0);
    let reasons: Vec<String> = reasons.map(|(reason, count)| format!("{reason} {count}")).collect();
    if !reasons.is_empty() {
        lines.push(format!("dead letters: {}", reasons.join(", ")));
    }
    for sink in &numbers.sinks {
        let lag = sink.lag_rows.map_or(String::new(), |rows| format!(", {rows} behind"));
        lines.push(format!("sink {}: {} rows{lag}, {} errors", sink.sink, sink.rows, sink.errors));
    }
    lines.extend(job.last_error.iter().map(|error| format!("last error: {error}")));
    lines.into_iter().map(Line::from).collect()
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    #[test]
    fn jobs_details_and_errors_are_on_the_screen() {
        let job = JobEntry {
            name: "coast".into(),
            state: "running".into(),
            why: "it reads".into(),
            ..JobEntry::default()
        };
        let cells = Rows::default().cells(std::slice::from_ref(&job));
        let error = Some("nobody answers".to_owned());
        let shown = Shown { source: "here".into(), jobs: vec![job], cells, error, chosen: 0 };
        for (width, height) in [(120, 20), (40, 6), (1, 1)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            terminal.draw(|frame| draw(frame, &shown)).unwrap();
            let screen = terminal.backend().to_string();
            if width == 120 {
                for text in ["seismic top: here", "records/s", "coast is running", "nobody answers"]
                {
                    assert!(screen.contains(text), "{text}\n{screen}");
                }
            }
        }
    }
}
