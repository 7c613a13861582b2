//! Generated movement on which the coder's table is trained. Seeded, so that training again gives the same table.
//!
//! Runners chase goals with bounded acceleration, as players and animals do. Noise, pauses, sharp turns, other step sizes
//! and constant courses are added, so that the table fits no single kind of game. No recording is used.

use std::f64::consts::TAU;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;

/// The kind of movement in a clip.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// The style's name in reports.
    pub name: &'static str,
    /// Top speed, in metres per second.
    pub speed: f64,
    /// Largest acceleration, in metres per second squared.
    pub push: f64,
    /// Standard deviation of the measurement, in metres.
    pub noise: f64,
    /// Mean time between two choices of a goal, in seconds.
    pub whim: f64,
    /// Share of the goals that are to stand still.
    pub rest: f64,
    /// Steps per metre.
    pub per_metre: f64,
    /// Ticks per second.
    pub rate: f64,
}

/// Positions in steps: by tick, then by entity.
pub type Clip = Vec<Vec<[i32; 2]>>;

/// The styles trained on.
pub const STYLES: [Style; 9] = [
    Style { name: "smooth", speed: 6.0, push: 3.0, noise: 0.0, whim: 1.5, rest: 0.2, per_metre: 64.0, rate: 20.0 },
    Style { name: "jog", speed: 3.0, push: 2.0, noise: 0.0, whim: 2.5, rest: 0.3, per_metre: 64.0, rate: 20.0 },
    Style { name: "fast ticks", speed: 7.0, push: 5.0, noise: 0.0, whim: 1.0, rest: 0.2, per_metre: 64.0, rate: 60.0 },
    Style { name: "fine steps", speed: 6.0, push: 4.0, noise: 0.0, whim: 1.5, rest: 0.2, per_metre: 256.0, rate: 20.0 },
    Style { name: "noisy", speed: 4.0, push: 3.0, noise: 0.02, whim: 1.5, rest: 0.2, per_metre: 64.0, rate: 20.0 },
    Style { name: "noisier", speed: 4.0, push: 3.0, noise: 0.08, whim: 1.5, rest: 0.2, per_metre: 64.0, rate: 20.0 },
    Style { name: "stop and go", speed: 5.0, push: 9.0, noise: 0.0, whim: 0.8, rest: 0.6, per_metre: 64.0, rate: 20.0 },
    Style { name: "walk", speed: 1.4, push: 1.0, noise: 0.0, whim: 4.0, rest: 0.4, per_metre: 64.0, rate: 20.0 },
    Style { name: "turns", speed: 5.0, push: 1e9, noise: 0.0, whim: 1.0, rest: 0.1, per_metre: 64.0, rate: 20.0 },
];

struct Runner {
    at: [f64; 2],
    velocity: [f64; 2],
    wanted: [f64; 2],
    /// The acceleration follows with a delay, so that it is smooth as well.
    push: [f64; 2],
}

/// Generates `ticks` ticks of `entities` runners.
pub fn clip(style: &Style, entities: usize, ticks: usize, seed: u64) -> Clip {
    let mut random = Pcg32::new(seed, 11);
    let mut unit = move || f64::from(random.next_u32()) / (f64::from(u32::MAX) + 1.0);
    let mut runners: Vec<Runner> = (0..entities)
        .map(|_| Runner { at: [105.0 * unit(), 68.0 * unit()], velocity: [0.0; 2], wanted: [0.0; 2], push: [0.0; 2] })
        .collect();
    let step = 1.0 / style.rate;
    // One second is simulated before the first tick, so that not every runner starts from rest.
    let all = (0..ticks + style.rate as usize).map(|_| {
        let places = runners.iter_mut().map(|runner| {
            if unit() < step / style.whim {
                let (angle, speed) = (TAU * unit(), style.speed * (0.3 + 0.7 * unit()));
                let still = unit() < style.rest;
                runner.wanted = if still { [0.0; 2] } else { [speed * angle.cos(), speed * angle.sin()] };
            }
            let noise = style.noise;
            std::array::from_fn(|axis| {
                let lack = (runner.wanted[axis] - runner.velocity[axis]) / step;
                let push = (lack * 0.2).clamp(-style.push, style.push);
                runner.push[axis] += (push - runner.push[axis]) * 0.4;
                runner.velocity[axis] += if style.push > 1e6 { lack } else { runner.push[axis] } * step;
                runner.at[axis] += runner.velocity[axis] * step;
                // The sum of twelve even random numbers is nearly normal.
                let deviation: f64 = (0..12).map(|_| unit()).sum::<f64>() - 6.0;
                ((runner.at[axis] + noise * deviation) * style.per_metre).round() as i32
            })
        });
        places.collect()
    });
    let mut all: Clip = all.collect();
    all.drain(..style.rate as usize);
    all
}
