//! `measure` from outside: sums agree with each other, plans are checked, and figures do not depend on the machine.

use std::collections::BTreeMap;

use tickwire::TickRate;
use tickwire_cli::measure::{Clip, Plan, Range, Style, generate, measure};

fn plan() -> Plan {
    let (steps, ranges, angles, held) = Default::default();
    Plan { rate: TickRate::DEFAULT, step: 1.0 / 64.0, steps, ranges, angles, held }
}

fn read(text: &str) -> Clip {
    Clip::read(text.as_bytes()).expect("a clip")
}

#[test]
fn the_sums_agree() {
    for style in [Style::Smooth, Style::Noisy, Style::StopGo, Style::Walk] {
        let clip = generate(style, 22, 300, 20, 5);
        let report = measure("a clip", &clip, &plan()).expect("a good plan");
        let coded = &report.coded;
        assert!((coded.payload.tick - coded.payload.mean * 22.0).abs() < 1e-9);
        let around = coded.message.tick - coded.payload.tick;
        assert!((1.0..1.3).contains(&around), "one byte, and a hash once per second: {around}");
        let wire = coded.wire.tick - coded.message.tick;
        assert!((53.99..56.01).contains(&wire), "WebSocket 2 to 4, TCP/IP 52: {wire}");
        assert!(coded.payload.mean <= coded.payload.p99 && coded.keyframe.mean > coded.payload.mean);
        assert!(coded.first_message > 3 * 22);
        let bits: f64 = coded.shares.iter().map(|share| share.bits).sum();
        assert!((bits / 8.0 - coded.payload.mean).abs() < 0.001, "{bits} bits, {} bytes", coded.payload.mean);
        let beside: BTreeMap<&str, f64> = report.beside.iter().map(|row| (row.name.as_str(), row.mean)).collect();
        assert_eq!((beside["float32"], beside["16-bit quantised"]), (8.0, 4.0));
        assert!((3.2..3.6).contains(&beside["bits of the range"]));
        assert!((2.0..4.0).contains(&beside["varint differences"]));
        assert!(beside["float32, deflate"] < 8.5 && beside["float32, zstd"] < 8.5);
        let again = measure("a clip", &clip, &plan()).expect("a good plan");
        assert_eq!(report.to_string(), again.to_string());
    }
}

#[test]
fn a_world_at_rest_costs_a_few_bytes() {
    let rows: String = (0..100).flat_map(|frame| (0..50).map(move |id| format!("{frame},{id},{id},7\n"))).collect();
    let report = measure("rest", &read(&format!("frame,entity,x,y\n{rows}")), &plan()).expect("a good plan");
    assert!(report.coded.payload.p99 * 50.0 <= 3.0, "{}", report.coded.payload.p99);
    assert!(report.coded.message.tick <= 12.0);
}

#[test]
fn entities_come_and_go() {
    let text = "frame,entity,x\n0,9,1\n0,3,2\n1,3,2\n2,3,2\n2,9,5\n2,4,0\n5,4,1\n";
    let report = measure("few", &read(text), &plan()).expect("a good plan");
    assert_eq!((report.frames, report.coded.payload.tick > 0.0), (4, true));
}

#[test]
fn plans_are_checked_against_the_clip() {
    let clip = read("frame,entity,x,heading\n0,1,-1,359\n1,1,1,1\n");
    let refused = |change: fn(&mut Plan)| {
        let mut plan = plan();
        change(&mut plan);
        measure("", &clip, &plan).expect_err("must be refused").to_string()
    };
    let unknown = refused(|plan| plan.held.push("z".to_owned()));
    assert_eq!(unknown, "no field \"z\": the clip has x, heading");
    let narrow = refused(|plan| _ = plan.ranges.insert("x".to_owned(), Range { low: 0.0, high: 5.0 }));
    assert_eq!(narrow, "field \"x\": the range 0..5 is too narrow, the clip has -1 to 1");
    let fine = refused(|plan| plan.step = 1e-9);
    assert_eq!(fine, "field \"x\": -1 to 1 in steps of 0.000000001 is more than 2^30 values: choose a larger step");

    let mut plan = plan();
    plan.angles.insert("heading".to_owned(), 8);
    plan.ranges.insert("x".to_owned(), Range { low: -8.0, high: 8.0 });
    plan.steps.insert("x".to_owned(), 0.5);
    let report = measure("", &clip, &plan).expect("a good plan");
    assert_eq!(report.fields.iter().map(|field| field.bits).collect::<Vec<_>>(), [6, 8]);
    let table = report.to_string();
    assert!(table.contains("step 1/2, -8 to 8, 6 bits") && table.contains("(a direction)"), "{table}");
}
