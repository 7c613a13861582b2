//! The shipped server over real sockets: each test starts one on port 0 and connects to it like clients and attackers.

#![allow(clippy::disallowed_methods, reason = "real sockets live in real time")]

#[macro_use]
#[path = "../delegate/mod.rs"]
mod delegate;
mod admin;
mod admission;
mod bodies;
mod breaks;
mod channels;
mod classes;
mod cors;
mod crash;
mod crowd;
mod features;
mod files;
mod film;
mod film_access;
mod floods;
mod forgotten;
mod hostile;
mod http;
mod leave;
mod match_archive;
mod matches;
mod party;
mod pipelined;
mod play;
mod recordings;
mod recovered;
mod refusals;
mod remade;
mod resume;
mod server_events;
mod slow;
mod stored;
mod stuck;
mod support;
mod sweep;
mod tap;
mod tls;
mod trust;
mod verbs;
