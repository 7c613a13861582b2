//! A fence that is wrong on purpose: what the history of a cluster is checked for must be found in it.

use tokio::time::sleep;

use crate::history::{check, read};
use crate::nodes::lease;
use crate::redis::Redis;
use crate::relay::Plant;
use crate::run;
use crate::stage::Stage;

/// Replacements of the same length, so that a relay can make them in passing.
const NO_FENCE: &[Plant] = &[
    // The journal takes what a node appends whose lease has ended ...
    (
        "if not is_node(me) then return { 'fenced' } end\nlocal node, journal",
        "if false           then return { 'fenced' } end\nlocal node, journal",
    ),
    // ... and nothing tells that node that it was removed.
    (
        "if not is_node(ARGV[1]) then return { 'fenced', boot[1]",
        "if false                then return { 'fenced', boot[1]",
    ),
];

#[test]
fn the_history_shows_that_the_fence_is_wrong() {
    run(async {
        let redis = Redis::start_settled();
        let mut stage = Stage::set_planted("no fence", &redis, NO_FENCE).await;
        let (cut, rooms) = stage.fullest();
        let taken = stage.taken_over();
        let relay = cut.relay.as_ref().expect("it has one");
        stage.fails();
        relay.set_silent(true);
        stage.goes_on(taken, rooms).await;
        relay.set_silent(false);
        // What its rooms did before they stood still is appended now, and accepted.
        sleep(lease()).await;
        let findings = check(&read(&stage.break_off()), false);
        let doubles = findings.faults.iter().filter(|fault| fault.contains("has two owners")).count();
        println!("{doubles} records of a second owner, of {}: {:?}", findings.records, findings.faults.first());
        assert!(doubles > 0, "of {} records, none was found: {:?}", findings.records, findings.faults);
    });
}
