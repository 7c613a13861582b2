//! The outlets of a configuration: for the server, and for the doctor, who reaches each.

use std::fs;

use tickwire::{Config, Server};
use tickwire_outlets::Outlets;

use crate::doctor::{Finding, Verdict};

/// Reads the outlets, if there is a file of them. The name of this machine is that of the server, unless the file says
/// otherwise.
///
/// # Errors
/// One line that says what is wrong with the file.
pub fn read(config: &Config) -> Result<Option<Outlets>, String> {
    if config.outlets.as_os_str().is_empty() {
        return Ok(None);
    }
    let node = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let node = if node.trim().is_empty() { "tickwire" } else { node.trim() };
    Outlets::read(&config.outlets, node).map(Some)
}

/// Adds the outlets to a server.
pub fn add(outlets: Option<Outlets>, server: Server) -> Server {
    let Some(outlets) = outlets else { return server };
    let server = outlets.add_routes(server.node(&outlets.node));
    outlets.into_sinks().fold(server, |server, (name, sink)| server.tap(&name, sink))
}

/// Reaches each outlet. Returns what is wrong, and a line about each that was reached.
pub fn examine(config: &Config) -> (Vec<Finding>, Vec<String>) {
    let (mut findings, mut reached) = (Vec::new(), Vec::new());
    let mut find = |verdict, what, mend: &str| findings.push(Finding { verdict, what, mend: mend.to_owned() });
    match read(config) {
        Err(why) => find(Verdict::Unsafe, why, "the server does not start with such a file"),
        Ok(None) => {}
        Ok(Some(mut outlets)) => {
            if config.data.as_os_str().is_empty() {
                let what = "outlets is set and data is not: what was not delivered is lost when the server ends";
                find(Verdict::Unwise, what.to_owned(), "set data to a folder");
            }
            for (name, result) in outlets.probe() {
                match result {
                    Ok(promise) => reached.push(format!("fine: the outlet {name} was reached: {promise}\n")),
                    Err(why) => find(
                        Verdict::Unwise,
                        format!("the outlet {name} cannot be reached: {why}"),
                        "until it can be, its entries wait in the outbox",
                    ),
                }
            }
        }
    }
    (findings, reached)
}
