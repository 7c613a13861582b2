//! `tickwire replay`: says what a recording contains, runs it again and compares every tick. `tickwire forget`: makes a
//! person's part of all recordings unreadable.

use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use tickwire::engine::Hit;
use tickwire::engine::film::{Projector, Zones};
use tickwire::engine::recording::{REVISION, Recording, Rerun};
use tickwire::engine::replay::{Difference, Replay, ReplayError, first_difference};
use tickwire::game::{Game, RoomSetup, SetupError};
use tickwire::server::PersonKeys;
use tickwire::snapshot::Schema;
use tickwire::tap;
use tickwire::tick::Tick;

use crate::config_keys::Flags;
use crate::settings::Settings;
use crate::{complain, fail, misused, say, timeline};

/// What to do with a recording.
#[derive(Args)]
pub struct ReplayArgs {
    /// The recording
    file: PathBuf,
    /// Stop after this tick
    #[arg(long, value_name = "TICK")]
    until: Option<u32>,
    /// Print the rows of this tick, as they were recorded
    #[arg(long, value_name = "TICK")]
    dump: Option<u32>,
    /// Print the first tick and field in which another recording of the room differs, and the inputs of that tick
    #[arg(long, value_name = "OTHER")]
    against: Option<PathBuf>,
    /// Serve its timeline to browsers of this machine, and print the address
    #[arg(long, conflicts_with_all = ["until", "dump", "against", "json"])]
    open: bool,
    /// The port of the timeline, instead of a free one
    #[arg(long, value_name = "PORT", default_value_t = 0, requires = "open")]
    port: u16,
    /// Write a copy that can be run again without keys. It contains names, chat and commands in the clear
    #[arg(long, value_name = "COPY", conflicts_with_all = ["until", "dump", "against"])]
    unseal: Option<PathBuf>,
    /// The folder with the keys of persons [default: the folder "keys" beside the recording]
    #[arg(long, value_name = "FOLDER")]
    keys: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Whom to forget.
#[derive(Args)]
pub struct ForgetArgs {
    /// The identity of the person: the subject of their join tokens
    identity: String,
    #[command(flatten)]
    pub flags: Flags,
}

/// Deletes the key of a person.
pub fn forget(args: &ForgetArgs) -> ExitCode {
    let config = match Settings::load(&args.flags) {
        Ok(settings) => settings.config,
        Err(error) => return misused(&error),
    };
    let keys = [
        (&config.recordings, PersonKeys::in_folder(config.recordings.join("keys"))),
        (&config.data, PersonKeys::for_rooms(config.data.join("keys"))),
        (&config.matches, PersonKeys::for_rooms(config.matches.join("keys"))),
    ];
    if keys.iter().all(|(folder, _)| folder.as_os_str().is_empty()) {
        return misused(
            "recordings, data and matches are not set: name the folders, such as --recordings FOLDER --data FOLDER",
        );
    }
    let mut known = false;
    for (folder, keys) in keys.iter().filter(|(folder, _)| !folder.as_os_str().is_empty()) {
        match keys.forget(&args.identity) {
            Ok(found) => known |= found,
            Err(error) => return fail(&format!("{}: {error}", folder.display())),
        }
    }
    let told = if known {
        "forgotten: recordings with this person can be watched, but not run again; rooms go on without their words, and their \
         matches have no result any more\n"
    } else {
        "there is no recording, no room and no match with this person\n"
    };
    let mut told = told.to_owned();
    if !config.data.as_os_str().is_empty() {
        match tap::note_forgotten(&config.data, &args.identity) {
            Ok(true) => told.push_str("the sinks of the server are told: soon if it runs, else when it starts\n"),
            Ok(false) => {}
            Err(error) => return fail(&format!("{}: the sinks cannot be told: {error}", config.data.display())),
        }
    }
    say(told.as_bytes())
}

/// Opens a recording and does what the arguments ask for.
pub fn run(args: &ReplayArgs) -> ExitCode {
    let recording = match open(&args.file, args.keys.as_deref()) {
        Ok(recording) => recording,
        Err(error) => return fail(&error),
    };
    if let Some(copy) = &args.unseal {
        return unseal(&recording, copy);
    }
    if args.open {
        return timeline::open(recording, args.port);
    }
    if let Some(tick) = args.dump {
        return dump(&recording, Tick(tick), args.json);
    }
    if let Some(other) = &args.against {
        return match open(other, args.keys.as_deref()) {
            Ok(other) => compare(&recording, &other, args.json),
            Err(error) => fail(&error),
        };
    }
    let report = Report::of(&recording, args.until.map(Tick));
    let text = if args.json { format!("{:#}\n", report.json(&recording)) } else { report.text(&recording) };
    let said = say(text.as_bytes());
    if said == ExitCode::SUCCESS { report.verdict() } else { said }
}

fn open(file: &Path, keys: Option<&Path>) -> Result<Recording, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let bytes = fs::read(file).map_err(|error| named(&error))?;
    let mut recording = Recording::decode(&bytes).map_err(|error| named(&error))?;
    let beside = || file.parent().unwrap_or(Path::new("")).join("keys");
    let keys = PersonKeys::in_folder(keys.map_or_else(beside, Path::to_owned));
    recording.open(|sealed| keys.open(sealed)).map_err(|error| named(&error))?;
    if recording.header.revision != REVISION {
        let theirs = recording.header.revision;
        complain(&format!(
            "tickwire: recorded by revision {theirs} of the engine; this is {REVISION}, which may differ"
        ));
    }
    Ok(recording)
}

