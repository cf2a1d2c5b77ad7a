//! A page of runs: tables and drawings in one file, readable on a phone and in the dark. Nothing is loaded, nothing runs.
//!
//! Drawings have logarithms of values on linear axes. Their black is the page's text colour.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde_json::Value;

use crate::chart::{Axis, Picture, Series, Style, escape, linear, log};
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

/// Runs of the same work: (workload, operations), the programs that did it, the last run of each.
type ByWorkload<'r> = BTreeMap<(&'r str, u64), Vec<(&'r Key, &'r Run)>>;

/// Writes the page.
pub(crate) fn write(from: &Path, to: &Path) -> Result<(), String> {
    let lines = read(from)?;
    let page = page(&lines.runs, &lines.growth)?;
    std::fs::write(to, page).map_err(|error| format!("{}: {error}", to.display()))
}

fn page(runs: &Runs, grown: &[Run]) -> Result<String, String> {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>The pause laboratory</title>\n<style>{STYLE}</style>\n<h1>The pause laboratory</h1>\n\
         <p>Medians of all runs of a kind; drawings show the last run of each.</p>\n"
    );
    page += &table(runs);
    let mut by_workload = ByWorkload::new();
    for (key, same) in runs {
        let last = same.last().expect("a key has a run");
        by_workload.entry((&key.workload, key.ops)).or_default().push((key, last));
    }
    beside(&mut page, runs)?;
    section(&mut page, "percentiles", "Latency percentiles", &by_workload, percentiles)?;
    section(&mut page, "pauses", "Latency histograms", &by_workload, |runs| {
        let series = runs.iter().map(|(key, run)| {
            let points = pairs(&run.extra["latencies"]).map(|(us, count)| (us.max(1e-3).log10(), count.log10()));
            Series { name: key.who.clone(), points: points.collect(), style: Style::Marked }
        });
        Picture::new(log("us"), log("requests"), series.collect()).draw()
    })?;
    section(&mut page, "time", "Latency and heap over time", &by_workload, over_time)?;
    section(&mut page, "mmu", "Minimum mutator utilisation", &by_workload, utilisation)?;
    page += &heaps(runs);
    page += &growth_section(grown)?;
    Ok(page)
}

/// A section with a drawing per workload that has something to draw.
fn section(
    page: &mut String,
    id: &str,
    title: &str,
    by_workload: &ByWorkload<'_>,
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

fn pairs(value: &Value) -> impl Iterator<Item = (f64, f64)> + '_ {
    value.as_array().into_iter().flatten().filter_map(|pair| Some((pair[0].as_f64()?, pair[1].as_f64()?)))
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
         <th>ns/op<th>p50, us<th>p99<th>p99.9<th>max<th>empty request's p99.9<th>cycles<th>peak RSS, MiB\n",
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
        cell(&mut page, median(|run| run.extra["control"]["empty_p999_us"].as_f64()));
        cell(&mut page, median(|run| run.extra["gc_cycles"].as_f64()));
        cell(&mut page, median(|run| run.peak_rss_mib));
        page.push('\n');
    }
    page + "</table></div></section>\n"
}

