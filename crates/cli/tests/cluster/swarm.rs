//! `tickwire bots` as a process that plays until it is told to stop, and the nodes as `tickwire nodes` lists them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::process::command;

/// Bots that play for longer than any test.
const FOR_LONG: &str = "3600";

/// Playing bots; killed when nobody has ended them.
pub struct Swarm {
    child: Option<Child>,
    report: PathBuf,
}

impl Swarm {
    pub fn start(url: &str, args: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("swarm-{}-{}.json", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let report = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let mut bots = command(env!("CARGO_BIN_EXE_tickwire"));
        bots.args(["bots", "--url", url, "--duration", FOR_LONG, "--json"]).arg(&report).args(args);
        let child = bots.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        Self { child: Some(child), report }
    }

    /// Ends the run. Returns its report.
    pub fn end(mut self) -> Value {
        let mut child = self.child.take().expect("it is ended once");
        let sent = Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status();
        assert!(sent.expect("kill starts").success());
        child.wait().expect("it ends");
        let text = std::fs::read_to_string(&self.report).expect("a report");
        let _ = std::fs::remove_file(&self.report);
        serde_json::from_str(&text).expect("JSON")
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Nobody lost a connection or an event, was refused, or has another state than the server.
pub fn assert_faultless(report: &Value) {
    assert_eq!(report["failures"], serde_json::json!({}), "{report:#}");
    for zero in ["desyncs", "events_lost"] {
        assert_eq!(report[zero], 0, "{zero}: {report:#}");
    }
}

/// The nodes that a cluster has.
pub fn nodes_of(redis: &str) -> Vec<Value> {
    let output = command(env!("CARGO_BIN_EXE_tickwire")).args(["nodes", "--json", "--redis", redis]).output();
    let listed = serde_json::from_slice::<Vec<Value>>(&output.expect("it starts").stdout);
    listed.unwrap_or_default()
}

/// The sum of a number over all nodes whose URL contains `at`.
pub fn sum(nodes: &[Value], at: &str, what: &str) -> u64 {
    let asked = nodes.iter().filter(|node| node["address"].as_str().is_some_and(|address| address.contains(at)));
    asked.map(|node| node[what].as_u64().unwrap_or(0)).sum()
}