fn unseal(recording: &Recording, copy: &Path) -> ExitCode {
    match &recording.rerun {
        Rerun::Sealed(_) => return fail(&ReplayError::Sealed.to_string()),
        Rerun::Unknown => return fail(&ReplayError::NoStart.to_string()),
        Rerun::Possible(_) => {}
    }
    match fs::write(copy, recording.encode()) {
        Ok(()) => say(format!("{}: anybody can run and read it\n", copy.display()).as_bytes()),
        Err(error) => fail(&format!("{}: {error}", copy.display())),
    }
}

/// The game of a recording, if it is one of the demo.
pub fn make(name: &str) -> impl FnOnce(&RoomSetup) -> Result<Box<dyn Game>, SetupError> {
    let found = tickwire_games::builtin().into_iter().find(|(game, _)| *game == name);
    let unknown =
        format!("there is no game {name:?} here: replay it with tickwire::testing::replay in your game's tests");
    move |setup| found.ok_or(unknown)?.1(setup)
}

/// What became of a replay.
struct Report {
    ticks: u32,
    compared: u32,
    inputs: usize,
    /// The fairness ledger.
    hits: Vec<Hit>,
    difference: Option<Difference>,
    /// The tick and the hook in which the game panicked.
    panicked: Option<(Tick, &'static str)>,
    error: Option<String>,
}

impl Report {
    fn of(recording: &Recording, until: Option<Tick>) -> Self {
        let (hits, difference, panicked, error) = Default::default();
        let mut report = Self { ticks: 0, compared: 0, inputs: 0, hits, difference, panicked, error };
        let replay = catch_unwind(AssertUnwindSafe(|| Replay::new(recording, make(&recording.header.game))));
        match replay {
            Ok(Ok(mut replay)) => report.follow(&mut replay, until),
            Ok(Err(error)) => report.error = Some(error.to_string()),
            Err(_) => report.panicked = Some((recording.header.ticks.0, "load")),
        }
        report
    }

    fn follow(&mut self, replay: &mut Replay<'_>, until: Option<Tick>) {
        while until.is_none_or(|until| until.is_after(replay.room().frame().tick())) {
            match catch_unwind(AssertUnwindSafe(|| replay.step())) {
                Ok(Ok(None)) => return,
                Ok(Ok(Some(step))) => {
                    (self.ticks, self.inputs) = (self.ticks + 1, self.inputs + step.inputs.len());
                    self.compared += u32::from(step.compared);
                    self.hits.extend(step.hits);
                    self.difference = step.difference;
                    if self.difference.is_some() {
                        return;
                    }
                }
                Ok(Err(error)) => return self.error = Some(error.to_string()),
                Err(_) => {
                    let next = replay.room().frame().tick().plus(1);
                    return self.panicked = Some((next, replay.room().running().unwrap_or("none")));
                }
            }
        }
    }

    /// 0: all ticks are the same. 1: they are not, or the game panicked. 2: it could not be tried.
    fn verdict(&self) -> ExitCode {
        let code = u8::from(self.difference.is_some() || self.panicked.is_some());
        ExitCode::from(if self.error.is_some() { 2 } else { code })
    }

    fn text(&self, recording: &Recording) -> String {
        let header = &recording.header;
        let (first, last) = header.ticks;
        let seconds = last.since(first) / i32::from(header.rate.per_second());
        let mut text = format!(
            "room      {} of {}, {} ticks per second\nreason    {}\nticks     {} to {}, {seconds} s\n",
            header.room,
            header.game,
            header.rate.per_second(),
            header.reason,
            first.0,
            last.0,
        );
        let outcome = match (&self.error, &self.difference, self.panicked) {
            (Some(error), ..) => error.clone(),
            (_, Some(difference), _) => format!("differs from the recording at {difference}"),
            (.., Some((tick, hook))) => format!("the game panics in {hook} at tick {}", tick.0),
            _ => "all ticks are the same".to_owned(),
        };
        let Self { ticks, compared, inputs, .. } = self;
        let _ = writeln!(text, "replay    {ticks} ticks with {inputs} inputs, {compared} ticks compared: {outcome}");
        for Hit { tick, shooter, victim, shooter_behind, victim_behind } in &self.hits {
            let (hit, shown) = (format!("seat {} hits seat {}", shooter.0, victim.0), shooter_behind.as_millis());
            let theirs =
                victim_behind.map_or("an unknown".to_owned(), |behind| format!("a {} ms old", behind.as_millis()));
            let _ = writeln!(
                text,
                "hit       {hit} at tick {}, in a {shown} ms old world; it was shown {theirs} one",
                tick.0
            );
        }
        text
    }

