//! Drawings: curves under a legend, as SVG that takes its black from the page.

use std::fmt::Write;
use std::ops::Range;

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::lines::Spread;

const COLOURS: [RGBColor; 8] = [
    RGBColor(31, 119, 180),
    RGBColor(255, 127, 14),
    RGBColor(44, 160, 44),
    RGBColor(214, 39, 40),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
    RGBColor(227, 119, 194),
    RGBColor(127, 127, 127),
];
/// Behind the curves.
const BAND: RGBColor = RGBColor(23, 190, 207);
const WIDTH: u32 = 720;

type Chart<'c> = ChartContext<'c, SVGBackend<'c>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// How points are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Joined: too many to be marked.
    Curve,
    /// Joined and marked.
    Marked,
    /// Marked.
    Dots,
}

/// Points under a name.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) style: Style,
}

/// What is written at an axis, and how a place on it reads.
pub(crate) struct Axis<'a> {
    pub(crate) name: &'a str,
    pub(crate) label: &'a dyn Fn(f64) -> String,
}

/// A drawing to be made.
pub(crate) struct Picture<'a> {
    pub(crate) x: Axis<'a>,
    pub(crate) y: Axis<'a>,
    pub(crate) series: Vec<Series>,
    /// Stretches of the x axis, and what they are.
    pub(crate) bands: (&'a str, Vec<(f64, f64)>),
    pub(crate) height: u32,
    /// Room for what is written at the y axis.
    pub(crate) margin: u32,
    /// What the x axis shows, if it is not to follow from the points.
    pub(crate) xs: Option<Range<f64>>,
}

impl<'a> Picture<'a> {
    pub(crate) fn new(x: Axis<'a>, y: Axis<'a>, series: Vec<Series>) -> Self {
        Picture { x, y, series, bands: ("", Vec::new()), height: 400, margin: 64, xs: None }
    }

    /// The legend and the drawing; nothing without points.
    pub(crate) fn draw(self) -> Result<Option<String>, String> {
        let series = self.series;
        let range = |of: fn(&(f64, f64)) -> f64| {
            let values = series.iter().flat_map(|series| &series.points).map(of);
            Spread::of(values).map(|values| {
                let margin = (values.width() * 0.05).max(0.1);
                values.least - margin..values.greatest + margin
            })
        };
        let (Some(xs), Some(ys)) = (self.xs.or_else(|| range(|point| point.0)), range(|point| point.1)) else {
            return Ok(None);
        };
        let failed = |error: &dyn std::fmt::Display| format!("a drawing: {error}");
        let (mut svg, mut legend) = (String::new(), String::new());
        {
            let area = SVGBackend::with_string(&mut svg, (WIDTH, self.height)).into_drawing_area();
            let mut chart = ChartBuilder::on(&area)
                .margin(8)
                .x_label_area_size(40)
                .y_label_area_size(self.margin)
                .build_cartesian_2d(xs.clone(), ys.clone())
                .map_err(|error| failed(&error))?;
            let mut key = |colour: RGBColor, name: &str| {
                let RGBColor(red, green, blue) = colour;
                let _ = write!(
                    legend,
                    "<span><i style=\"background:rgb({red},{green},{blue})\"></i>{}</span>",
                    escape(name)
                );
            };
            let (what, bands) = &self.bands;
            let inside =
                bands.iter().map(|&(from, to)| (from.max(xs.start), to.min(xs.end))).filter(|(from, to)| from < to);
            let boxes: Vec<_> = inside
                .map(|(from, to)| Rectangle::new([(from, ys.start), (to, ys.end)], BAND.mix(0.22).filled()))
                .collect();
            if !boxes.is_empty() {
                key(BAND, what);
            }
            chart.draw_series(boxes).map_err(|error| failed(&error))?;
            let rows = if self.margin > 64 { ys.end - ys.start } else { 6.0 };
            chart
                .configure_mesh()
                .x_desc(self.x.name)
                .y_desc(self.y.name)
                .x_labels(8)
                .y_labels(rows as usize + 1)
                .x_label_formatter(&|at| (self.x.label)(*at))
                .y_label_formatter(&|at| (self.y.label)(*at))
                .light_line_style(TRANSPARENT)
                .bold_line_style(RGBColor(128, 128, 128).mix(0.3))
                .label_style(("sans-serif", 16))
                .draw()
                .map_err(|error| failed(&error))?;
            // A series without points keeps its colour.
            for (index, series) in series.into_iter().enumerate().filter(|(_, series)| !series.points.is_empty()) {
                let colour = COLOURS[index % COLOURS.len()];
                key(colour, &series.name);
                curve(&mut chart, series, colour).map_err(|error| failed(&error))?;
            }
            area.present().map_err(|error| failed(&error))?;
        }
        Ok(Some(format!("<p class=\"legend\">{legend}</p>\n<div class=\"wide\">{svg}</div>")))
    }
}

fn curve(chart: &mut Chart<'_>, series: Series, colour: RGBColor) -> Result<(), impl std::fmt::Display> {
    let Series { points, style, .. } = series;
    match style {
        Style::Curve => chart.draw_series(LineSeries::new(points, colour.stroke_width(1))).map(drop),
        Style::Marked => chart.draw_series(LineSeries::new(points, colour.stroke_width(2)).point_size(3)).map(drop),
        Style::Dots => {
            chart.draw_series(points.into_iter().map(|point| Circle::new(point, 4, colour.filled()))).map(drop)
        }
    }
}

/// A power of ten.
pub(crate) const fn log(name: &str) -> Axis<'_> {
    Axis { name, label: &|power| short(10f64.powf(power)) }
}

/// A number as it is.
pub(crate) const fn linear(name: &str) -> Axis<'_> {
    Axis { name, label: &|value| short(value) }
}

fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{:.0}M", value / 1e6),
        value if value >= 1e4 => format!("{:.0}k", value / 1e3),
        value if value >= 10.0 => format!("{value:.0}"),
        value if value >= 1.0 => format!("{value:.1}"),
        value if value.abs() < 0.005 => "0".into(),
        value => format!("{value:.2}"),
    }
}

/// Text as it may stand in a page.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
