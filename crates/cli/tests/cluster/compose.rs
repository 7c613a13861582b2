//! What `deploy/cluster/compose.yaml` says, as processes on this machine: the same configurations and variables, with other addresses.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tickwire::wire::Close;

use crate::nodes::{any, by_id, free_port, until};
use crate::paths::{Proxy, haproxy};
use crate::player::Player;
use crate::process::{Server, command};
use crate::redis::Redis;
use crate::run;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/cluster");
/// The ports that servers and Sentinels have in their containers.
const REDIS: u16 = 6379;
const SENTINEL: u16 = 26379;

/// The file, read as far as this test needs it.
struct Compose {
    text: String,
}

/// A server of Redis or a Sentinel; ended with the test.
struct Daemon {
    child: Child,
    port: u16,
    folder: PathBuf,
    args: Vec<String>,
}

impl Compose {
    fn read() -> Self {
        Self { text: fs::read_to_string(Path::new(FOLDER).join("compose.yaml")).expect("the file") }
    }

    /// The lines of a service.
    fn service(&self, name: &str) -> Vec<&str> {
        let head = format!("  {name}:");
        let lines = self.text.lines().skip_while(|line| **line != head).skip(1);
        let own: Vec<&str> = lines.take_while(|line| line.starts_with("    ")).collect();
        assert!(!own.is_empty(), "there is no service {name}");
        own
    }

    fn value(&self, service: &str, key: &str) -> String {
        let lines = self.service(service);
        let found = lines.iter().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(": "));
        found.unwrap_or_else(|| panic!("{service} has no {key}")).to_owned()
    }

    /// The command of a service, without its program.
    fn args(&self, service: &str) -> Vec<String> {
        let whole = self.value(service, "command");
        let parts = whole.split('"').enumerate().flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
            _ => vec![part.to_owned()],
        });
        let all: Vec<String> = parts.collect();
        assert_eq!(all[0], "/cluster/start-redis", "{whole}");
        all[1..].to_vec()
    }

    fn address(&self, service: &str) -> String {
        let network = self.value(service, "networks");
        network.split("ipv4_address: ").nth(1).expect("an address").trim_matches([' ', '}']).to_owned()
    }

    /// The variables of a node: those of all, and its own.
    fn variables(&self, service: &str) -> BTreeMap<String, String> {
        let pair = |text: &str| {
            let (name, value) = text.trim().split_once(": ")?;
            name.starts_with("TICKWIRE_").then(|| (name.to_owned(), value.trim_matches('"').to_owned()))
        };
        let mut variables: BTreeMap<String, String> = self.service("n1").iter().filter_map(|line| pair(line)).collect();
        if service != "n1" {
            let own = self.value(service, "environment");
            variables.extend(own.trim_matches(['{', '}', ' ']).split(", ").filter_map(pair));
        }
        variables
    }
}

impl Daemon {
    fn start(folder: PathBuf, port: u16, args: Vec<String>) -> Self {
        let child = Self::spawn(&folder, &args);
        Self { child, port, folder, args }
    }

