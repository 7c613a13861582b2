//! Tests of the admission limits.

use super::*;

#[test]
fn rare_messages_of_an_address_have_a_budget() {
    let (mut admission, ada, start) = (Admission::new(QUOTA), ipv4(7), Moment(0));
    let chat = super::super::work::chat_cost(1000);
    let granted = (0..100_000).filter(|_| admission.work(start, ada, chat)).count() as u32;
    assert_eq!(granted, Admission::WORK_SAVED / chat);
    assert!(admission.work(start, ipv4(8), chat) && admission.work(start, None, u32::MAX));
    let second = start.plus(Duration::from_secs(1));
    let more = (0..1000).filter(|_| admission.work(second, ada, chat)).count() as u32;
    assert!(more.abs_diff(limits::ADDRESS_WORK / chat) <= 1, "{more}");
    assert!(admission.work(start.plus(Duration::from_secs(60)), ada, u32::MAX), "at worst, once in a while");
}

#[test]
fn chat_of_an_address_has_a_budget() {
    let (mut admission, start) = (Admission::new(QUOTA), Moment(0));
    let said = |admission: &mut Admission, who, at| (0..1000).filter(|_| admission.chat(at, who, 128)).count();
    assert_eq!(said(&mut admission, ADA, start), 64);
    assert_eq!(said(&mut admission, BOB, start), 64, "others have their own");
    let more = said(&mut admission, ADA, start.plus(Duration::from_secs(1)));
    assert!(more.abs_diff(32) <= 1, "{more}");
    assert_eq!(said(&mut admission, None, start), 1000);
}

const QUOTA: Quota =
    Quota { sessions: 3, connections: 16, connections_per_address: 2, attempts_per_address: 5, rooms_per_address: 1 };
const ADA: Option<Address> = ipv4(1);
const BOB: Option<Address> = ipv4(2);

const fn ipv4(number: u32) -> Option<Address> {
    Some(Address((0xffff << 32) + number as u128))
}

fn second(second: u64) -> Moment {
    Moment(1_000_000 * second)
}

#[test]
fn an_address_has_its_connections_and_no_more() {
    let mut door = Admission::new(QUOTA);
    let ask = |door: &mut Admission, who| door.connect(second(1), who);
    let answers: Vec<Verdict> = (0..5).map(|_| ask(&mut door, ADA)).collect();
    use Limit::{Connections, ConnectionsPerAddress};
    use Verdict::{Cut, Refused, Served};
    let refused = Refused(ConnectionsPerAddress);
    assert_eq!(answers, [Served, Served, refused, refused, Cut(ConnectionsPerAddress)]);
    assert_eq!(ask(&mut door, BOB), Served);
    (0..4).for_each(|_| door.hang_up(second(1), ADA));
    assert_eq!(ask(&mut door, ADA), Served);
    // Exempt connections count only towards the total.
    let answers: Vec<Verdict> = (0..15).map(|_| ask(&mut door, None)).collect();
    assert_eq!(answers[..13], [Served; 13]);
    assert_eq!(answers[13..], [Refused(Connections); 2]);
    assert_eq!(ask(&mut door, None), Cut(Connections));
}

#[test]
fn sessions_are_counted_in_all_and_through_proxies() {
    let mut door = Admission::new(QUOTA);
    assert_eq!([(); 2].map(|()| door.enter(second(1), ADA)), [Ok(()); 2]);
    assert_eq!(door.enter(second(1), ADA), Err(Limit::ConnectionsPerAddress));
    assert_eq!(door.enter(second(1), None), Ok(()));
    assert_eq!(door.enter(second(1), BOB), Err(Limit::Sessions));
    door.leave(second(1), ADA);
    assert_eq!(door.enter(second(1), BOB), Ok(()));
    assert_eq!(door.sessions(), 3);
}

#[test]
fn attempts_come_back_with_time() {
    let mut door = Admission::new(QUOTA);
    let granted = |door: &mut Admission, at| (0..100).filter(|_| door.attempt(second(at), ADA).is_ok()).count();
    assert_eq!(granted(&mut door, 1), 20);
    assert_eq!(granted(&mut door, 2), 5);
    assert_eq!(granted(&mut door, 60), 20);
    assert!((0..100).all(|_| door.attempt(second(1), None).is_ok()));
}

#[test]
fn all_connections_of_an_address_may_begin_anew_at_once() {
    let mut door = Admission::new(Quota { connections_per_address: 70, ..QUOTA });
    let granted = |door: &mut Admission, at| (0..100).filter(|_| door.attempt(second(at), ADA).is_ok()).count();
    assert_eq!(granted(&mut door, 1), 70);
    assert_eq!(granted(&mut door, 2), 5);
}

