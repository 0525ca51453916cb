//! Plots as SVG, readable in light and dark.

use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 40.0;
/// About that many marks on an axis.
const MARKS: f64 = 5.0;

/// A curve with a name. Its place decides its colour.
pub(super) struct Curve {
    pub(super) name: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

/// Curves over a common axis.
pub(super) fn curves(x_title: &str, y_title: &str, curves: &[Curve]) -> String {
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let frame = Frame {
        x_max: all().map(|point| point.0).fold(1.0, f64::max),
        y_max: all().map(|point| point.1).fold(1.0, f64::max) * 1.05,
    };
    let mut svg = frame.begin(x_title, y_title);
    let marks = marks(frame.x_max);
    for mark in &marks {
        frame.x_mark(&mut svg, *mark, &short(*mark));
    }
    for (number, curve) in curves.iter().enumerate() {
        let points: Vec<String> =
            curve.points.iter().map(|(x, y)| format!("{:.1},{:.1}", frame.x(*x), frame.y(*y))).collect();
        let _ = write!(svg, r#"<polyline class="c{number}" points="{}"/>"#, points.join(" "));
        let (x, y) = (LEFT + 12.0 + 150.0 * number as f64, TOP + 12.0);
        let _ = write!(svg, r#"<text class="t{number}" x="{x}" y="{y}">{}</text>"#, curve.name);
    }
    svg + "</svg>"
}

/// Bars side by side, each with the text below it.
pub(super) fn bars(x_title: &str, y_title: &str, bars: &[(String, f64)]) -> String {
    let frame = Frame {
        x_max: bars.len().max(1) as f64,
        y_max: bars.iter().map(|bar| bar.1).fold(1.0, f64::max) * 1.05,
    };
    let mut svg = frame.begin(x_title, y_title);
    for (number, (text, value)) in bars.iter().enumerate() {
        let (x, next) = (frame.x(number as f64), frame.x(number as f64 + 1.0));
        let (y, width) = (frame.y(*value), (next - x - 2.0).max(1.0));
        let height = (HEIGHT - BOTTOM - y).max(0.0);
        let _ = write!(
            svg,
            r#"<rect x="{:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"><title>{text}: {value}</title></rect>"#,
            x + 1.0
        );
        frame.x_mark(&mut svg, number as f64 + 0.5, text);
    }
    svg + "</svg>"
}

struct Frame {
    x_max: f64,
    y_max: f64,
}

impl Frame {
    fn x(&self, value: f64) -> f64 {
        LEFT + value / self.x_max * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - value / self.y_max * (HEIGHT - TOP - BOTTOM)
    }

    fn begin(&self, x_title: &str, y_title: &str) -> String {
        let mut svg = format!(
            r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{y_title} over {x_title}">"#
        );
        for mark in marks(self.y_max) {
            let y = self.y(mark);
            let _ = write!(
                svg,
                r#"<line x1="{LEFT}" x2="{:.1}" y1="{y:.1}" y2="{y:.1}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 4.0,
                short(mark)
            );
        }
        let _ = write!(
            svg,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{x_title}</text><text transform="translate(14 {:.1}) rotate(-90)" text-anchor="middle">{y_title}</text>"#,
            (LEFT + WIDTH) / 2.0,
            HEIGHT - 6.0,
            HEIGHT / 2.0 - 10.0
        );
        svg
    }

    fn x_mark(&self, svg: &mut String, value: f64, text: &str) {
        let (x, y) = (self.x(value), HEIGHT - BOTTOM + 16.0);
        let _ = write!(svg, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="middle">{text}</text>"#);
    }
}

/// Round numbers from 0 to `max`.
fn marks(max: f64) -> Vec<f64> {
    let rough = (max / MARKS).max(f64::MIN_POSITIVE);
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    (0..).map(|number| f64::from(number) * step).take_while(|mark| *mark <= max).collect()
}

/// A number in few characters.
pub(super) fn short(value: f64) -> String {
    match value {
        v if v >= 10_000.0 => format!("{:.0}k", v / 1000.0),
        v if v >= 10.0 || v == v.trunc() => format!("{v:.0}"),
        v => format!("{v:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_few() {
        assert_eq!(marks(100.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(marks(7.0), [0.0, 2.0, 4.0, 6.0]);
        assert!(marks(123_456.0).len() <= 6);
    }

    #[test]
    fn a_plot_stays_in_its_frame() {
        let svg = curves("s", "n", &[Curve { name: "a", points: vec![(0.0, 0.0), (10.0, 50.0)] }]);
        let points = svg.split_once("points=\"").unwrap().1.split_once('"').unwrap().0;
        for point in points.split(' ') {
            let (x, y) = point.split_once(',').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!((LEFT..=WIDTH).contains(&x) && (0.0..=HEIGHT).contains(&y), "{point}");
        }
    }

    #[test]
    fn nothing_to_plot_is_an_empty_plot() {
        assert!(curves("x", "y", &[]).ends_with("</svg>"));
        assert!(bars("x", "y", &[]).ends_with("</svg>"));
    }
}
