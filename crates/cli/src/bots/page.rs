//! The report as one self-contained HTML page: objectives, outcomes and charts.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::chart::{Chart, LIMIT, Line};
use super::objective::{Judged, Unit};
use super::report::{Point, Report};
use super::search::Step;
use super::series::Sample;
use super::verdict::Verdict;

/// Renders the page.
///
/// # Errors
/// When a chart cannot be drawn.
pub fn page(report: &Report) -> Result<String, String> {
    let mut body = String::new();
    head(&mut body, report);
    search(&mut body, report)?;
    figures(&mut body, report);
    body.push_str("<div class=\"tables\">");
    objectives(&mut body, report);
    attacks(&mut body, report);
    body.push_str("</div><section class=\"charts\">");
    for chart in charts(report).iter().filter(|chart| !chart.is_empty()) {
        figure(&mut body, chart)?;
    }
    body.push_str("</section>");
    details(&mut body, report);
    let title = format!("{} bots, {}", report.players, word(report));
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n",
        escape(&title)
    ))
}

const STYLE: &str = include_str!("page.css");

fn word(report: &Report) -> &'static str {
    match report.verdict.exit_code() {
        0 => "held",
        1 => "broken",
        _ => "no verdict",
    }
}

/// Escapes text that may come from a server or a command line.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn put(out: &mut String, text: std::fmt::Arguments) {
    out.write_fmt(text).expect("writing to a string cannot fail");
}

fn head(out: &mut String, report: &Report) {
    let Report { players, rooms, game, url, seconds, .. } = report;
    let rate = report.rate.map_or_else(|| "?".to_owned(), |rate| rate.to_string());
    let (game, url, word) = (escape(game), escape(url), word(report));
    let class = word.replace(' ', "-");
    put(out, format_args!("<header><p class=\"verdict {class}\">{word}</p><h1>{players} bots in {rooms} "));
    let plural = if *rooms == 1 { "room" } else { "rooms" };
    put(out, format_args!("{plural} of {game} at {rate} Hz</h1><p class=\"dim\">{url}, {seconds:.0} s"));
    put(out, format_args!(", seed {}</p>", report.seed));
    if let Verdict::Broken(reasons) | Verdict::None(reasons) = &report.verdict {
        let reasons: String = reasons.iter().map(|reason| format!("<li>{}</li>", escape(reason))).collect();
        put(out, format_args!("<ul class=\"reasons\">{reasons}</ul>"));
    }
    out.push_str("</header>");
}

fn search(out: &mut String, report: &Report) -> Result<(), String> {
    let Some(edge) = &report.search else { return Ok(()) };
    let number = |found: Option<u32>| found.map_or_else(|| "none".to_owned(), |n| n.to_string());
    let (held, broke, by) = (number(edge.held), number(edge.broke), escape(&edge.ended_by));
    let so = if edge.conclusive { "did not" } else { "gave no verdict" };
    put(out, format_args!("<section><h2>The edge</h2><p><b>{held}</b> bots held, <b>{broke}</b> {so}: {by}</p>"));
    // Of several attempts with one number, the last counts.
    let steps: BTreeMap<u32, &Step> = edge.steps.iter().map(|step| (step.players, step)).collect();
    let line = |name: &str, colour, value: fn(&Step) -> Option<f64>| {
        let points = steps.iter().filter_map(|(players, step)| Some((f64::from(*players), value(step)?))).collect();
        Line { name: name.to_owned(), colour, points }
    };
    let x = |players: &f64| format!("{players:.0}");
    let times = vec![
        line("latency p99", 1, |step| Some(step.latency_p99_ms)),
        line("staleness p99", 0, |step| Some(step.staleness_p99_ms)),
        line("server's tick p99", 2, |step| step.tick_p99_ms),
    ];
    let cpu = vec![
        line("server", 0, |step| step.server_cpu.map(|cpu| 100.0 * cpu)),
        line("bots", 1, |step| step.bots_cpu.map(|cpu| 100.0 * cpu)),
    ];
    out.push_str("<div class=\"charts\">");
    let by_bots = [
        Chart { title: "Time by number of bots", unit: "ms", x, lines: times },
        Chart { title: "Processor by number of bots (100 % is one core)", unit: "%", x, lines: cpu },
    ];
    by_bots.iter().filter(|chart| !chart.is_empty()).try_for_each(|chart| figure(out, chart))?;
    out.push_str("</div><table><tr><th>bots<th>latency p99<th>staleness p99<th class=\"text\">outcome</tr>");
    for step in &edge.steps {
        let (players, latency, stale) = (step.players, step.latency_p99_ms, step.staleness_p99_ms);
        let outcome = match &step.verdict {
            Verdict::Held => "held".to_owned(),
            other => escape(&other.to_string()),
        };
        put(
            out,
            format_args!("<tr><td>{players}<td>{latency:.1} ms<td>{stale:.1} ms<td class=\"text\">{outcome}</tr>"),
        );
    }
    out.push_str("</table><h2>The last run that held</h2></section>");
    Ok(())
}

