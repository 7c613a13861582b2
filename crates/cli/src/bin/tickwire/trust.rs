//! The findings of `tickwire doctor` about admission: tokens, proxies, limits per address, certificates.

use tickwire::Config;

use crate::doctor::{Finding, Verdict};

/// The findings.
pub fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |verdict, what: String, mend: &str| findings.push(Finding { verdict, what, mend: mend.to_owned() });
    if let Err(error) = config.check() {
        find(Verdict::Unsafe, error, "the server does not start with this configuration");
    }
    if config.trusted_proxies.iter().any(|net| net.prefix_len() == 0) {
        find(
            Verdict::Unsafe,
            "trusted_proxies lists everyone, so clients can choose their own address".to_owned(),
            "list the addresses of the proxies",
        );
    }
    if let Some(net) = config.exempt.iter().find(|net| !net.network().is_loopback()) {
        find(
            Verdict::Unwise,
            format!("exempt lists {net}: limits per address do not apply to clients from there"),
            "list networks only during a load test",
        );
    }
    // Pages over HTTPS cannot connect without TLS, and nobody on this machine needs another name: something is in front.
    let over_tls = config.origins.iter().any(|origin| origin.starts_with("https://"));
    let behind_a_proxy = match (over_tls && config.tls_cert.as_os_str().is_empty(), &config.hosts[..]) {
        (true, _) => Some("origins lists https pages and tls_cert is empty"),
        (false, [_, ..]) if config.bind.ip().is_loopback() => Some("bind is local and hosts lists names"),
        _ => None,
    };
    if let (Some(sign), true) = (behind_a_proxy, config.trusted_proxies.is_empty()) {
        let outcome = if config.bind.ip().is_loopback() {
            "seem to be this machine, to which limits per address do not apply".to_owned()
        } else {
            format!("count as one address, which may have {} connections", config.connections_per_address)
        };
        find(
            Verdict::Unwise,
            format!(
                "{sign}, so there is a proxy, but trusted_proxies is empty: all clients behind the proxy {outcome}"
            ),
            "set trusted_proxies to the proxy's address, such as [\"127.0.0.1\"] (deploy/PROXIES.md)",
        );
    }
    let keys = !config.token_keys.is_empty() || config.token_secret != tickwire::server::Secret::default();
    if keys && config.guests {
        find(
            Verdict::Unwise,
            "keys for join tokens are set and guests = true: players without a token may join as well".to_owned(),
            "set guests = false if only players with a token may join",
        );
    }
    if keys && !config.require_origin && !config.bind.ip().is_loopback() && config.guests {
        find(
            Verdict::Unwise,
            "require_origin = false admits programs other than browsers without a token".to_owned(),
            "set require_origin = true if only browsers may connect",
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(config: &Config) -> (Verdict, String) {
        let findings = examine(config);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].to_string().lines().count(), 1);
        (findings[0].verdict, findings[0].to_string())
    }

    #[test]
    fn each_risk_is_found_alone() {
        let nets = |text: &str| vec![text.parse().expect("a network")];
        assert!(examine(&Config::demo()).is_empty());
        let (verdict, text) = only(&Config { guests: false, ..Config::demo() });
        assert!(verdict == Verdict::Unsafe && text.contains("nobody"), "{text}");
        let (verdict, text) = only(&Config { tls_key: "key.pem".into(), ..Config::demo() });
        assert!(verdict == Verdict::Unsafe && text.contains("tls_cert"), "{text}");
        let (verdict, text) = only(&Config { trusted_proxies: nets("0.0.0.0/0"), ..Config::demo() });
        assert!(verdict == Verdict::Unsafe && text.contains("everyone"), "{text}");
        let (verdict, text) = only(&Config { exempt: nets("10.0.0.0/8"), ..Config::demo() });
        assert!(verdict == Verdict::Unwise && text.contains("10.0.0.0/8"), "{text}");
        let proxied = Config { origins: vec!["https://play.example".to_owned()], ..Config::demo() };
        let (verdict, text) = only(&proxied);
        assert!(verdict == Verdict::Unwise && text.contains("trusted_proxies"), "{text}");
        let (verdict, text) = only(&Config { bind: ([10, 0, 0, 1], 8080).into(), ..proxied.clone() });
        assert!(verdict == Verdict::Unwise && text.contains("may have 100 connections"), "{text}");
        assert!(examine(&Config { trusted_proxies: nets("127.0.0.1/32"), ..proxied }).is_empty());
        let tunnel = Config { hosts: vec!["a.tunnel.example".to_owned()], ..Config::demo() };
        let (verdict, text) = only(&tunnel);
        assert!(verdict == Verdict::Unwise && text.contains("hosts lists names"), "{text}");
        let (verdict, text) = only(&Config { token_secret: "x".repeat(32).into(), ..Config::demo() });
        assert!(verdict == Verdict::Unwise && text.contains("guests") && !text.contains("xxx"), "{text}");
    }
}
