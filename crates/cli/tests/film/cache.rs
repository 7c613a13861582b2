//! A real nginx with the configuration of `deploy/nginx-film.conf` in front of segments: however many watch, the server is asked for
//! each segment about once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tickwire_cli::viewers::{Outlet, Plan, run};

use super::{Running, folder, free_port, get, room, start, wait_for};

/// Ended with the test.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its master ends its workers on this signal.
        let _ = Command::new("kill").args(["-s", "QUIT", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

impl Nginx {
    /// Starts it with the part for films, between this server and this port.
    fn start(folder: &Path, server: u16, port: u16) -> Self {
        let part = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/nginx-film.conf"));
        let part = part.expect("the configuration");
        let mut replaced = part.clone();
        let own = [
            ("127.0.0.1:8080", format!("127.0.0.1:{server}")),
            ("listen 8081", format!("listen 127.0.0.1:{port}")),
            ("/var/cache/nginx/films", format!("{}/cache", folder.display())),
        ];
        for (usual, own) in own {
            assert!(part.contains(usual), "the configuration has {usual}");
            replaced = replaced.replace(usual, &own);
        }
        let folder = folder.display();
        let main = format!(
            "daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors;\n\
             worker_rlimit_nofile 8192; events {{ worker_connections 4096; }}\n\
             http {{\n\
               client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;\n\
               uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n\
               log_format upstream '$uri $upstream_addr $status';\n\
               access_log {folder}/requests upstream;\n\
               include {folder}/film.conf;\n\
             }}\n"
        );
        fs::write(format!("{folder}/film.conf"), replaced).expect("a file");
        fs::write(format!("{folder}/nginx.conf"), main).expect("a file");
        let mut nginx = Command::new(if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" });
        nginx.args(["-p", &folder.to_string(), "-c", &format!("{folder}/nginx.conf")]);
        nginx.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(nginx.spawn().expect("nginx is installed: scripts/need-brokers"))
    }
}

#[test]
fn a_cache_asks_for_each_segment_at_most_twice() {
    let viewers = std::env::var("TICKWIRE_VIEWERS").map_or(100, |text| text.parse().expect("a number"));
    let (folder, port, cache) = (folder("cache"), free_port(), free_port());
    let server = start(port, &folder, &[]);
    let runner = Running::start(port);
    let room = room(port);
    let nginx = Nginx::start(&folder, port, cache);
    let film = format!("/api/rooms/{room}/film");
    wait_for(|| std::net::TcpStream::connect(("127.0.0.1", cache)).is_ok(), "nginx listens");
    wait_for(|| get(cache, &film).is_some(), "it passes requests on");
    let report = run(Plan {
        server: ([127, 0, 0, 1], cache).into(),
        film: film.clone(),
        outlet: Outlet::Segments,
        viewers,
        decodes: 20,
        arrivals: 200,
        duration: Duration::from_secs(8),
        threads: 1,
        token: None,
        server_pid: None,
    });
    let report = report.expect("they come");
    println!("{report}");
    assert!(report.is_good() && report.viewers == viewers, "{report}");
    runner.end();
    // The log is written when a request is over.
    thread::sleep(Duration::from_millis(200));
    drop(nginx);
    let requests = fs::read_to_string(folder.join("requests")).expect("a log");
    let (mut asked, mut all) = (BTreeMap::<&str, u32>::new(), 0);
    for line in requests.lines() {
        let (uri, rest) = line.split_once(' ').expect("a request");
        let is_segment = uri.len() > film.len();
        all += u32::from(is_segment);
        if is_segment && !rest.starts_with('-') {
            *asked.entry(uri).or_default() += 1;
        }
    }
    let most = asked.values().max().copied().unwrap_or(0);
    let passed: u32 = asked.values().sum();
    println!(
        "{viewers} viewers: {all} requests, {passed} of them to the server for {} segments, at most {most} each",
        asked.len()
    );
    assert!(asked.len() >= 8, "{asked:?}");
    assert!(most <= 2, "{asked:?}");
    drop(server);
}
