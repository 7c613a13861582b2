//! `tickwire nodes`: lists the nodes of the cluster to which the configuration belongs; and what `doctor` finds about its Redis.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Args;
use serde_json::json;
use tickwire::Config;
use tickwire::engine::cluster::NodeEntry;

use crate::config_keys::Flags;
use crate::doctor::{Finding, Verdict};
use crate::settings::Settings;
use crate::{fail, misused, say};

/// Longest time for all questions to Redis.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Args)]
pub struct NodesArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub flags: Flags,
}

/// Prints the nodes.
pub fn run(args: &NodesArgs) -> ExitCode {
    let settings = match Settings::load(&args.flags) {
        Ok(settings) => settings,
        Err(error) => return misused(&error),
    };
    if settings.config.redis.is_empty() {
        return misused("this server is alone: set redis to the URL of the cluster's Redis");
    }
    let nodes = block_on(settings.config.cluster_nodes());
    match nodes {
        Ok(nodes) if args.json => say(format!("{:#}\n", json!(nodes.iter().map(entry).collect::<Vec<_>>())).as_bytes()),
        Ok(nodes) => say(table(&nodes).as_bytes()),
        Err(error) => fail(&format!("redis: {error}")),
    }
}

fn entry(node: &NodeEntry) -> serde_json::Value {
    json!({
        "name": node.name, "address": node.address, "version": node.version, "epoch": node.epoch.0,
        "lease_left_ms": node.lease_left / 1000, "rooms": node.rooms, "players": node.players, "load": node.load,
        "draining": node.draining, "takeover": node.takeover,
    })
}

fn table(nodes: &[NodeEntry]) -> String {
    let head = ["name", "address", "rooms", "players", "load", "lease", "state", "version"].map(str::to_owned);
    let state = |node: &NodeEntry| match (node.lease_left > 0, node.draining) {
        (false, _) => "silent",
        (true, true) => "draining",
        (true, false) => "well",
    };
    let row = |node: &NodeEntry| {
        let load = format!("{}.{} %", node.load / 10, node.load % 10);
        let lease = format!("{:.1} s", node.lease_left as f64 / 1e6);
        let (rooms, players) = (node.rooms.to_string(), node.players.to_string());
        let (name, address, version) = (node.name.clone(), node.address.clone(), node.version.clone());
        [name, address, rooms, players, load, lease, state(node).to_owned(), version]
    };
    let rows: Vec<_> = [head].into_iter().chain(nodes.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let line = |row: &[String; 8]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// What is wrong with the cluster of a configuration.
#[expect(clippy::disallowed_methods, reason = "it is compared with the clock of Redis")]
pub fn examine(config: &Config) -> Vec<Finding> {
    if config.redis.is_empty() {
        return Vec::new();
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let unsafe_ = |what: String, mend: &str| Finding { verdict: Verdict::Unsafe, what, mend: mend.to_owned() };
    if let Err(why) = config.check() {
        return vec![unsafe_(why, "see tickwire config --commented")];
    }
    let mut findings = match block_on(config.cluster_findings(now)) {
        Err(why) => return vec![unsafe_(format!("redis = {}: {why}", config.redis), "start it, or correct the URL")],
        Ok(found) => found
            .into_iter()
            .map(|found| Finding {
                verdict: if found.is_unsafe { Verdict::Unsafe } else { Verdict::Unwise },
                what: found.what,
                mend: found.mend,
            })
            .collect::<Vec<_>>(),
    };
    if config.origins.is_empty() && config.pages != tickwire::Pages::None {
        findings.push(Finding {
            verdict: Verdict::Unwise,
            what: "pages of one node connect to the others, and origins is empty: only pages of localhost may"
                .to_owned(),
            mend: "list the origin of your pages at every node".to_owned(),
        });
    }
    if !config.peer_address.is_empty() && config.trusted_proxies.is_empty() {
        findings.push(Finding {
            verdict: Verdict::Unwise,
            what: "peer_address is set and trusted_proxies is empty: all players whom another node passes on have its address"
                .to_owned(),
            mend: "list the addresses of the nodes in trusted_proxies at every node".to_owned(),
        });
    }
    if let Some(why) = block_on(async { Ok::<_, String>(unreachable_node(&config.advertise).await) }).unwrap_or(None) {
        findings.push(Finding {
            verdict: Verdict::Unwise,
            what: format!("advertise = {}: {why}", config.advertise),
            mend: "start the node, and let this address lead to it".to_owned(),
        });
    }
    findings
}

/// Why no server of Tickwire answers at this WebSocket URL, if so.
async fn unreachable_node(url: &str) -> Option<String> {
    use futures_util::StreamExt;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    use tokio_tungstenite::tungstenite::http::HeaderValue;
    use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
    if url.starts_with("wss://") {
        // Certificates are the business of whoever ends TLS.
        return None;
    }
    let mut request = url.into_client_request().ok()?;
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(tickwire::wire::SUBPROTOCOLS[0]));
    match tokio_tungstenite::connect_async(request).await {
        Ok((mut socket, _)) => {
            let _ = socket.close(None).await;
            while socket.next().await.is_some_and(|message| message.is_ok()) {}
            None
        }
        Err(error) => Some(error.to_string()),
    }
}

fn block_on<T, E: ToString>(question: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    actix_web::rt::System::new().block_on(async {
        match tokio::time::timeout(PATIENCE, question).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    })
}

#[cfg(test)]
mod tests {
    use tickwire::engine::cluster::Epoch;

    use super::*;

    #[test]
    fn nodes_are_listed_in_columns() {
        let node = NodeEntry {
            epoch: Epoch(7),
            lease_left: 6_540_000,
            name: "n1".to_owned(),
            address: "ws://a/play".to_owned(),
            version: "0.1".to_owned(),
            rooms: 3,
            players: 40,
            load: 125,
            draining: false,
            takeover: true,
            peer_address: String::new(),
        };
        let silent = NodeEntry { lease_left: -1, name: "longer".to_owned(), ..node.clone() };
        let text = table(&[node, silent]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "n1      ws://a/play  3      40       12.5 %  6.5 s   well    0.1");
        assert!(lines[2].starts_with("longer  ") && lines[2].contains("silent"), "{text}");
    }
}