    fn spawn(folder: &Path, args: &[String]) -> Child {
        let script = folder.join("start-redis");
        let mut command = Command::new("sh");
        command.arg(script).args(args).env("DATA", folder.join("data")).current_dir(folder.join("data"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a shell")
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn start_again(&mut self) {
        self.child = Self::spawn(&self.folder, &self.args);
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What all of it became.
struct Deployment {
    daemons: BTreeMap<String, Daemon>,
    nodes: Vec<Server>,
    _proxy: Proxy,
    front: u16,
    redis: String,
}

fn deploy() -> Deployment {
    let compose = Compose::read();
    let names = ["redis1", "redis2", "redis3", "sentinel1", "sentinel2", "sentinel3"];
    let ports: BTreeMap<&str, u16> = names.iter().map(|name| (*name, free_port())).collect();
    // Addresses of containers become ports of this machine.
    let here = |text: &str| {
        names.iter().fold(text.to_owned(), |text, name| {
            let (address, port) = (compose.address(name), ports[name]);
            let usual = if name.starts_with("redis") { REDIS } else { SENTINEL };
            let text = text.replace(&format!("{address} {usual}"), &format!("127.0.0.1 {port}"));
            text.replace(&format!("{address}:{usual}"), &format!("127.0.0.1:{port}"))
        })
    };
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compose");
    let _ = fs::remove_dir_all(&all);
    let daemons = names.iter().map(|name| {
        let (folder, port) = (all.join(name), ports[name]);
        fs::create_dir_all(folder.join("data")).expect("a folder");
        for file in ["start-redis", "redis.conf", "sentinel.conf"] {
            let text = fs::read_to_string(Path::new(FOLDER).join(file)).expect("a file");
            fs::write(folder.join(file), here(&text)).expect("a file");
        }
        let own = [format!("port {port}"), "bind 127.0.0.1".to_owned()];
        let args = compose.args(name).iter().map(|arg| here(arg)).chain(own).collect();
        ((*name).to_owned(), Daemon::start(folder, port, args))
    });
    let daemons = daemons.collect();
    let redis = here(&compose.variables("n1")["TICKWIRE_REDIS"]);
    assert!(!redis.contains("10.89."), "{redis}");
    let nodes: Vec<Server> = ["n1", "n2", "n3"]
        .iter()
        .map(|name| {
            let port = free_port();
            let mut node = command(env!("CARGO_BIN_EXE_tickwire"));
            node.args(["serve", "--pages", "none", "--log", "off", "--workers", "1", "--room-threads", "1"]);
            node.envs(compose.variables(name).iter().map(|(name, value)| (name.clone(), here(value))));
            node.env("TICKWIRE_ADVERTISE", format!("ws://127.0.0.1:{port}/play"));
            Server::start_on(port, &mut node)
        })
        .collect();
    let front = free_port();
    let _proxy = haproxy("haproxy.cfg", front, &nodes.iter().map(|node| node.port).collect::<Vec<_>>());
    Deployment { daemons, nodes, _proxy, front, redis }
}

impl Deployment {
    /// Which server is the primary of two replicas, as it says itself.
    fn primary(&self) -> Option<String> {
        let leads = |(_, daemon): &(&String, &Daemon)| {
            let told = Redis::ask_port(daemon.port, "INFO replication");
            told.contains("role:master") && told.matches("state=online").count() == 2
        };
        self.daemons.iter().filter(|(name, _)| name.starts_with("redis")).find(leads).map(|(name, _)| name.clone())
    }

    /// Whether all Sentinels know the replicas and each other, which takes them some seconds.
    fn is_watched(&self) -> bool {
        self.daemons.iter().filter(|(name, _)| name.starts_with("sentinel")).all(|(_, daemon)| {
            let told = Redis::ask_port(daemon.port, "SENTINEL MASTER main");
            told.contains("num-slaves\r\n$1\r\n2") && told.contains("num-other-sentinels\r\n$1\r\n2")
        })
    }

    fn doctor(&self) -> String {
        let advertised = self.nodes[0].url();
        let args = ["doctor", "--redis", &self.redis, "--redis-replicas", "1", "--advertise", &advertised];
        // What this machine's limit of descriptors allows is another matter.
        let output = command(env!("CARGO_BIN_EXE_tickwire")).args(args).args(["--most-sessions", "100"]).output();
        let output = output.expect("it starts");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }
}

#[test]
fn the_compose_file_describes_a_cluster_that_survives() {
    run(async {
        let mut deployment = deploy();
        until("Redis has two replicas", || async { deployment.primary().is_some() }).await;
        let well = || async { deployment.nodes.iter().all(|node| node.health().1.contains("nodes: 3")) };
        until("all are nodes", well).await;
        let told = deployment.doctor();
        assert!(!told.contains("unsafe") && !told.contains("Redis"), "{told}");
        let front = format!("ws://127.0.0.1:{}/play", deployment.front);
        let mut players = Vec::new();
        for kind in ["a", "b", "c"] {
            players.push(Player::enter(&front, any(&[("kind", kind)])).await);
        }
        until("the Sentinels know all", || async { deployment.is_watched() }).await;
        // The primary fails, and comes back.
        let first = deployment.primary().expect("a primary");
        deployment.daemons.get_mut(&first).expect("it was started").kill();
        until("another one is the primary", || async {
            let mut others = deployment.daemons.iter().filter(|(name, _)| name.starts_with("redis") && **name != first);
            others.any(|(_, daemon)| Redis::ask_port(daemon.port, "ROLE").contains("master"))
        })
        .await;
        deployment.daemons.get_mut(&first).expect("it was started").start_again();
        until("the first one follows", || async { deployment.primary().is_some_and(|now| now != first) }).await;
        for player in &players {
            player.sees_frames().await;
            assert_eq!(player.seen(|seen| seen.ended), None, "the failover cost somebody the connection");
        }
        let more = Player::enter(&front, any(&[("kind", "more")])).await;
        // A node fails.
        let mut lost = 0;
        while Player::enter(&deployment.nodes[lost].url(), by_id(&more.place.room)).await.place.hops > 0 {
            lost += 1;
        }
        let taken =
            |nodes: &[Server]| nodes.iter().map(|node| node.counted("tickwire_rooms_taken_over_total")).sum::<f64>();
        more.sees_frames().await;
        deployment.nodes.remove(lost).end("KILL");
        assert_eq!(more.ended().await, Close::Lost.code());
        until("others take its rooms over", || async { taken(&deployment.nodes) > 0.5 }).await;
        Player::enter(&front, any(&[("kind", "after")])).await.sees_frames().await;
    });
}
