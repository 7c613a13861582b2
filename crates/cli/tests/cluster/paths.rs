//! A cluster with one public address: a real HAProxy and a real nginx, with the configurations of `deploy/cluster`, pass connections on to
//! the node that the path names, or to any node, which does that.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::nodes::{any, ask, by_id, free_port, node_behind, node_beside, until};
use crate::player::Player;
use crate::redis::Redis;
use crate::run;

/// Ended with the test.
pub struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        // Its master ends its workers on this signal.
        let _ = Command::new("kill").args(["-s", "TERM", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

/// The configuration of this name with these ports for `n1` and so on, in a folder of its own.
fn configuration(name: &str, listens: &str, port: u16, nodes: &[u16]) -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/cluster").join(name);
    let mut text = fs::read_to_string(path).expect("the configuration");
    let own =
        nodes.iter().enumerate().map(|(index, node)| (format!("n{}:8080", index + 1), format!("127.0.0.1:{node}")));
    for (usual, own) in own.chain([(format!("{listens} :8080"), format!("{listens} 127.0.0.1:{port}"))]) {
        let usual = if text.contains(&usual) { usual } else { usual.replace(" :8080", " 8080") };
        assert!(text.contains(&usual), "the configuration has {usual}");
        text = text.replace(&usual, &own);
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("paths-{name}-{port}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    (folder, text)
}

fn started(name: &str, args: &[&str]) -> Proxy {
    let usual = format!("/usr/sbin/{name}");
    let mut proxy = Command::new(if Path::new(&usual).exists() { &usual } else { name });
    proxy.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Proxy(proxy.spawn().unwrap_or_else(|error| panic!("{name}: {error}: scripts/need-brokers installs it")))
}

pub fn haproxy(name: &str, port: u16, nodes: &[u16]) -> Proxy {
    let (folder, text) = configuration(name, "bind", port, nodes);
    let file = folder.join("haproxy.cfg").display().to_string();
    fs::write(&file, text).expect("a file");
    started("haproxy", &["-db", "-f", &file])
}

/// `knows_paths`: whether it has the locations that lead to one node.
fn nginx(knows_paths: bool, port: u16, nodes: &[u16]) -> Proxy {
    let (folder, mut text) = configuration("nginx-paths.conf", "listen", port, nodes);
    if !knows_paths {
        let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("the configuration has {what}"));
        text.replace_range(at("    # The name of the node")..at("    location / {"), "");
    }
    let folder = folder.display();
    let main = format!(
        "daemon off; pid {folder}/pid; error_log {folder}/errors; events {{}}\n\
         http {{\n\
           access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;\n\
           uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n\
           include {folder}/part.conf;\n\
         }}\n"
    );
    fs::write(format!("{folder}/part.conf"), text).expect("a file");
    fs::write(format!("{folder}/nginx.conf"), main).expect("a file");
    started("nginx", &["-p", &folder.to_string(), "-c", &format!("{folder}/nginx.conf")])
}

/// `passes`: whether a node passes on what is not its own.
fn leads_to_the_node_of_the_path(passes: bool, start: impl Fn(u16, &[u16]) -> Proxy) {
    run(async {
        let redis = Redis::start_settled();
        let port = free_port();
        let public = |path: &str| format!("ws://127.0.0.1:{port}/play{path}");
        let nodes = ["/n1", "/n2", "/n3"].map(|path| match passes {
            true => node_beside(free_port(), &redis.url(), &public(path), &[]),
            false => node_behind(&redis.url(), &public(path)),
        });
        let _proxy = start(port, &nodes.each_ref().map(|node| node.port));
        until("the proxy listens", || async { TcpStream::connect(("127.0.0.1", port)).is_ok() }).await;
        // Each room is placed at a node that has fewer of them than the others.
        let mut players = Vec::new();
        for kind in ["a", "b", "c"] {
            players.push(Player::enter(&public(""), any(&[("kind", kind)])).await);
        }
        let mut reached = BTreeSet::new();
        for player in &players {
            for (index, node) in nodes.iter().enumerate() {
                let own = public(&format!("/n{}", index + 1));
                let friend = Player::enter(&own, by_id(&player.place.room)).await;
                let is_here = node.metric("tickwire_rooms") > 0.5 && friend.place.hops == 0;
                assert_eq!(friend.place.address == own, is_here, "{:?}", friend.place);
                friend.sees_frames().await;
                reached.insert(friend.place.address.clone());
                let film = format!("GET /api/rooms/{}/film", player.place.room);
                let (status, _) = ask(node, &film, "").await;
                assert_eq!(status == 307, !is_here, "the film is at its node: {status}");
            }
            player.sees_frames().await;
        }
        assert_eq!(reached, ["/n1", "/n2", "/n3"].map(public).into(), "each node has a room");
        assert!(nodes.iter().all(|node| node.metric("tickwire_rooms") > 0.5));
        let passed: f64 = nodes.iter().map(|node| node.metric("tickwire_cluster_passed_total")).sum();
        assert_eq!(passed > 0.5, passes, "{passed} connections were passed on by nodes");
    });
}

#[test]
fn haproxy_leads_to_the_node_of_the_path() {
    leads_to_the_node_of_the_path(false, |port, nodes| haproxy("haproxy-paths.cfg", port, nodes));
}

#[test]
fn nginx_leads_to_the_node_of_the_path() {
    leads_to_the_node_of_the_path(false, |port, nodes| nginx(true, port, nodes));
}

#[test]
fn behind_haproxy_any_node_passes_connections_on() {
    leads_to_the_node_of_the_path(true, |port, nodes| haproxy("haproxy.cfg", port, nodes));
}

#[test]
fn behind_nginx_any_node_passes_connections_on() {
    leads_to_the_node_of_the_path(true, |port, nodes| nginx(false, port, nodes));
}