fn figures(out: &mut String, report: &Report) {
    out.push_str("<section class=\"tiles\">");
    tiles(out, report);
    out.push_str("</section>");
}

fn tiles(out: &mut String, report: &Report) {
    let mut tile = |name: &str, value: String, more: String| {
        put(out, format_args!("<div class=\"tile\"><span>{name}</span><b>{value}</b><span>{more}</span></div>"));
    };
    let ms = |figure| Unit::Ms.show(figure);
    let (latency, stale) = (&report.input_to_state, &report.staleness);
    tile("input to state, p99", ms(latency.p99_ms), format!("p50 {}, max {}", ms(latency.p50_ms), ms(latency.max_ms)));
    tile("staleness, p99", ms(stale.p99_ms), format!("p50 {}, max {}", ms(stale.p50_ms), ms(stale.max_ms)));
    if let Some(server) = report.server {
        let show = |figure: Option<f64>| figure.map_or_else(|| "?".to_owned(), ms);
        let more = format!("{} late, {} skipped of {}", server.late_ticks, server.skipped_ticks, server.ticks);
        tile("server's tick, p99", show(server.tick_p99_ms), more);
    }
    let up = format!("up {:.0} B/s in {:.1} messages", report.up_per_second, report.said_per_second);
    tile("down per client", format!("{:.0} B/s", report.down_per_second), up);
    if let Some(load) = report.load {
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        let server = load.server.map_or_else(|| "?".to_owned(), percent);
        let (bots, idle, steal) = (percent(load.bots), percent(load.idle), percent(load.steal));
        tile("server of a core", server, format!("bots {bots}, idle {idle}, steal {steal}"));
    }
    let checked = format!("{} bots compared hashes", report.verified);
    tile("desyncs", report.desyncs.to_string(), checked);
}

fn charts(report: &Report) -> Vec<Chart> {
    let line = |name: &str, colour, value: fn(&Sample) -> Option<f64>| {
        let points = report.series.iter().filter_map(|sample| Some((sample.at, value(sample)?))).collect();
        Line { name: name.to_owned(), colour, points }
    };
    let chart = |title, unit, lines| Chart { title, unit, x: seconds, lines };
    let with = |mut lines: Vec<Line>, limit: &str| {
        lines.extend(limit_line(report, limit));
        lines
    };
    let latency = vec![
        line("p50", 0, |sample| sample.latency.some(|latency| latency.p50_ms)),
        line("p99", 1, |sample| sample.latency.some(|latency| latency.p99_ms)),
        line("max", 2, |sample| sample.latency.some(|latency| latency.max_ms)),
    ];
    let ticks =
        vec![line("p50", 0, |sample| sample.server?.tick_p50_ms), line("p99", 1, |sample| sample.server?.tick_p99_ms)];
    let missed = vec![
        line("late", 0, |sample| Some(sample.server?.late_ticks as f64)),
        line("skipped", 1, |sample| Some(sample.server?.skipped_ticks as f64)),
    ];
    let bytes = vec![
        line("down", 0, |sample| Some(sample.down_per_second)),
        line("up", 1, |sample| Some(sample.up_per_second)),
    ];
    let processor = vec![
        line("server", 0, |sample| Some(100.0 * sample.load?.server?)),
        line("bots", 1, |sample| Some(100.0 * sample.load?.bots)),
        line("others", 2, |sample| sample.load.map(|load| 100.0 * load.others * load.cores)),
        line("steal", 3, |sample| sample.load.map(|load| 100.0 * load.steal * load.cores)),
    ];
    let late = line("p99", 1, |sample| sample.lateness.some(|lateness| lateness.p99_ms));
    vec![
        chart("Input to state", "ms", with(latency, "latency_p99")),
        shares(report),
        chart("The server's ticks", "ms", with(ticks, "tick_p99")),
        chart("Ticks late and skipped, per second", "", missed),
        chart("Bytes on the wire per bot and second", "B", with(bytes, "bytes_down")),
        chart("Processor (100 % is one core)", "%", processor),
        chart("Bots in their rooms", "", vec![line("live", 0, |sample| Some(sample.live as f64))]),
        chart("The bots' own timers late", "ms", vec![late]),
    ]
}