type Figure = (&'static str, fn(&Run) -> Option<f64>);

const BESIDE: [Figure; 4] = [
    ("time per operation", |run| run.pause_p50_us.is_none().then_some(run.ns_per_op)),
    ("p50", |run| run.pause_p50_us),
    ("p99.9", |run| run.pause_p999_us),
    ("peak RSS", |run| run.peak_rss_mib),
];

/// All programs in one drawing per figure, as multiples of the first program of ours. Work that one program alone did is
/// not there.
fn beside(page: &mut String, runs: &Runs) -> Result<(), String> {
    page.push_str("<section id=\"beside\"><h2>Beside other programs</h2>\n");
    let mut work: BTreeMap<(&str, u64), Vec<(&Key, &Vec<Run>)>> = BTreeMap::new();
    for (key, same) in runs {
        work.entry((&key.workload, key.ops)).or_default().push((key, same));
    }
    for (name, figure) in BESIDE {
        // All programs in all drawings, so that each has the same colour everywhere.
        let mut series: BTreeMap<&str, Vec<(f64, f64)>> =
            runs.keys().map(|key| (key.who.as_str(), Vec::new())).collect();
        let mut rows = Vec::new();
        for ((workload, _), programs) in &work {
            let median = |same: &[Run]| Spread::of(same.iter().filter_map(figure)).map(|of| of.median);
            let ours = programs.iter().find(|(_, same)| same[0].extra["heap"].is_string());
            let Some((ours, base)) = ours.and_then(|(key, same)| Some((key, median(same)?))) else { continue };
            if programs.iter().all(|(key, _)| key.peer == ours.peer) {
                continue;
            }
            let row = -(rows.len() as f64);
            rows.push(*workload);
            for (key, same) in programs {
                if let Some(value) = median(same).filter(|&value| value > 0.0 && base > 0.0) {
                    series.entry(&key.who).or_default().push(((value / base).log10(), row));
                }
            }
        }
        let label = |at: f64| {
            let row = (-at).round();
            let name = if (row + at).abs() < 1e-6 && row > -0.5 { rows.get(row as usize) } else { None };
            name.map_or(String::new(), ToString::to_string)
        };
        let series = series.into_iter().map(|(who, points)| Series { name: who.into(), points, style: Style::Dots });
        let y = Axis { name: "", label: &label };
        let mut picture = Picture::new(log("times gc-core's; to the right is more"), y, series.collect());
        (picture.height, picture.margin) = (90 + 28 * rows.len() as u32, 150);
        if let Some(drawing) = picture.draw()? {
            let _ = writeln!(page, "<h3>{name}</h3>\n{drawing}");
        }
    }
    page.push_str("</section>\n");
    Ok(())
}

fn percentiles(runs: &[(&Key, &Run)]) -> Result<Option<String>, String> {
    let series = runs.iter().map(|(key, run)| {
        let all = [run.pause_p50_us, run.pause_p99_us, run.pause_p999_us, run.pause_max_us];
        let points = all.into_iter().flatten().enumerate().map(|(at, us)| (at as f64, us.max(1e-3).log10()));
        Series { name: key.who.clone(), points: points.collect(), style: Style::Marked }
    });
    let name_of = |at: f64| {
        let names = ["p50", "p99", "p99.9", "max"];
        let is_whole = (at - at.round()).abs() < 1e-6 && at > -0.5;
        let name = if is_whole { names.get(at.round() as usize).copied() } else { None };
        name.unwrap_or_default().into()
    };
    Picture::new(Axis { name: "", label: &name_of }, log("us"), series.collect()).draw()
}

/// A run's longest latencies by time, and its heap below, with the cycles behind both. A pair for each program that tells.
fn over_time(runs: &[(&Key, &Run)]) -> Result<Option<String>, String> {
    let mut drawings = String::new();
    for (key, run) in runs {
        let of = &run.extra["series"];
        let step = of["latency"]["step_ms"].as_f64().unwrap_or_default() / 1e3;
        let longest = of["latency"]["max_us"].as_array().into_iter().flatten().filter_map(Value::as_f64).enumerate();
        // A step without a request has no latency.
        let longest = longest.filter(|(_, us)| *us > 0.0).map(|(at, us)| (at as f64 * step, us.log10()));
        let latency =
            Series { name: "longest latency of a step".into(), points: longest.collect(), style: Style::Curve };
        let Some(end) = latency.points.last().map(|point| point.0) else { continue };
        let cycles: Vec<&Value> = of["cycles"].as_array().into_iter().flatten().collect();
        let at = |x: &'static str, y: &'static str| -> Vec<(f64, f64)> {
            let points = cycles.iter().filter_map(|cycle| Some((cycle[x].as_f64()? / 1e3, cycle[y].as_f64()?)));
            points.filter(|(x, _)| (0.0..=end).contains(x)).collect()
        };
        let dots = |name: &str, x, y| Series { name: name.into(), points: at(x, y), style: Style::Dots };
        let reading = |name: &str, which: usize| {
            let readings = of["heap"].as_array().into_iter().flatten();
            let points = readings.filter_map(|reading| Some((reading[0].as_f64()? / 1e3, reading[which].as_f64()?)));
            Series { name: name.into(), points: points.collect(), style: Style::Curve }
        };
        let heap = vec![
            reading("in use", 1),
            reading("goal", 2),
            dots("marking begins", "mark_from_ms", "trigger_mib"),
            dots("marking ends", "mark_to_ms", "peak_mib"),
            dots("live, once swept", "swept_ms", "live_mib"),
        ];
        let band = |cycle: &&Value| Some((cycle["mark_from_ms"].as_f64()? / 1e3, cycle["mark_to_ms"].as_f64()? / 1e3));
        let bands: Vec<(f64, f64)> = cycles.iter().filter_map(band).collect();
        let mut above = Picture::new(linear("seconds"), log("us"), vec![latency]);
        let mut below = Picture::new(linear("seconds"), linear("MiB"), heap);
        for picture in [&mut above, &mut below] {
            picture.bands = ("marking", bands.clone());
            picture.xs = Some(0.0..end.max(1e-3));
            picture.height = 260;
        }
        let _ = writeln!(drawings, "<h4>{}</h4>", escape(&key.who));
        drawings.extend([above.draw()?, below.draw()?].into_iter().flatten());
    }
    Ok((!drawings.is_empty()).then_some(drawings))
}

fn utilisation(runs: &[(&Key, &Run)]) -> Result<Option<String>, String> {
    let curve = |name: String, mmu: &Value| {
        let shares = mmu.as_object().into_iter().flatten();
        let points = shares.filter_map(|(window, share)| {
            let ms: f64 = window.strip_suffix("ms")?.parse().ok()?;
            Some((ms.log10(), share.as_f64()?))
        });
        Series { name, points: points.collect(), style: Style::Marked }
    };
    let mut series = Vec::new();
    for (key, run) in runs {
        series.push(curve(key.who.clone(), &run.extra["mmu"]));
        series.push(curve(format!("{}: on its processor", key.who), &run.extra["mmu_on_cpu"]));
        series.push(curve(format!("{}: control", key.who), &run.extra["control"]["mmu"]));
    }
    Picture::new(log("window, ms"), linear("share"), series).draw()
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

/// How figures grow with objects, mutators and markers.
fn growth_section(grown: &[Run]) -> Result<String, String> {
    let mut page = String::from("<section id=\"growth\"><h2>Growth</h2>\n");
    for growth::Curves { with, figure, curves } in growth::curves(grown) {
        let series = curves.into_iter().map(|(who, points)| {
            let exponent = growth::exponent(&points).map_or(String::new(), |exponent| format!(": n^{exponent:.2}"));
            let points = points.into_iter().map(|(x, y)| (x.log10(), y.max(1e-6).log10())).collect();
            Series { name: format!("{who}{exponent}"), points, style: Style::Marked }
        });
        let mut picture = Picture::new(log(with), log(figure), series.collect());
        picture.height = 280;
        if let Some(drawing) = picture.draw()? {
            let _ = writeln!(page, "<h3>{figure}, by {with}</h3>\n{drawing}");
        }
    }
    Ok(page + "</section>\n")
}
