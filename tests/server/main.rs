//! The shipped server over real sockets: each test starts one on port 0 and talks to it as clients and attackers do.

mod hostile;
mod http;
mod play;
mod slow;
mod support;