/// An objective's limit as a horizontal line.
fn limit_line(report: &Report, name: &str) -> Option<Line> {
    let judged = report.objectives.iter().find(|judged| judged.name == name && judged.asked)?;
    let ends = [report.series.first()?.at, report.series.last()?.at];
    let points = ends.map(|at| (at, judged.limit)).to_vec();
    Some(Line { name: format!("{name} at most {}", judged.unit.show(judged.limit)), colour: LIMIT, points })
}

/// Percentile curves. The last thousandth is as wide as the first nine tenths.
fn shares(report: &Report) -> Chart {
    let curve = |name: &str, colour, points: &[Point]| {
        let nines = |point: &Point| (-(1.0 - point.share).log10(), point.ms);
        Line { name: name.to_owned(), colour, points: points.iter().map(nines).collect() }
    };
    let lines = vec![curve("input to state", 0, &report.latency_curve), curve("staleness", 1, &report.staleness_curve)];
    Chart { title: "Share of all that took no longer", unit: "ms", x: |nines| percentile(*nines), lines }
}

/// Formats seconds: whole ones where the axis is long enough.
fn seconds(at: &f64) -> String {
    if at.fract().abs() < 0.05 { format!("{at:.0} s") } else { format!("{at:.1} s") }
}

/// Formats a number of nines: "99.9 %" for three.
fn percentile(nines: f64) -> String {
    let percent = 100.0 * (1.0 - 10_f64.powf(-nines));
    let digits = (nines.round() as usize).saturating_sub(2);
    format!("{percent:.digits$} %")
}

fn figure(out: &mut String, chart: &Chart) -> Result<(), String> {
    put(out, format_args!("<figure><figcaption>{}<span class=\"legend\">", chart.title));
    for line in chart.lines.iter().filter(|line| !line.points.is_empty()) {
        put(out, format_args!("<span class=\"c{}\">{}</span>", line.colour, escape(&line.name)));
    }
    put(out, format_args!("</span></figcaption>{}</figure>", chart.svg()?));
    Ok(())
}

fn objectives(out: &mut String, report: &Report) {
    out.push_str(
        "<section><h2>Objectives</h2><table><tr><th class=\"text\">name<th>at most<th>measured<th>outcome</tr>",
    );
    // The objectives that every run has are shown only if they were broken.
    let (told, silent): (Vec<&Judged>, Vec<_>) =
        report.objectives.iter().partition(|judged| judged.asked || !judged.is_held());
    for judged in told {
        let (name, limit, found, word) = (judged.name, judged.unit.show(judged.limit), judged.found(), judged.word());
        put(out, format_args!("<tr class=\"{word}\"><td class=\"text\">{name}<td>{limit}<td>{found}<td>{word}</tr>"));
    }
    let silent: Vec<&str> = silent.iter().map(|judged| judged.name).collect();
    let span = "<tr><td class=\"text dim\" colspan=\"4\">";
    if !silent.is_empty() {
        put(out, format_args!("{span}0, as demanded of every run: {}</tr>", silent.join(", ")));
    }
    out.push_str("</table></section>");
}

fn attacks(out: &mut String, report: &Report) {
    if report.attacks.is_empty() {
        return;
    }
    out.push_str(
        "<section><h2>Hostile bots</h2><table><tr><th class=\"text\">offence<th>code<th>so ended<th>otherwise</tr>",
    );
    for (label, attacks) in &report.attacks {
        let class = if attacks.otherwise > 0 { "broken" } else { "held" };
        let (code, so, otherwise) = (attacks.expected, attacks.as_expected, attacks.otherwise);
        put(
            out,
            format_args!("<tr class=\"{class}\"><td class=\"text\">{label}<td>{code}<td>{so}<td>{otherwise}</tr>"),
        );
    }
    out.push_str("</table></section>");
}

/// Everything else, in the format that the command prints.
fn details(out: &mut String, report: &Report) {
    put(out, format_args!("<section><h2>In full</h2><pre>{}</pre></section>", escape(&report.to_string())));
}
