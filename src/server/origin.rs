//! Which pages may open a session. Browsers send the page's true origin, so an exact comparison stops other sites from
//! playing in a user's name. Programs send no origin and are admitted: they carry nobody's ambient credentials.

/// Whether a page of `origin` may connect to a server that was addressed as `host`.
pub fn may_connect(origin: Option<&[u8]>, host: &str, listed: &[String]) -> bool {
    let Some(origin) = origin else { return true };
    let Ok(origin) = std::str::from_utf8(origin) else { return false };
    if listed.iter().any(|listed| listed == origin) {
        return true;
    }
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default_port = match scheme {
        "http" => "80",
        "https" => "443",
        _ => return false,
    };
    let (origin_name, origin_port) = split_port(authority, default_port);
    let (host_name, host_port) = split_port(host, default_port);
    let same = origin_name == host_name && origin_port == host_port;
    same || matches!(origin_name, "localhost" | "127.0.0.1" | "[::1]")
}

fn split_port<'a>(authority: &'a str, default: &'a str) -> (&'a str, &'a str) {
    match authority.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ => (authority, default),
    }
}

#[cfg(test)]
mod tests {
    use super::may_connect;

    #[test]
    fn only_exact_origins_pass() {
        let listed = ["https://play.example".to_owned()];
        let ask = |origin: &str| may_connect(Some(origin.as_bytes()), "good.com:8080", &listed);
        for origin in [
            "http://good.com:8080",
            "http://localhost:3000",
            "http://127.0.0.1",
            "http://[::1]:9",
            "https://play.example",
        ] {
            assert!(ask(origin), "{origin}");
        }
        for origin in [
            "null",
            "",
            "http://evil-good.com:8080",
            "http://good.com.evil:8080",
            "http://good.com",
            "https://good.com",
            "http://GOOD.com:8080",
            "file://good.com:8080",
            "http://good.com:8080.evil",
            "https://play.example.evil",
            "http://play.example",
            "http://localhost.evil",
        ] {
            assert!(!ask(origin), "{origin}");
        }
        assert!(may_connect(None, "good.com:8080", &listed));
        assert!(may_connect(Some(b"http://good.com"), "good.com", &[]));
        assert!(!may_connect(Some(b"\xff"), "good.com", &[]));
    }
}
