//! The directory of a cluster as a model, and as scripts on a real Redis server: the same requests in the same order get the
//! same answers, through leases that end, tickets that expire, restarts and a loss of everything.
//!
//! `TICKWIRE_SEED=7` repeats one sequence; `TICKWIRE_SEEDS` says how many there are.

#[path = "redis/mod.rs"]
mod redis_server;

use std::collections::BTreeMap;
use std::time::Duration;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use redis_server::Redis;
use tickwire::engine::cluster::{
    Answer, Epoch, Legacy, Model, Registration, Request, RoomReport, Script, Summons, Wish,
};

const LEASE: Duration = Duration::from_secs(8);
const STEPS: usize = 300;
const PREFIX: &str = "{test}:";

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
            let sha: String = redis::cmd("SCRIPT").arg("LOAD").arg(text).query(&mut connection).expect("it compiles");
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

/// Requests that make sense often enough, from what was answered so far.
struct Whims {
    random: Pcg32,
    now: u64,
    runs: u32,
    nodes: Vec<Epoch>,
    rooms: Vec<(String, Epoch, u64)>,
    tickets: Vec<String>,
    made: u32,
    versions: Vec<(Epoch, u64)>,
    /// The number of the first and of the next entry of each node's journal.
    journals: BTreeMap<Epoch, (u64, u64)>,
    /// What may be sent again.
    last: Option<Request>,
}

impl Whims {
    fn new(seed: u64) -> Self {
        let (nodes, rooms, tickets, versions, journals) = Default::default();
        Self {
            random: Pcg32::new(seed, 1),
            now: 1_000_000_000_000_000,
            runs: 0,
            nodes,
            rooms,
            tickets,
            made: 0,
            versions,
            journals,
            last: None,
        }
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.random.next_u32() % bound
    }

    fn odds(&mut self, one_in: u32) -> bool {
        self.below(one_in) == 0
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        let index = self.below(of.len().max(1) as u32) as usize;
        of.get(index).cloned()
    }

    fn node(&mut self) -> Epoch {
        let recent = self.nodes.len().saturating_sub(4);
        let nodes = if self.odds(8) { self.nodes.clone() } else { self.nodes[recent..].to_vec() };
        self.one(&nodes).unwrap_or(Epoch(1))
    }

