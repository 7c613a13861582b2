//! Line charts as SVG, drawn by `plotters`. The style sheet of the page replaces the placeholder colours, so that one
//! drawing works in light and dark mode.

use plotters::backend::SVGBackend;
use plotters::chart::ChartBuilder;
use plotters::drawing::{DrawingAreaErrorKind, IntoDrawingArea};
use plotters::series::LineSeries;
use plotters::style::{IntoFont, RGBColor};

/// A line of a chart.
#[derive(Clone, Debug)]
pub struct Line {
    /// The text in the legend.
    pub name: String,
    /// The index of the style sheet's colour; [`LIMIT`] for a limit.
    pub colour: u8,
    /// Points, ascending in x.
    pub points: Vec<(f64, f64)>,
}

/// A chart.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The caption above the chart.
    pub title: &'static str,
    /// The unit of the y axis.
    pub unit: &'static str,
    /// Formats values on the x axis.
    pub x: fn(&f64) -> String,
    /// The lines to draw.
    pub lines: Vec<Line>,
}

/// The colour index of limits.
pub const LIMIT: u8 = 9;
/// Pixels, before the page scales them.
const SIZE: (u32, u32) = (560, 230);

type Failed = DrawingAreaErrorKind<std::io::Error>;

impl Chart {
    /// Whether there is anything to draw.
    pub fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.colour == LIMIT || line.points.len() < 2)
    }

    /// Draws the chart.
    ///
    /// # Errors
    /// When it cannot be drawn, for example because a range is empty.
    pub fn svg(&self) -> Result<String, String> {
        let mut svg = String::new();
        self.draw(&mut svg).map_err(|error| format!("{}: {error}", self.title))?;
        // A label for screen readers.
        Ok(svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{}\" ", self.title), 1))
    }

    fn draw(&self, svg: &mut String) -> Result<(), Failed> {
        let points = || self.lines.iter().flat_map(|line| &line.points).filter(|(x, y)| x.is_finite() && y.is_finite());
        let (from, to) = points().fold((f64::MAX, f64::MIN), |(from, to), (x, _)| (from.min(*x), to.max(*x)));
        let drawn = || self.lines.iter().filter(|line| line.colour != LIMIT).flat_map(|line| &line.points);
        let top = |top: f64, (_, y): &(f64, f64)| if y.is_finite() { top.max(*y) } else { top };
        let highest = drawn().fold(0.0, top);
        // A limit far above all values is left out of the range, because it would flatten the curves.
        let highest = points().map(|(_, y)| *y).filter(|y| *y <= 3.0 * highest).fold(highest, f64::max);
        let highest = if highest > 0.0 { highest * 1.08 } else { 1.0 };
        let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin(6)
            .margin_right(14)
            .x_label_area_size(22)
            .y_label_area_size(52)
            .build_cartesian_2d(from..to.max(from + 1e-6), 0.0..highest)?;
        let font = || ("sans-serif", 12).into_font();
        chart
            .configure_mesh()
            .disable_x_mesh()
            .max_light_lines(0)
            .x_labels(8)
            .y_labels(6)
            .x_label_formatter(&self.x)
            .y_label_formatter(&|value: &f64| short(*value, self.unit))
            .label_style(font())
            .draw()?;
        for line in &self.lines {
            let stand_in = RGBColor(1, 0, line.colour);
            let within = line.points.iter().filter(|(x, y)| x.is_finite() && *y <= highest).copied();
            chart.draw_series(LineSeries::new(within, &stand_in))?;
        }
        root.present()
    }
}

/// Formats a value in the short form for an axis.
fn short(value: f64, unit: &str) -> String {
    let number = match value.abs() {
        v if v >= 1e6 => format!("{:.1}M", value / 1e6),
        v if v >= 10_000.0 => format!("{:.0}k", value / 1e3),
        v if v >= 10.0 || v == 0.0 => format!("{value:.0}"),
        v if v >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    if unit.is_empty() { number } else { format!("{number} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> Chart {
        let limit = Line { name: "limit".to_owned(), colour: LIMIT, points: vec![(0.0, 1000.0), (2.0, 1000.0)] };
        let line = Line { name: "a".to_owned(), colour: 2, points };
        Chart { title: "t", unit: "ms", x: |x| format!("{x}"), lines: vec![line, limit] }
    }

    #[test]
    fn a_line_is_drawn_in_its_stand_in_colour() {
        let svg = chart(vec![(0.0, 1.0), (1.0, 3.0), (2.0, f64::INFINITY)]).svg().expect("a drawing");
        assert!(svg.starts_with("<svg role=\"img\"") && svg.contains("stroke=\"#010002\""), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(!svg.contains("1000 ms"), "a far limit is left out: {svg}");
    }

    #[test]
    fn nothing_is_empty_and_does_not_fail() {
        for points in [vec![], vec![(1.0, 0.0)], vec![(1.0, 0.0), (1.0, 0.0)]] {
            let chart = chart(points.clone());
            assert_eq!(chart.is_empty(), points.len() < 2);
            assert!(chart.svg().is_ok());
        }
    }
}