    fn json(&self, recording: &Recording) -> Value {
        let header = &recording.header;
        json!({
            "room": header.room, "game": header.game, "reason": header.reason,
            "rate": header.rate.per_second(), "first_tick": header.ticks.0.0, "last_tick": header.ticks.1.0,
            "ticks": self.ticks, "compared": self.compared, "inputs": self.inputs,
            "hits": self.hits.iter().map(hit_as_json).collect::<Vec<_>>(),
            "difference": self.difference.as_ref().map(ToString::to_string),
            "panicked": self.panicked.map(|(tick, hook)| json!({"tick": tick.0, "hook": hook})),
            "error": self.error,
        })
    }
}

fn hit_as_json(hit: &Hit) -> Value {
    json!({
        "tick": hit.tick.0, "shooter": hit.shooter.0, "victim": hit.victim.0,
        "shooter_behind_ms": hit.shooter_behind.as_secs_f64() * 1000.0,
        "victim_behind_ms": hit.victim_behind.map(|behind| behind.as_secs_f64() * 1000.0),
    })
}

/// Prints the rows of a tick, from the film.
fn dump(recording: &Recording, tick: Tick, as_json: bool) -> ExitCode {
    let schema = &recording.header.schema;
    let mut projector = match Projector::new(schema, &recording.film) {
        Ok(projector) => projector,
        Err(error) => return fail(&error.to_string()),
    };
    while projector.tick() != Some(tick) {
        match projector.advance() {
            Ok(true) => {}
            Ok(false) => {
                let (first, last) = recording.header.ticks;
                return fail(&format!("tick {} is not in the recording: it has {} to {}", tick.0, first.0, last.0));
            }
            Err(error) => return fail(&error.to_string()),
        }
    }
    say(rows(schema, projector.zones(), as_json).as_bytes())
}

fn rows(schema: &Schema, zones: &Zones, as_json: bool) -> String {
    let mut text = String::new();
    let mut all = Vec::new();
    for (id, zone) in zones {
        for row in zone.rows(schema) {
            let kind = &schema.kinds()[usize::from(row.kind.0)];
            let fields = kind.fields.iter().map(|field| field.name.as_str()).zip(row.values);
            if as_json {
                let values: serde_json::Map<String, Value> =
                    fields.map(|(name, value)| (name.to_owned(), (*value).into())).collect();
                all.push(json!({"zone": id.0, "kind": kind.name, "entity": row.id.0, "values": values}));
            } else {
                let values: Vec<String> = fields.map(|(name, value)| format!("{name} {value}")).collect();
                let _ = writeln!(text, "zone {} {} {}: {}", id.0, kind.name, row.id.0, values.join(", "));
            }
        }
    }
    if as_json { format!("{:#}\n", Value::Array(all)) } else { text }
}

/// Prints the first tick in which two recordings of a room differ.
fn compare(recording: &Recording, other: &Recording, as_json: bool) -> ExitCode {
    if recording.header.schema != other.header.schema {
        return fail("the recordings have different schemas");
    }
    let (compared, found) = match diverge(recording, other) {
        Ok(found) => found,
        Err(error) => return fail(&error),
    };
    if compared == 0 {
        return fail("the recordings have no tick in common");
    }
    let inputs = found.as_ref().map(|difference| inputs_of(recording, difference.tick)).unwrap_or_default();
    let text = if as_json {
        let difference = found.as_ref().map(ToString::to_string);
        format!("{:#}\n", json!({"compared": compared, "difference": difference, "inputs": inputs}))
    } else {
        match &found {
            None => format!("{compared} ticks compared: all are the same\n"),
            Some(difference) => {
                let inputs: String = inputs.iter().map(|input| format!("  {input}\n")).collect();
                format!("the first difference: {difference}\ninputs of that tick:\n{inputs}")
            }
        }
    };
    let said = say(text.as_bytes());
    if said == ExitCode::SUCCESS { ExitCode::from(u8::from(found.is_some())) } else { said }
}

fn diverge(recording: &Recording, other: &Recording) -> Result<(u32, Option<Difference>), String> {
    let schema = &recording.header.schema;
    let open = |film| Projector::new(schema, film).map_err(|error| error.to_string());
    let (mut one, mut two) = (open(&recording.film)?, open(&other.film)?);
    let mut compared = 0;
    loop {
        let (Some(first), Some(second)) = (one.tick(), two.tick()) else { return Ok((compared, None)) };
        if first == second {
            compared += 1;
            if let Some(difference) = first_difference(schema, first, one.zones(), two.zones()) {
                return Ok((compared, Some(difference)));
            }
        }
        let behind = if first.is_after(second) { &mut two } else { &mut one };
        if !behind.advance().map_err(|error| error.to_string())? {
            return Ok((compared, None));
        }
    }
}

/// The inputs that led to a tick, if the recording has them.
fn inputs_of(recording: &Recording, tick: Tick) -> Vec<String> {
    let Ok(mut replay) = Replay::new(recording, make(&recording.header.game)) else { return Vec::new() };
    while let Ok(Some(step)) = replay.step() {
        if step.tick == tick {
            return step.inputs.iter().map(|input| format!("{input:?}")).collect();
        }
    }
    Vec::new()
}
