//! What this project promises, beside what was found.

use crate::RATE;
use crate::candidate::Candidate;
use crate::report::Row;

/// What this project promises of one room, beside what was found with one number of players.
pub fn promises(rows: &[Row]) -> String {
    let mut text = String::new();
    let Some(own) = row(rows, Candidate::Tickwire) else { return text };
    let mut promise = |what: &str, found: Option<f64>, judged: bool, kept: fn(f64) -> bool| {
        text.push_str(&promised(what, found, judged, kept));
    };
    let quiet = |other: Option<&Row>| own.is_quiet() && other.is_some_and(Row::is_quiet);
    let (floor, colyseus) = (row(rows, Candidate::Floor), row(rows, Candidate::Colyseus));
    let floors = own.units.map(|one| one.median);
    promise("CPU per update, in floors, at most 1.5", floors, quiet(floor), |found| found <= 1.5);
    let cpu = colyseus.map(|other| own.cpu.median / other.cpu.median);
    promise("CPU per update, of Colyseus's, at most 0.6", cpu, quiet(colyseus), |found| found <= 0.6);
    // Who is short of time sends fewer and longer updates, but nobody else's bytes.
    let payload = |other: Option<&Row>| other.map(|other| other.payload.median / own.payload.median);
    let (float32, quantised) = (payload(colyseus), payload(row(rows, Candidate::ColyseusQuantised)));
    promise("payload less than Colyseus's, times at least 20", float32, own.stands(), |found| found >= 20.0);
    promise("payload less than its quantised, times at least 12", quantised, own.stands(), |found| found >= 12.0);
    promise("KiB per idle connection, at most 20", Some(own.memory.median), own.stands(), |found| found <= 20.0);
    text
}

/// What it promises of large worlds, beside what was found with all numbers of players.
pub fn wide_promises(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut costs = Vec::new();
    let mut sizes: Vec<usize> = rows.iter().map(|row| row.clients).collect();
    sizes.dedup();
    for players in sizes {
        let sized: Vec<Row> = rows.iter().filter(|row| row.clients == players).cloned().collect();
        let Some(own) = row(&sized, Candidate::TickwireZones) else { continue };
        costs.push((own.cpu.median, own.is_quiet()));
        let (rooms, views) = (row(&sized, Candidate::TickwireRooms), row(&sized, Candidate::ColyseusViews));
        let units = own.units.map(|one| one.median);
        let quiet = own.is_quiet() && rooms.is_some_and(Row::is_quiet);
        let what = format!("{players} players: CPU per update, in that of plain rooms, at most 1.3");
        text.push_str(&promised(&what, units, quiet, |found| found <= 1.3));
        let payload = rooms.map(|rooms| own.payload.median / rooms.payload.median);
        let what = format!("{players} players: payload, in that of plain rooms, at most 2");
        text.push_str(&promised(&what, payload, own.stands(), |found| found <= 2.0));
        // Those that do not keep up would need at least this for all updates that were due.
        let due = |row: &Row| row.server_share.median * 1e6 / (players as f64 * f64::from(RATE));
        let quiet = own.is_quiet() && views.is_some_and(|row| row.is_quiet() || row.is_overloaded());
        let what = format!("{players} players: CPU per update due, Colyseus's with views in ours, at least 5");
        text.push_str(&promised(&what, views.map(|row| due(row) / due(own)), quiet, |found| found >= 5.0));
    }
    let most = costs.iter().map(|cost| cost.0).fold(0.0, f64::max);
    let least = costs.iter().map(|cost| cost.0).fold(f64::INFINITY, f64::min);
    let growth = (costs.len() > 1).then_some(most / least);
    let what = "CPU per update, the most of all sizes in the least, at most 1.2";
    text.push_str(&promised(what, growth, costs.iter().all(|cost| cost.1), |found| found <= 1.2));
    text
}

fn row(rows: &[Row], candidate: Candidate) -> Option<&Row> {
    rows.iter().find(|row| row.candidate == candidate.name())
}

/// A line of the report; none when nothing was found.
fn promised(what: &str, found: Option<f64>, judged: bool, kept: fn(f64) -> bool) -> String {
    let verdict = match (judged, found.is_some_and(kept)) {
        (false, _) => "no verdict",
        (true, true) => "kept",
        (true, false) => "MISSED",
    };
    found.map(|found| format!("  {what}: {found:.2}, {verdict}\n")).unwrap_or_default()
}
