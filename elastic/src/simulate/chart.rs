//! A chart over time as SVG: lines of steps, and an area below them.

use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 360.0;
/// Where the axes are: left, top, right, bottom.
const FRAME: [f64; 4] = [60.0, 50.0, 740.0, 305.0];
/// Of the area first.
const COLOURS: [&str; 4] = ["#c9ced6", "#4d7c0f", "#c2571a", "#0b6e99"];
/// Lines across, besides the axis.
const STEPS: u32 = 4;

/// What is drawn.
pub struct Chart<'a> {
    /// Above it.
    pub title: String,
    /// Below it.
    pub x_title: &'a str,
    /// At the upright axis.
    pub y_title: &'a str,
    /// Places on the axis below: share of the width, and what is written there.
    pub marks: Vec<(f64, String)>,
    /// The first one is an area.
    pub lines: Vec<Line<'a>>,
}

/// Figures at even distances.
pub struct Line<'a> {
    /// In its colour.
    pub name: &'a str,
    /// From left to right.
    pub y: Vec<f64>,
}

impl Chart<'_> {
    /// The chart as an SVG document.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
        );
        let [left, top, right, bottom] = FRAME;
        let middle = (left + right) / 2.0;
        svg += &text(middle, 22.0, "middle", "#000", &self.title);
        svg += &text(middle, HEIGHT - 12.0, "middle", "#000", self.x_title);
        svg += &text(left - 45.0, top - 14.0, "start", "#000", self.y_title);
        let highest = self.top();
        for (line, colour) in self.lines.iter().zip(COLOURS) {
            svg += &path(line, colour, highest, colour == COLOURS[0]);
        }
        for step in 0..=STEPS {
            let share = f64::from(step) / f64::from(STEPS);
            let at = bottom - share * (bottom - top);
            let _ = writeln!(
                svg,
                "<path d=\"M{left} {at:.1}H{right}\" stroke=\"#000\" stroke-opacity=\"0.12\"/>"
            );
            svg += &text(left - 6.0, at + 4.0, "end", "#444", &format!("{}", share * highest));
        }
        for (share, words) in &self.marks {
            svg += &text(left + share * (right - left), bottom + 18.0, "middle", "#444", words);
        }
        for ((line, colour), row) in self.lines.iter().zip(COLOURS).zip(0u8..) {
            let colour = if row == 0 { "#6b7280" } else { colour };
            svg += &text(right, top - 8.0 + 15.0 * f64::from(row), "end", colour, line.name);
        }
        svg + "</svg>\n"
    }

    /// The end of the upright axis: a round number above all figures, with room for the names.
    fn top(&self) -> f64 {
        let highest = self.lines.iter().flat_map(|line| &line.y).copied().fold(0.0, f64::max) * 1.1;
        if highest.is_nan() || highest <= 0.0 {
            return 1.0;
        }
        let unit = 10f64.powf(highest.log10().floor() - 1.0) * 4.0;
        (highest / unit).ceil() * unit
    }
}

/// Steps from one place to the next, so that a change is seen as one.
fn path(line: &Line<'_>, colour: &str, highest: f64, is_area: bool) -> String {
    let [left, top, right, bottom] = FRAME;
    let width = (right - left) / line.y.len().max(1) as f64;
    let mut path = String::new();
    let mut last = f64::NAN;
    for (place, y) in line.y.iter().enumerate() {
        let x = left + width * place as f64;
        let y = bottom - y / highest * (bottom - top);
        if place == 0 {
            let _ = write!(path, "M{x:.1} {y:.1}");
        } else if (y - last).abs() >= 0.05 {
            let _ = write!(path, "H{x:.1}V{y:.1}");
        }
        last = y;
    }
    let _ = write!(path, "H{right:.1}");
    match is_area {
        true => format!("<path d=\"{path}V{bottom}H{left}Z\" fill=\"{colour}\"/>\n"),
        false => {
            format!("<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>\n")
        }
    }
}

fn text(x: f64, y: f64, anchor: &str, colour: &str, words: &str) -> String {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{words}</text>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_steps_below_a_round_number_and_words_are_escaped() {
        let chart = Chart {
            title: "load < capacity".into(),
            x_title: "hours",
            y_title: "records/s",
            marks: vec![(0.5, "noon".into())],
            lines: vec![
                Line { name: "load", y: vec![0.0, 36.0] },
                Line { name: "capacity", y: vec![18.0, 18.0] },
            ],
        };
        let svg = chart.svg();
        assert!(svg.contains("load &lt; capacity") && svg.contains(">40<"), "{svg}");
        assert!(svg.contains("M60.0 305.0H400.0V75.5H740.0V305H60Z"), "{svg}");
        assert!(svg.contains("M60.0 190.2H740.0"), "{svg}");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }
}