    fn fresh(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what}{}", self.made)
    }

    fn new_tickets(&mut self) -> Vec<String> {
        let count = if self.odds(4) { 3 } else { 1 };
        let tickets: Vec<String> = (0..count).map(|_| self.fresh("t")).collect();
        self.tickets.extend(tickets.clone());
        tickets
    }

    fn ticket(&mut self) -> String {
        let recent = self.tickets.len().saturating_sub(12);
        let tickets = self.tickets[recent..].to_vec();
        self.one(&tickets).unwrap_or_default()
    }

    /// A room, as its node knows it, or another node, or nobody.
    fn room(&mut self) -> (String, Epoch, u64) {
        let recent = self.rooms.len().saturating_sub(10);
        let rooms = self.rooms[recent..].to_vec();
        let (id, node, incarnation) = self.one(&rooms).unwrap_or(("x".to_owned(), Epoch(1), 7));
        let node = if self.odds(6) { self.node() } else { node };
        (id, node, incarnation)
    }

    fn lasts(&mut self) -> Duration {
        Duration::from_millis(u64::from([10_000_u32, 60_000, 1, 3000][self.below(4) as usize]))
    }

    fn shut(&mut self) -> &'static str {
        ["", "", "", "locked", "match_over"][self.below(5) as usize]
    }

    fn next(&mut self) -> Request {
        let asker = self.node();
        let (wish, lasts) = ([Wish::Join, Wish::Join, Wish::Watch, Wish::Create][self.below(4) as usize], self.lasts());
        match self.below(32) {
            0 | 1 => Request::Open {
                lease: LEASE,
                address: self.fresh("ws://"),
                name: "node".to_owned(),
                version: "1".to_owned(),
                most_rooms: 3 + self.below(20) as usize,
                keeps_journal: self.odds(2),
            },
            2..=5 => {
                let (load, players) = (self.below(100), self.below(9) as usize);
                let draining = self.odds(10);
                Request::Beat { node: asker, lease: LEASE, load, players, draining }
            }
            6..=10 => {
                let (game, options) = ([("a", "{}"), ("ab", "{}"), ("a", "b")][self.below(3) as usize], self.odds(5));
                let (game, private) = ((game.0.to_owned(), game.1.to_owned()), options && wish == Wish::Create);
                let id = if self.odds(20) { self.room().0 } else { self.fresh("r") };
                let capacity = 1 + self.below(4) as u16;
                let tickets = self.new_tickets();
                Request::Find { asker, wish, game: game.0, options: game.1, private, capacity, id, lasts, tickets }
            }
            11..=13 => {
                let wish = [Wish::Join, Wish::Watch, Wish::Return][self.below(3) as usize];
                let only_game = self.odds(6).then(|| "a".to_owned());
                let (id, tickets) = (self.room().0, self.new_tickets());
                Request::ById { asker, id, wish, only_game, lasts, tickets }
            }
            14..=16 => {
                let node = if self.odds(2) { self.room().1 } else { asker };
                let redeem = Request::Redeem { node, ticket: self.ticket(), arrives_within: Duration::from_secs(30) };
                self.again(redeem)
            }
            17 | 18 => self.report(),
            19 => self.registration(),
            20 => Request::Publish { node: asker, listing: self.fresh("list") },
            21 => Request::List { parts: self.below(3) as usize, known: self.versions.clone() },
            22 => self.rare(asker),
            23 | 24 => {
                let (id, node, _) = self.room();
                let (waits, saved, tickets) = (self.lasts(), self.fresh("saved"), self.new_tickets());
                Request::HandOver { node, id, waits, saved, lasts, tickets }
            }
            25 => {
                let (id, node, _) = self.room();
                Request::Saved { node, id }
            }
            26 | 27 => self.append(asker),
            28 => {
                let (of, from, count) = (self.node(), self.below(3) as usize, 1 + self.below(9) as usize);
                Request::Journal { node: asker, of, from, count }
            }
            29 | 30 => Request::Fallen { node: asker },
            _ => {
                let lasts = if self.odds(4) { Duration::ZERO } else { Duration::from_secs(3600) };
                Request::Spend { node: asker, mark: format!("m{}", self.below(5)), lasts }
            }
        }
    }

    fn rare(&mut self, node: Epoch) -> Request {
        match self.below(4) {
            0 => Request::Leave { node },
            1 => Request::Boot { lease: LEASE },
            _ => Request::Nodes,
        }
    }

    /// Mostly what follows what the node has appended; sometimes something else.
    fn append(&mut self, node: Epoch) -> Request {
        let (first, next) = self.journals.get(&node).copied().unwrap_or_default();
        let at = if self.odds(4) { u64::from(self.below(6)) } else { next };
        let first = if self.odds(4) { at } else { (first + u64::from(self.below(2))).min(at) };
        let entries: Vec<String> = (0..self.below(4)).map(|_| self.fresh("entry")).collect();
        self.journals.insert(node, (first, at + entries.len() as u64));
        self.again(Request::Append { node, first, at, entries })
    }

    fn again(&mut self, request: Request) -> Request {
        let last = self.last.replace(request.clone());
        if self.odds(3) { last.unwrap_or(request) } else { request }
    }

    fn report(&mut self) -> Request {
        let (_, node, _) = self.room();
        let rooms = (0..1 + self.below(3)).map(|_| {
            let ((id, _, incarnation), capacity) = (self.room(), 1 + self.below(4) as u16);
            let (gone, shut, settled) = (self.odds(6), self.shut(), vec![self.ticket(), self.ticket()]);
            RoomReport { id, incarnation, gone, players: self.below(4) as usize, shut, capacity, settled }
        });
        Request::Report { node, rooms: rooms.collect() }
    }

    fn registration(&mut self) -> Request {
        let rooms = (0..1 + self.below(3)).map(|_| {
            let (id, _, incarnation) = self.room();
            let incarnation = incarnation + u64::from(self.below(2));
            let (game, options, private) = ("a".to_owned(), "{}".to_owned(), self.odds(5));
            let (capacity, players, shut) = (1 + self.below(4) as u16, self.below(4) as usize, self.shut());
            Registration { id, incarnation, game, options, private, capacity, players, shut }
        });
        let rooms = rooms.collect();
        Request::Register { node: self.node(), rooms }
    }

    /// Takes in what was answered.
    fn hear(&mut self, request: &Request, texts: &[String]) {
        let number = |index: usize| texts.get(index).and_then(|text| text.parse::<u64>().ok());
        match (request, Answer::read(texts).unwrap_or_else(|| panic!("{request:?}: {texts:?} is no answer"))) {
            (Request::Open { .. }, Answer::Ok(_)) => self.nodes.extend(number(1).map(Epoch)),
            (_, Answer::There(found)) => self.rooms.push((found.room, found.node, found.incarnation)),
            (Request::Fallen { node }, Answer::Ok(rest)) => {
                let fallen = Summons::read_fallen(&rest).into_iter();
                self.rooms.extend(fallen.map(|room| (room.room, *node, room.incarnation)));
            }
            (Request::Saved { .. }, Answer::Ok(rest)) => {
                let legacy = Legacy::read(&rest).expect("where it goes on from");
                assert!(legacy.nodes.len() <= 3, "a room moves without an end");
            }
            (Request::List { .. }, Answer::Ok(rest)) => {
                let known = rest.chunks(3).map(|part| (part[0].parse().map(Epoch), part[1].parse()));
                self.versions =
                    known.map(|(node, version)| (node.expect("a node"), version.expect("a version"))).collect();
            }
            _ => {}
        }
    }

    fn wait(&mut self) {
        let millis = [0, 0, 1, 300, 1000, 2500][self.below(6) as usize];
        let long = if self.odds(60) { 20_000 } else { 0 };
        self.now += (millis + long) * 1000 + u64::from(self.below(3));
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} = {text}: must be a number")))
}

/// Sends one sequence to both. Returns the first request that they answer differently, if there is one.
fn compare(seed: u64, scripts: &mut Scripts, answers: &mut BTreeMap<String, u64>) -> Result<(), String> {
    let (mut model, mut whims) = (Model::default(), Whims::new(seed));
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
            let (ours, theirs) = (model.answer(whims.now, &run, request), scripts.answer(whims.now, &run, request));
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
        ("if call('HGET', P .. 'room:' .. id, 'node') ~= me then return { 'none' } end\nlocal best", "local best"),
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
        // A beat of a node that was removed counts.
        ("if not is_node(ARGV[1]) then return { 'fenced', boot[1]", "if false then return { 'fenced', boot[1]"),
    ] {
        let plant = |text: String| text.replace(right, wrong);
        let found = Script::ALL.iter().any(|script| script.text().contains(right));
        assert!(found, "no script has {right}");
        let mut scripts = Scripts::load(&redis, plant);
        let differs = (0..100).any(|seed| compare(seed, &mut scripts, &mut BTreeMap::new()).is_err());
        assert!(differs, "{wrong:?} for {right:?} was not noticed");
    }
}
