//! The report as a page of text.

use std::fmt;

use super::machine::Load;
use super::objective::Unit;
use super::report::{Churn, FeelFigures, Follow, Offence, Quantiles, Report};
use super::search::Edge;
use super::tally::AttackOutcomes;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(search) = &self.search {
            writeln!(f, "{search}")?;
        }
        let Self { players, joined, rooms, game, seconds, .. } = self;
        let rate = self.rate.map_or_else(|| "?".to_owned(), |rate| rate.to_string());
        writeln!(f, "{joined} of {players} bots in {rooms} rooms of {game}, {rate} ticks/s, {seconds:.1} s")?;
        self.times(f)?;
        self.state(f)?;
        self.bytes(f)?;
        self.others(f)?;
        for (label, Offence { count, first }) in &self.failures {
            writeln!(f, "FAILED: {label}, {count} times, first {first}")?;
        }
        writeln!(f, "\n{:<14} {:>10}  {:>12}", "objective", "at most", "measured")?;
        // The objectives that every run has are shown only if they were broken.
        for judged in self.objectives.iter().filter(|judged| judged.asked || !judged.is_held()) {
            writeln!(f, "{judged}")?;
        }
        let silent: Vec<&str> =
            self.objectives.iter().filter(|j| !j.asked && j.is_held()).map(|judged| judged.name).collect();
        if !silent.is_empty() {
            writeln!(f, "none: {}", silent.join(", "))?;
        }
        write!(f, "{}", self.verdict)
    }
}

impl Report {
    fn times(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moves = (self.moves.count > 0).then_some(("moves of rooms", &self.moves));
        let rows = [
            ("join", &self.join),
            ("input to state", &self.input_to_state),
            ("staleness", &self.staleness),
            ("bots' timers late", &self.timer_lateness),
        ];
        for (label, Quantiles { p50_ms, p99_ms, max_ms, count }) in rows.into_iter().chain(moves) {
            writeln!(f, "{label:<18} p50 {p50_ms:7.2} ms  p99 {p99_ms:7.2} ms  max {max_ms:7.2} ms  of {count}")?;
        }
        if let Some(server) = &self.server {
            let show = |figure: Option<f64>| figure.map_or_else(|| "?".to_owned(), |ms| Unit::Ms.show(ms));
            let (p50, p99) = (show(server.tick_p50_ms), show(server.tick_p99_ms));
            write!(f, "{:<18} p50 {p50:>10}  p99 {p99:>10}  of {}, ", "server's ticks", server.ticks)?;
            writeln!(f, "{} late, {} skipped, {} holds", server.late_ticks, server.skipped_ticks, server.holds)?;
        }
        Ok(())
    }

    fn state(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let single = 100.0 * self.single_tick_share;
        let Self { ticks_covered, ticks_uncovered, ticks_skipped, verified, desyncs, .. } = self;
        write!(f, "{:<18} {ticks_covered} covered, {ticks_uncovered} missing, {single:.2} % one by one, ", "ticks")?;
        writeln!(f, "{ticks_skipped} skipped as the arrivals tell")?;
        write!(f, "{:<18} {verified} bots compared hashes, {desyncs} desyncs, ", "state")?;
        let Self { corrections, inputs_superseded, events, events_lost, .. } = self;
        writeln!(f, "{corrections} corrections, {inputs_superseded} inputs superseded")?;
        let (seen, moved) = (self.players_seen, self.players_moved);
        write!(f, "{:<18} {moved} of {seen} bots that rebuilt the state moved", "movement")?;
        let undriven = self.inputs_undriven.join(", ");
        if undriven.is_empty() {
            writeln!(f)?
        } else {
            writeln!(f, "; inputs never driven: {undriven}")?
        }
        if let Some(FeelFigures { digests, jumps, moves_back, age_p99_ms, silence_ms }) = self.feel {
            write!(
                f,
                "{:<18} {jumps} jumps and {moves_back} moves back in {digests} digests; others at most ",
                "feel"
            )?;
            writeln!(f, "{age_p99_ms:.0} ms old (99 of 100), at most {silence_ms:.0} ms without a frame")?;
        }
        if self.views_compared > 0 {
            let Self { views_compared, views_wrong, .. } = self;
            writeln!(f, "{:<18} {views_compared} pairs in sight of each other compared, {views_wrong} wrong", "views")?;
        }
        writeln!(f, "{:<18} {events} arrived, {events_lost} lost", "events")
    }

    fn bytes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (payload, message) = (self.payload_bytes_per_player_tick, self.message_bytes_per_player_tick);
        write!(f, "{:<18} per player seen and tick: payload {payload:.2}, message {message:.2}; ", "bytes")?;
        writeln!(f, "{:.0} per bot and tick", self.message_bytes_per_tick)?;
        let Self { down_per_second, up_per_second, said_per_second, .. } = self;
        write!(f, "{:<18} per bot and second: down {down_per_second:.0} B, up {up_per_second:.0} B ", "on the wire")?;
        writeln!(f, "in {said_per_second:.1} messages")
    }

    fn others(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Follow { checked, mismatched, corrected }) = self.follow {
            writeln!(f, "{:<18} {checked} positions checked, {mismatched} differ, {corrected} corrected", "follow")?;
        }
        if let Some(Churn { said_farewell, dropped, came_back }) = self.churn {
            write!(f, "{:<18} {said_farewell} left, {dropped} dropped their connection, ", "churn")?;
            let ghosts = self.ghosts.map_or_else(|| "nobody counted seats".to_owned(), |n| format!("{n} ghosts"));
            writeln!(f, "{came_back} came back, {ghosts}")?;
        }
        if let Some(link) = &self.link {
            write!(f, "{:<18} {} ms round trip, ", "link", link.rtt_ms)?;
            writeln!(f, "{} ms jitter, {} connections cut", link.jitter_ms, self.cuts)?;
        }
        for (label, AttackOutcomes { expected, as_expected, otherwise, first }) in &self.attacks {
            write!(f, "{:<18} {label:<14} {as_expected} ended with {expected}", "hostile")?;
            let first = first.as_deref().unwrap_or_default();
            if *otherwise > 0 { writeln!(f, ", {otherwise} otherwise, first {first}")? } else { writeln!(f)? }
        }
        if let Some(Load { bots, server, others, idle, steal, .. }) = self.load {
            let percent = |share: f64| format!("{:.0} %", 100.0 * share);
            let server = server.map_or_else(String::new, |cpu| format!(", the server {}", percent(cpu)));
            write!(f, "{:<18} bots used {} of a core{server}; of the machine ", "processor", percent(bots))?;
            writeln!(f, "others {}, idle {}, steal {:.1} %", percent(others), percent(idle), 100.0 * steal)?;
        }
        Ok(())
    }
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        let held =
            self.held.map_or_else(|| "No number of bots was held".to_owned(), |held| format!("{held} bots held"));
        let so = if self.conclusive { "did not" } else { "gave no verdict" };
        let broke = self.broke.map_or_else(String::new, |broke| format!(", {broke} {so}"));
        writeln!(f, "{held}{broke}: {}", self.ended_by)
    }
}
