//! The directory of a cluster as a model, and as scripts on a real Redis server: the same requests in the same order get the
//! same answers, through leases that end, tickets that expire, restarts and a loss of everything.
//!
//! `TICKWIRE_SEED=7` repeats one sequence; `TICKWIRE_SEEDS` says how many there are.

mod ports;
#[path = "redis/mod.rs"]
mod redis_server;
mod whims;

use std::collections::BTreeMap;
use std::time::Duration;

use redis_server::Redis;
use tickwire::engine::channels::Presence;
use tickwire::engine::cluster::{ChannelRequest, Model, Request, Script};
use whims::Whims;

const LEASE: Duration = Duration::from_secs(8);
const STEPS: usize = 300;
const PREFIX: &str = "{test}:";
/// Entries that the log of channels keeps here: few, so that readers miss some.
const ENTRIES: usize = 12;

/// The scripts on a server, with a clock and starts that the test sets.
struct Scripts {
    connection: redis::Connection,
    shas: BTreeMap<Script, String>,
}

impl Scripts {
    /// Loads them as `plant` changes them.
    fn load(redis: &Redis, plant: impl Fn(String) -> String) -> Self {
        let client = redis::Client::open(redis.url()).expect("a URL");
        let mut connection = client.get_connection().expect("it listens");
        let shas = Script::ALL.map(|script| {
            let text = plant(script.text());
            let (before, clock) = text.split_once("--[[ clock ]]").expect("it has a clock");
            let (_, after) = clock.split_once("--[[ end ]]").expect("the clock ends");
            let clock = "local function clock() return tonumber(call('GET', 'clock')) end \
                         local function run_id() return call('GET', 'run') end";
            let text = [before, clock, after].concat();
            let kept = text.replace("P .. 'channels', 10000", &format!("P .. 'channels', {ENTRIES}"));
            assert_ne!(kept, text, "the log has a length");
            let sha: String = redis::cmd("SCRIPT").arg("LOAD").arg(kept).query(&mut connection).expect("it compiles");
            (script, sha)
        });
        Self { connection, shas: shas.into() }
    }

    fn forget(&mut self) {
        redis::cmd("FLUSHALL").exec(&mut self.connection).expect("it forgets");
    }

    fn answer(&mut self, now: u64, run: &str, request: &Request) -> Vec<String> {
        redis::cmd("MSET").arg(&["clock", &now.to_string(), "run", run]).exec(&mut self.connection).expect("it is set");
        let mut call = redis::cmd("EVALSHA");
        call.arg(&self.shas[&request.script()]).arg(1).arg(PREFIX).arg(request.args());
        // What a script answers that failed differs from whatever the model says.
        call.query(&mut self.connection).unwrap_or_else(|error| vec![error.to_string()])
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} = {text}: must be a number")))
}

/// Redis tells members in any order.
fn in_order(request: &Request, mut texts: Vec<String>) -> Vec<String> {
    const HEAD: usize = 5;
    if matches!(request, Request::Channels(ChannelRequest::Roster { .. })) && texts.len() > HEAD {
        let rest = texts.split_off(HEAD);
        let mut members: Vec<_> = rest.chunks(Presence::FIELDS).collect();
        members.sort();
        texts.extend(members.concat());
    }
    texts
}

/// Sends one sequence to both. Returns the first request that they answer differently, if there is one.
fn compare(seed: u64, scripts: &mut Scripts, answers: &mut BTreeMap<String, u64>) -> Result<(), String> {
    let (mut model, mut whims) = (Model::keeping(ENTRIES), Whims::new(seed));
    scripts.forget();
    for step in 0..STEPS {
        whims.wait();
        if whims.odds(80) {
            whims.runs += 1;
            if whims.odds(2) {
                model.forget();
                scripts.forget();
            }
        }
        let (run, request) = (format!("run {}", whims.runs), whims.next());
        let mut differ = |request: &Request| {
            let sort = |texts| in_order(request, texts);
            let ours = sort(model.answer(whims.now, &run, request));
            let theirs = sort(scripts.answer(whims.now, &run, request));
            let same = ours == theirs;
            let text = || format!("seed {seed}, step {step}: {request:?}: {ours:?} in the model, {theirs:?} in Redis");
            if same { Ok(theirs) } else { Err(text()) }
        };
        let texts = differ(&request)?;
        *answers.entry(format!("{:?} {}", request.script(), texts[0])).or_default() += 1;
        if texts == ["boot"] {
            differ(&Request::Boot { lease: LEASE })?;
            continue;
        }
        whims.hear(&request, &texts);
    }
    Ok(())
}

