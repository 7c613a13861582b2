//! `tickwire measure`: what movement costs on the wire, from a recording or a generated clip.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use tickwire::TickRate;
use tickwire_cli::measure::{Clip, Plan, Range, Report, Style, generate, measure};

use crate::{misused, say};

/// Options of `tickwire measure`.
#[derive(Args, Clone)]
pub struct MeasureArgs {
    /// The recording: CSV with the columns frame, entity and then numeric fields, sorted by frame; one frame per tick
    #[arg(value_name = "FILE", required_unless_present = "clip", conflicts_with = "clip")]
    file: Option<PathBuf>,
    /// Generate movement instead, with x and y in metres
    #[arg(long, value_enum)]
    clip: Option<Moves>,
    /// Entities of a generated clip
    #[arg(long, value_name = "N", default_value = "22", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    entities: u32,
    /// Frames of a generated clip
    #[arg(long, value_name = "N", default_value = "600", value_parser = clap::value_parser!(u32).range(2..=100_000))]
    frames: u32,
    /// The seed of a generated clip
    #[arg(long, default_value = "1")]
    seed: u64,
    /// The step of all fields, or of one: `1/64`, `0.5`, `x=1/64`; may be repeated
    #[arg(long, value_name = "[FIELD=]STEP", default_value = "1/64", value_parser = named::<Step>)]
    step: Vec<Named<Step>>,
    /// The range of a field, such as `x=0..105`, instead of the range of the clip's values; may be repeated
    #[arg(long, value_name = "FIELD=LOW..HIGH", allow_hyphen_values = true, value_parser = named::<Span>)]
    range: Vec<Named<Span>>,
    /// A field in degrees that is coded as an angle of this many bits, such as `heading=8`; may be repeated
    #[arg(long, value_name = "FIELD=BITS", value_parser = named::<Bits>)]
    angle: Vec<Named<Bits>>,
    /// A field that is not extrapolated, such as a score; may be repeated
    #[arg(long, value_name = "FIELD")]
    hold: Vec<String>,
    /// Frames per second of the clip, which become the room's ticks per second
    #[arg(long, value_name = "HZ", default_value = "20", value_parser = clap::value_parser!(u16).range(1..=120))]
    rate: u16,
    /// Print all figures as JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Moves {
    /// Entities steer with inertia
    Smooth,
    /// The same, with noise of a few centimetres
    Noisy,
    /// Entities stand, run at full speed at once, and stand again
    Stopgo,
    /// Entities walk in eight directions at one speed
    Walk,
}

/// `FIELD=VALUE`, or a value for all fields.
#[derive(Clone)]
struct Named<T> {
    field: Option<String>,
    value: T,
}

fn named<T: FromStr<Err = String>>(text: &str) -> Result<Named<T>, String> {
    // Ranges and steps contain no equals sign, but a field's name may.
    let (field, value) = match text.rsplit_once('=') {
        Some((field, value)) => (Some(field.to_owned()), value),
        None => (None, text),
    };
    Ok(Named { field, value: value.parse()? })
}

#[derive(Clone, Copy)]
struct Step(f64);

impl FromStr for Step {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<f64>().ok();
        let step = match text.split_once('/') {
            Some((over, under)) => number(over).zip(number(under)).map(|(over, under)| over / under),
            None => number(text),
        };
        match step {
            Some(step) if step.is_finite() && step > 0.0 => Ok(Self(step)),
            _ => Err("must be a step such as 1/64 or 0.5".to_owned()),
        }
    }
}

#[derive(Clone, Copy)]
struct Span(Range);

impl FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once("..").and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
        match parsed {
            Some((low, high)) if low < high && f64::is_finite(high - low) => Ok(Self(Range { low, high })),
            _ => Err("must be a range such as x=0..105".to_owned()),
        }
    }
}

#[derive(Clone, Copy)]
struct Bits(u8);

impl FromStr for Bits {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(bits @ 1..=16) => Ok(Self(bits)),
            _ => Err("must be 1 to 16 bits, such as heading=8".to_owned()),
        }
    }
}

/// Measures and prints.
pub fn run(args: &MeasureArgs) -> ExitCode {
    let measured = report(args).and_then(|report| {
        if !args.json {
            return Ok(report.to_string());
        }
        serde_json::to_string_pretty(&report).map_err(|error| error.to_string())
    });
    match measured {
        Ok(text) => say(format!("{text}\n").as_bytes()),
        Err(error) => misused(&error),
    }
}

fn report(args: &MeasureArgs) -> Result<Report, String> {
    let (name, clip) = clip(args)?;
    measure(&name, &clip, &plan(args)?).map_err(|error| error.to_string())
}

fn clip(args: &MeasureArgs) -> Result<(String, Clip), String> {
    if let Some(moves) = args.clip {
        let (name, style) = match moves {
            Moves::Smooth => ("smooth", Style::Smooth),
            Moves::Noisy => ("noisy", Style::Noisy),
            Moves::Stopgo => ("stopgo", Style::StopGo),
            Moves::Walk => ("walk", Style::Walk),
        };
        let clip = generate(style, args.entities, args.frames, args.rate, args.seed);
        return Ok((format!("{name}, seed {}", args.seed), clip));
    }
    let file = args.file.as_ref().ok_or("a recording or --clip is needed")?;
    let source = File::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let clip = Clip::read(source).map_err(|error| format!("{}: {error}", file.display()))?;
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    Ok((name, clip))
}

fn plan(args: &MeasureArgs) -> Result<Plan, String> {
    let general = args.step.iter().rev().find(|step| step.field.is_none());
    Ok(Plan {
        rate: TickRate::new(args.rate).map_err(|error| error.to_string())?,
        step: general.map_or(1.0 / 64.0, |step| step.value.0),
        steps: args.step.iter().filter_map(|step| Some((step.field.clone()?, step.value.0))).collect(),
        ranges: by_field("--range", &args.range, |span| span.0)?,
        angles: by_field("--angle", &args.angle, |bits| bits.0)?,
        held: args.hold.clone(),
    })
}

fn by_field<T, U>(option: &str, named: &[Named<T>], value: impl Fn(&T) -> U) -> Result<BTreeMap<String, U>, String> {
    let pair = |one: &Named<T>| Some((one.field.clone()?, value(&one.value)));
    named.iter().map(|one| pair(one).ok_or_else(|| format!("{option} needs a field: FIELD=VALUE"))).collect()
}
