//! A page of runs: tables and drawings in one file, readable on a phone and in the dark. Nothing is loaded, nothing runs.
//!
//! Drawings have logarithms of values on linear axes. Their black is the page's text colour.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use plotters::prelude::*;

use crate::growth;
use crate::lines::{Key, Run, Runs, Spread, read};

const STYLE: &str = "\
:root{color-scheme:light dark;--text:#1b1b1b;--back:#fff;--line:#ccc}
@media(prefers-color-scheme:dark){:root{--text:#ddd;--back:#161616;--line:#444}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--text);background:var(--back);max-width:60rem;margin:0 auto;padding:1rem}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem}
td,th{border:1px solid var(--line);padding:.2rem .5rem;text-align:right;white-space:nowrap}
td:first-child,th:first-child,td:nth-child(2),th:nth-child(2){text-align:left}
.legend{margin:.25rem 0}.legend span{margin-right:1rem;white-space:nowrap}.legend i{display:inline-block;width:1rem;height:.25rem;margin-right:.4rem;vertical-align:middle}
svg{width:100%;min-width:32rem;height:auto;display:block;margin:.25rem 0}
svg text{fill:var(--text)}svg [stroke=\"#000000\"]{stroke:var(--text)}";

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

/// Points under a name.
struct Series {
    name: String,
    points: Vec<(f64, f64)>,
}

/// What is written at an axis, and how a place on it reads.
struct Axis {
    name: &'static str,
    label: fn(f64) -> String,
}

/// A power of ten.
const fn log(name: &'static str) -> Axis {
    Axis { name, label: |power| short(10f64.powf(power)) }
}

fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{:.0}M", value / 1e6),
        value if value >= 1e4 => format!("{:.0}k", value / 1e3),
        value if value >= 10.0 => format!("{value:.0}"),
        value if value >= 1.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// Writes the page.
pub(crate) fn write(from: &Path, to: &Path) -> Result<(), String> {
    let page = page(&read(from)?)?;
    std::fs::write(to, page).map_err(|error| format!("{}: {error}", to.display()))
}

fn page(runs: &Runs) -> Result<String, String> {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>The pause laboratory</title>\n<style>{STYLE}</style>\n<h1>The pause laboratory</h1>\n\
         <p>Medians of all runs of a kind; drawings show the last run of each.</p>\n"
    );
    page += &table(runs);
    let mut by_workload: BTreeMap<(&str, u64), Vec<(&Key, &Run)>> = BTreeMap::new();
    for (key, same) in runs {
        let last = same.last().expect("a key has a run");
        by_workload.entry((&key.workload, key.ops)).or_default().push((key, last));
    }
    section(&mut page, "percentiles", "Latency percentiles", &by_workload, |runs| {
        let series = runs.iter().map(|(key, run)| {
            let all = [run.pause_p50_us, run.pause_p99_us, run.pause_p999_us, run.pause_max_us];
            let points = all.into_iter().flatten().enumerate().map(|(at, us)| (at as f64, us.max(1e-3).log10()));
            Series { name: key.who.clone(), points: points.collect() }
        });
        let name_of = |at: f64| {
            let names = ["p50", "p99", "p99.9", "max"];
            let is_whole = (at - at.round()).abs() < 1e-6 && at > -0.5;
            let name = if is_whole { names.get(at.round() as usize).copied() } else { None };
            name.unwrap_or_default().into()
        };
        drawing(series.collect(), &Axis { name: "", label: name_of }, &log("us"))
    })?;
    section(&mut page, "pauses", "Latency histograms", &by_workload, |runs| {
        let series = runs.iter().map(|(key, run)| {
            let points = pairs(&run.extra["latencies"]).map(|(us, count)| (us.max(1e-3).log10(), count.log10()));
            Series { name: key.who.clone(), points: points.collect() }
        });
        drawing(series.collect(), &log("us"), &log("requests"))
    })?;
    section(&mut page, "mmu", "Minimum mutator utilisation", &by_workload, |runs| {
        let curve = |name: String, mmu: &serde_json::Value| {
            let shares = mmu.as_object().into_iter().flatten();
            let points = shares.filter_map(|(window, share)| {
                let ms: f64 = window.strip_suffix("ms")?.parse().ok()?;
                Some((ms.log10(), share.as_f64()?))
            });
            Series { name, points: points.collect() }
        };
        let mut series = Vec::new();
        for (key, run) in runs {
            series.push(curve(key.who.clone(), &run.extra["mmu"]));
            series.push(curve(format!("{}: control", key.who), &run.extra["control"]["mmu"]));
        }
        drawing(series, &log("window, ms"), &Axis { name: "share", label: |share| format!("{share:.1}") })
    })?;
    page += &heaps(runs);
    page += &growth_section(runs)?;
    Ok(page)
}

/// A section with a drawing per workload that has something to draw.
fn section(
    page: &mut String,
    id: &str,
    title: &str,
    by_workload: &BTreeMap<(&str, u64), Vec<(&Key, &Run)>>,
    draw: impl Fn(&[(&Key, &Run)]) -> Result<Option<String>, String>,
) -> Result<(), String> {
    let _ = writeln!(page, "<section id=\"{id}\"><h2>{title}</h2>");
    for ((workload, ops), runs) in by_workload {
        if let Some(drawing) = draw(runs)? {
            let _ = writeln!(page, "<h3>{} ({ops})</h3>\n{drawing}", escape(workload));
        }
    }
    page.push_str("</section>\n");
    Ok(())
}

fn pairs(value: &serde_json::Value) -> impl Iterator<Item = (f64, f64)> + '_ {
    value.as_array().into_iter().flatten().filter_map(|pair| Some((pair[0].as_f64()?, pair[1].as_f64()?)))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cell(page: &mut String, value: Option<f64>) {
    let _ = match value {
        Some(value) => write!(page, "<td>{value:.1}"),
        None => write!(page, "<td>"),
    };
}

/// The programs beside each other, workload by workload.
fn table(runs: &Runs) -> String {
    let mut page = String::from(
        "<section id=\"table\"><h2>Runs</h2>\n<div class=\"wide\"><table>\n<tr><th>workload<th>program<th>ops<th>runs\
         <th>ns/op<th>p50, us<th>p99<th>p99.9<th>max<th>cycles<th>peak RSS, MiB\n",
    );
    for (key, same) in runs {
        let (workload, who) = (escape(&key.workload), escape(&key.who));
        let _ = write!(page, "<tr><td>{workload}<td>{who}<td>{}<td>{}", key.ops, same.len());
        let median = |figure: fn(&Run) -> Option<f64>| Spread::of(same.iter().filter_map(figure)).map(|of| of.median);
        cell(&mut page, median(|run| Some(run.ns_per_op)));
        cell(&mut page, median(|run| run.pause_p50_us));
        cell(&mut page, median(|run| run.pause_p99_us));
        cell(&mut page, median(|run| run.pause_p999_us));
        cell(&mut page, median(|run| run.pause_max_us));
        cell(&mut page, median(|run| run.extra["gc_cycles"].as_f64()));
        cell(&mut page, median(|run| run.peak_rss_mib));
        page.push('\n');
    }
    page + "</table></div></section>\n"
}

/// The heap at the end of the last cycle against its goal.
fn heaps(runs: &Runs) -> String {
    let mut page = String::from(
        "<section id=\"heap\"><h2>Heap against goal</h2>\n<div class=\"wide\"><table>\n<tr><th>workload<th>program\
         <th>live, MiB<th>goal<th>at the cycle's end<th>over goal\n",
    );
    for (key, same) in runs {
        let heap = &same.last().expect("a key has a run").extra["heap_mib"];
        let Some(over) = heap["last_overshoot"].as_f64() else { continue };
        let _ = write!(page, "<tr><td>{}<td>{}", escape(&key.workload), escape(&key.who));
        for name in ["last_live", "last_goal", "last_ended_at"] {
            cell(&mut page, heap[name].as_f64());
        }
        let _ = writeln!(page, "<td>{over:.2}");
    }
    page + "</table></div></section>\n"
}

/// How figures of full_mark grow with the objects, where there are several sizes.
fn growth_section(runs: &Runs) -> Result<String, String> {
    let mut page = String::from("<section id=\"growth\"><h2>Growth with the number of objects</h2>\n");
    for (name, curves) in growth::curves(runs) {
        let series = curves.into_iter().map(|(who, points)| {
            let exponent = growth::exponent(&points).map_or(String::new(), |exponent| format!(": n^{exponent:.2}"));
            let points = points.into_iter().map(|(x, y)| (x.log10(), y.max(1e-6).log10())).collect();
            Series { name: format!("{who}{exponent}"), points }
        });
        if let Some(drawing) = drawing(series.collect(), &log("objects"), &log(name))? {
            let _ = writeln!(page, "<h3>{name}</h3>\n{drawing}");
        }
    }
    Ok(page + "</section>\n")
}

/// Lines under their legend; nothing without points.
fn drawing(series: Vec<Series>, x: &Axis, y: &Axis) -> Result<Option<String>, String> {
    let series: Vec<Series> = series.into_iter().filter(|series| !series.points.is_empty()).collect();
    let range = |of: fn(&(f64, f64)) -> f64| {
        let values = series.iter().flat_map(|series| &series.points).map(of);
        Spread::of(values).map(|values| {
            let margin = (values.width() * 0.05).max(0.1);
            values.least - margin..values.greatest + margin
        })
    };
    let (Some(xs), Some(ys)) = (range(|point| point.0), range(|point| point.1)) else { return Ok(None) };
    let (mut svg, mut legend) = (String::new(), String::new());
    {
        let area = SVGBackend::with_string(&mut svg, (720, 400)).into_drawing_area();
        let failed = |error: &dyn std::fmt::Display| format!("a drawing: {error}");
        let mut chart = ChartBuilder::on(&area)
            .margin(8)
            .x_label_area_size(40)
            .y_label_area_size(64)
            .build_cartesian_2d(xs, ys)
            .map_err(|error| failed(&error))?;
        chart
            .configure_mesh()
            .x_desc(x.name)
            .y_desc(y.name)
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&|at| (x.label)(*at))
            .y_label_formatter(&|at| (y.label)(*at))
            .light_line_style(TRANSPARENT)
            .bold_line_style(RGBColor(128, 128, 128).mix(0.3))
            .label_style(("sans-serif", 18))
            .draw()
            .map_err(|error| failed(&error))?;
        for (index, Series { name, points }) in series.into_iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let style = colour.stroke_width(2);
            let drawn = chart.draw_series(LineSeries::new(points, style).point_size(3));
            drawn.map_err(|error| failed(&error))?;
            let RGBColor(red, green, blue) = colour;
            let _ =
                write!(legend, "<span><i style=\"background:rgb({red},{green},{blue})\"></i>{}</span>", escape(&name));
        }
        area.present().map_err(|error| failed(&error))?;
    }
    Ok(Some(format!("<p class=\"legend\">{legend}</p>\n<div class=\"wide\">{svg}</div>")))
}
