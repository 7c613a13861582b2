//! The vectors of simulated links: the browser client has links of its own, which must be the same.

use serde_json::{Value, json};
use tickwire::engine::link::Profile;
use tickwire::tick::Moment;

/// When messages arrive that are sent over each link every 20 ms, in both directions, in microseconds; those that are
/// lost never do.
pub fn links() -> Value {
    let vectors = Profile::all().into_iter().map(|(name, profile)| {
        let (up, down) = profile.links(Moment(0), 7);
        let [up, down] = [up, down].map(|mut link| {
            let mut arrivals = Vec::new();
            for n in 0..600_u64 {
                link.send(Moment(n * 20_000), vec![0; 40 + (n % 50 * 20) as usize]);
            }
            while let Some(at) = link.next_event() {
                arrivals.extend(link.poll(at).map(|_| at.0));
            }
            let cut = link.next_cut(Moment(0)).map(|(start, end)| [start.0, end.0]);
            json!({ "arrivals": arrivals, "cut": cut })
        });
        json!({ "name": name, "up": up, "down": down })
    });
    vectors.collect()
}