#[test]
fn rooms_are_counted_while_they_last() {
    let mut door = Admission::new(QUOTA);
    assert!(door.make_room(second(1), ADA) && !door.make_room(second(100), ADA));
    assert!(door.make_room(second(1), BOB));
    door.end_room(second(100), ADA);
    assert!(door.make_room(second(100), ADA));
}

#[test]
fn seats_are_counted_until_they_are_free() {
    let mut door = Admission::new(QUOTA);
    let taken = |door: &mut Admission, who| (0..9).filter(|_| door.take_seat(second(1), who)).count();
    assert_eq!((taken(&mut door, ADA), taken(&mut door, BOB), taken(&mut door, None)), (2, 2, 9));
    door.free_seat(second(1), ADA);
    assert_eq!(taken(&mut door, ADA), 1);
    let of_56 = (0..40).filter(|subnet| door.take_seat(second(1), ipv6(6, *subnet))).count();
    assert_eq!(of_56, 4 * QUOTA.connections_per_address);
}

#[test]
fn a_flood_of_addresses_is_bounded_and_forgotten() {
    let mut door = Admission::new(Quota { connections: usize::MAX / 2, ..QUOTA });
    for number in 100..100 + limits::ADDRESSES as u32 {
        assert_eq!(door.attempt(second(1), ipv4(number)), Ok(()));
    }
    assert!(door.visitors.len() <= limits::ADDRESSES);
    assert_eq!(door.connect(second(1), BOB), Verdict::Served, "who holds nothing makes room");
    door.hang_up(second(1), BOB);
    assert_eq!(door.attempt(second(22), ADA), Ok(()));
    assert_eq!(door.visitors.len(), 1);
}

/// The address of a /64 in a /48.
fn ipv6(network: u128, subnet: u128) -> Option<Address> {
    Some(Address((0x2001 << 112) + (network << 80) + (subnet << 64)))
}

#[test]
fn a_network_of_many_addresses_has_a_few_times_as_much_as_one() {
    let mut door = Admission::new(Quota { connections: usize::MAX / 2, ..QUOTA });
    let served = |door: &mut Admission, network: u128, subnets: std::ops::Range<u128>| {
        let mut connect = |subnet| door.connect(second(1), ipv6(network, subnet));
        subnets.filter(|subnet| (0..3).any(|_| connect(*subnet) == Verdict::Served)).count()
    };
    // A /56 has 256 subnets, and 4 times as many connections as one; a /48 16 times as many.
    assert_eq!(served(&mut door, 1, 0..256), 4 * QUOTA.connections_per_address);
    assert!(served(&mut door, 1, 256..65_536) <= 12 * QUOTA.connections_per_address);
    assert_eq!(served(&mut door, 2, 0..1), 1, "others are not affected");
    let rooms = (0..65_536).filter(|subnet| door.make_room(second(1), ipv6(3, *subnet))).count();
    assert_eq!(rooms, 16 * QUOTA.rooms_per_address);
    let tried = (0..65_536).filter(|subnet| door.attempt(second(1), ipv6(4, *subnet)).is_ok()).count() as u32;
    assert_eq!(tried, 16 * QUOTA.attempts_per_address * Admission::BURST);
    let work = (0..65_536).filter(|subnet| door.work(second(1), ipv6(5, *subnet), Admission::WORK_SAVED)).count();
    assert_eq!(work, 16);
}

#[test]
fn a_table_full_of_open_connections_makes_strangers_slower_and_locks_nobody_out() {
    let mut door = Admission::new(Quota { connections: usize::MAX / 2, ..QUOTA });
    for network in 0..limits::ADDRESSES as u128 {
        door.connect(second(1), ipv6(network, 0));
    }
    assert!(door.visitors.len() <= limits::ADDRESSES + 1);
    let strangers = |door: &mut Admission| {
        (100..2100).filter(|number| door.attempt(second(1), ipv4(*number)).is_ok()).count() as u32
    };
    let tried = strangers(&mut door);
    assert_eq!(tried, 64 * QUOTA.attempts_per_address * Admission::BURST);
    // What the shared place counted is given back, wherever the address is counted by then.
    let shared = |door: &mut Admission| door.connect(second(9), BOB);
    assert_eq!(shared(&mut door), Verdict::Cut(Limit::Addresses));
    for network in 0..limits::ADDRESSES as u128 {
        door.hang_up(second(2), ipv6(network, 0));
    }
    assert_eq!(shared(&mut door), Verdict::Served);
    assert_eq!(door.attempt(second(60), ADA), Ok(()));
    assert!(door.visitors.len() <= 2, "{}", door.visitors.len());
}