#[test]
fn the_scripts_decide_as_the_model_does() {
    let redis = Redis::start();
    let mut scripts = Scripts::load(&redis, |text| text);
    let seeds = match number("TICKWIRE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("TICKWIRE_SEEDS").unwrap_or(100).min(10_000),
    };
    let is_short = seeds.end - seeds.start < 50;
    let mut answers = BTreeMap::<String, u64>::new();
    for seed in seeds {
        compare(seed, &mut scripts, &mut answers).unwrap_or_else(|text| panic!("{text}"));
    }
    // The sequences reach every answer.
    for wanted in
        ["Find there", "Find wait", "Find small", "ById wait", "ById none", "ById full", "ById shut", "ById other"]
            .into_iter()
            .chain([
                "Redeem here",
                "Redeem none",
                "Redeem elsewhere",
                "HandOver there",
                "HandOver none",
                "HandOver full",
                "Saved ok",
                "Saved none",
                "Beat fenced",
                "Beat boot",
                "Spend used",
                "Find fenced",
                "Append ok",
                "Append gap",
                "Append fenced",
                "Journal ok",
                "Fallen ok",
                "Announce ok",
                "Announce fenced",
                "Follow ok",
                "Follow gap",
                "Roster ok",
            ])
    {
        assert!(is_short || answers.contains_key(wanted), "{wanted} was never answered: {answers:?}");
    }
}

/// Mistakes that would give a room to two owners or a place to two players, one per script.
#[test]
fn scripts_that_are_wrong_are_found() {
    let redis = Redis::start();
    for (right, wrong) in [
        // A counter that starts again after everything was forgotten.
        ("math.max(given + 1, NOW, least or 0)", "given + 1"),
        // Nodes whose leases have ended are removed while others still register.
        ("if registering() then return end", ""),
        // Rooms are registered when they may be elsewhere by now.
        ("elseif registering() and (not", "elseif (not"),
        // A place is free again as soon as its ticket is shown.
        ("'XX', text(NOW + ARGV[3])", "'XX', text(NOW)"),
        // A ticket is good twice.
        ("or ticket[4] == '1' or", "or"),
        // A room is handed over by a node that does not have it.
        ("if call('HGET', P .. 'room:' .. id, 'node') ~= me then return { 'none' } end\nlocal found", "local found"),
        // What a room began with is given to the node that gave it away.
        ("if room[1] ~= ARGV[1] or not (", "if not ("),
        // What a node appends counts that was removed.
        ("if not is_node(me) then return { 'fenced' } end\nlocal node, journal", "local node, journal"),
        // A room is given to two nodes.
        ("call('SREM', P .. 'rooms:' .. node, id)\n  call('SADD'", "call('SADD'"),
        // What a room goes on from is forgotten when the next node fails, too.
        ("if room[1] == '0' and room[2] then from", "if false then from"),
        // What a node reports of a room that left and came back counts for the room that it has now.
        ("elseif room[2] == ARGV[at + 1] and state", "elseif state"),
        // What a node tells again counts twice.
        ("if first + index > known then", "if true then"),
        // Members that were present by a node that is gone stay.
        ("call('ZREM', NODES, node)\n  end_presences(node)", "call('ZREM', NODES, node)"),
        // A reader does not learn that it has missed something ...
        ("if tonumber(first) ~= after + 1 then return { 'gap' } end", ""),
        // ... or that the log has forgotten everything.
        ("text(NOW), 'NX')", "'0', 'NX')"),
        // A beat of a node that was removed counts.
        ("if not is_node(ARGV[1]) then return { 'fenced', boot[1]", "if false then return { 'fenced', boot[1]"),
    ] {
        let plant = |text: String| text.replace(right, wrong);
        let found = Script::ALL.iter().any(|script| script.text().contains(right));
        assert!(found, "no script has {right}");
        let mut scripts = Scripts::load(&redis, plant);
        // Some mistakes show in one sequence of a hundred.
        let found = (0..2000).find(|seed| compare(*seed, &mut scripts, &mut BTreeMap::new()).is_err());
        let seed = found.unwrap_or_else(|| panic!("{wrong:?} for {right:?} was not noticed"));
        println!("{wrong:?} for {right:?} is noticed by seed {seed}");
    }
}
