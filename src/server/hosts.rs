//! The names by which clients may address the server. A page whose name was made to resolve to this machine (DNS rebinding)
//! still sends its own name as `Host`; it must be able to read nothing here.

use std::net::IpAddr;

use super::config::Config;

/// The accepted names.
#[derive(Clone, Debug)]
pub struct Hosts {
    /// `None`: any name.
    named: Option<Vec<String>>,
}

impl Hosts {
    /// The accepted names of a server that listens on `address`.
    pub fn new(config: &Config, address: IpAddr) -> Self {
        // The names of apps, such as app://game, are no host names.
        let of_page = |origin: &String| origin.strip_prefix("https://").or(origin.strip_prefix("http://")).map(name);
        let pages = config.origins.iter().filter_map(of_page);
        let named = config.hosts.iter().cloned().chain(pages).collect();
        let limited = address.is_loopback() || !config.hosts.is_empty();
        Self { named: limited.then_some(named) }
    }

    /// Whether the name in a `Host` header is accepted. Only programs, not browsers, send none.
    pub fn know(&self, host: Option<&[u8]>) -> bool {
        let (Some(named), Some(host)) = (&self.named, host) else { return true };
        let Ok(host) = std::str::from_utf8(host) else { return false };
        let name = name(host);
        // DNS cannot make a foreign name resolve here if it is an IP address, or is never looked up outside the machine.
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
        address || name == "localhost" || name.ends_with(".localhost") || named.contains(&name)
    }
}

/// The name in an authority, normalized for comparison.
fn name(authority: &str) -> String {
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => authority,
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn only_known_names_pass() {
        let config = Config {
            origins: ["https://play.example:8443", "app://game", "null"].map(str::to_owned).into(),
            hosts: vec!["inside.example".to_owned()],
            ..Config::default()
        };
        let hosts = Hosts::new(&config, Ipv4Addr::LOCALHOST.into());
        for good in [
            "localhost",
            "LOCALHOST:8080",
            "demo.localhost:80",
            "127.0.0.1:8080",
            "[::1]:8080",
            "[::1]",
            "192.168.1.7",
            "play.example",
            "Play.Example.:443",
            "inside.example:1",
        ] {
            assert!(hosts.know(Some(good.as_bytes())), "{good}");
        }
        for bad in [
            "",
            "game",
            "null",
            "evil.example",
            "localhost.evil.example",
            "evil-play.example",
            "127.0.0.1.evil.example",
            "x:80:80",
        ] {
            assert!(!hosts.know(Some(bad.as_bytes())), "{bad}");
        }
        assert!(!hosts.know(Some(b"\xff")));
        assert!(hosts.know(None));
    }

    #[test]
    fn a_public_server_goes_by_any_name_until_told() {
        let open = Hosts::new(&Config::default(), Ipv4Addr::UNSPECIFIED.into());
        assert!(open.know(Some(b"play.example")));
        let config = Config { hosts: vec!["play.example".to_owned()], ..Config::default() };
        let told = Hosts::new(&config, Ipv4Addr::UNSPECIFIED.into());
        assert!(told.know(Some(b"play.example")) && !told.know(Some(b"evil.example")));
        assert!(!Hosts::new(&Config::default(), Ipv4Addr::LOCALHOST.into()).know(Some(b"play.example")));
    }
}
