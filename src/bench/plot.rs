//! A plot as SVG: lines over a logarithmic axis. Pure, and limited to what our plots need.

use std::fmt::Write as _;

use crate::cli::format::count;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
/// Where the axes are: left, top, right, bottom.
const FRAME: [f64; 4] = [70.0, 50.0, 620.0, 305.0];
const COLOURS: [&str; 3] = ["#0b6e99", "#c2571a", "#4d7c0f"];
/// Lines across, besides the axis.
const STEPS: u32 = 4;

/// What is drawn.
pub struct Plot {
    pub title: String,
    pub x_title: &'static str,
    pub y_title: &'static str,
    /// Places on the logarithmic axis, rising, above zero.
    pub x: Vec<f64>,
    pub lines: Vec<Curve>,
}

/// One line of it.
pub struct Curve {
    pub name: &'static str,
    /// A figure for each place.
    pub y: Vec<f64>,
}

impl Plot {
    /// The plot as an SVG document.
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
        svg += &text(left, top - 10.0, "middle", "#000", self.y_title);
        for step in 0..=STEPS {
            let y = self.top() * f64::from(step) / f64::from(STEPS);
            let at = self.y_at(y);
            svg += &format!("<path d=\"M{left} {at:.1}H{right}\" stroke=\"#ddd\"/>\n");
            svg += &text(left - 6.0, at + 4.0, "end", "#444", &number(y));
        }
        for &x in &self.x {
            svg += &text(self.x_at(x), bottom + 18.0, "middle", "#444", &number(x));
        }
        for ((line, colour), row) in self.lines.iter().zip(COLOURS).zip(0u8..) {
            svg += &self.line(line, colour);
            let at = top + 4.0 + 16.0 * f64::from(row);
            svg += &text(right, at, "end", colour, line.name);
        }
        svg + "</svg>\n"
    }

    fn line(&self, line: &Curve, colour: &str) -> String {
        let places: Vec<_> =
            self.x.iter().zip(&line.y).map(|(&x, &y)| (self.x_at(x), self.y_at(y))).collect();
        let mut path = String::new();
        let mut dots = String::new();
        for (x, y) in places {
            let _ = write!(path, "{}{x:.1} {y:.1}", if path.is_empty() { 'M' } else { 'L' });
            let _ =
                writeln!(dots, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
        format!("<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n{dots}")
    }

    /// The end of the upright axis: the highest figure, rounded up to two digits.
    fn top(&self) -> f64 {
        let highest = self.lines.iter().flat_map(|line| &line.y).copied().fold(0.0, f64::max);
        if highest <= 0.0 {
            return 1.0;
        }
        let unit = 10f64.powf(highest.log10().floor() - 1.0) * 2.0;
        (highest / unit).ceil() * unit
    }

    fn x_at(&self, x: f64) -> f64 {
        let [left, _, right, _] = FRAME;
        let (first, last) = (self.x[0].log10(), self.x[self.x.len() - 1].log10());
        // Not quite to the sides, where labels have no room.
        let share = if last > first { (x.log10() - first) / (last - first) } else { 0.5 };
        left + 30.0 + share * (right - left - 60.0)
    }

    fn y_at(&self, y: f64) -> f64 {
        let [_, top, _, bottom] = FRAME;
        bottom - y / self.top() * (bottom - top)
    }
}

fn text(x: f64, y: f64, anchor: &str, colour: &str, words: &str) -> String {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{words}</text>\n"
    )
}

fn number(number: f64) -> String {
    if number >= 10.0 || number.fract() == 0.0 {
        count(number.round() as u64)
    } else {
        format!("{number:.1}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(y: Vec<f64>) -> Plot {
        Plot {
            title: "cost < sensors".into(),
            x_title: "sensors",
            y_title: "ns",
            x: vec![10.0, 100.0, 1_000.0],
            lines: vec![Curve { name: "CPU", y }],
        }
    }

    #[test]
    fn places_are_even_on_the_logarithmic_axis_and_heights_begin_at_zero() {
        let plot = plot(vec![0.0, 50.0, 100.0]);
        let svg = plot.svg();
        for dot in
            ["cx=\"100.0\" cy=\"305.0\"", "cx=\"345.0\" cy=\"177.5\"", "cx=\"590.0\" cy=\"50.0\""]
        {
            assert!(svg.contains(dot), "{dot} is not in\n{svg}");
        }
        assert!(svg.contains("d=\"M100.0 305.0L345.0 177.5L590.0 50.0\""), "{svg}");
    }

    #[test]
    fn words_are_escaped_and_numbers_grouped() {
        let svg = plot(vec![1.0, 2.0, 3.0]).svg();
        assert!(svg.contains("cost &lt; sensors") && svg.contains(">1,000<"), "{svg}");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn the_axis_ends_just_above_the_highest_figure() {
        for (highest, top) in [(97.0, 98.0), (100.0, 100.0), (101.0, 120.0), (0.0, 1.0)] {
            assert_eq!(plot(vec![0.0, 0.0, highest]).top(), top);
        }
    }
}
