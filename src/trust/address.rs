//! Resolves a client's address: the peer's, or the one that a trusted proxy names, in the form in which limits count it.
//!
//! Only entries of trusted proxies are believed: the client is the right-most address in the header that is not a trusted
//! proxy. The client may have written everything to the left of it.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::engine::Address;

/// The header in which proxies forward the client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`: addresses separated by commas.
    XForwardedFor,
    /// `Forwarded`, of RFC 7239.
    Forwarded,
}

impl ForwardedHeader {
    /// The header's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

/// The configured networks: proxies and exemptions.
#[derive(Clone, Debug)]
pub struct ClientIpConfig {
    /// Trusted proxies.
    pub proxies: Vec<IpNet>,
    /// Addresses to which limits per address do not apply.
    pub exempt: Vec<IpNet>,
    /// The header that the proxies set.
    pub header: ForwardedHeader,
}

/// A client as limits see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The client's address, whether limits apply to it or not.
    pub visitor: Address,
    /// The address that the client's limits are counted against; `None` if the client is exempt.
    pub address: Option<Address>,
    /// Whether a proxy forwarded the connection.
    pub through_proxy: bool,
}

impl ClientIpConfig {
    /// Whether `peer` is a proxy, so that its connections belong to other clients.
    pub fn is_proxy(&self, peer: IpAddr) -> bool {
        holds(&self.proxies, peer)
    }

    /// The address on which connections of `peer` are counted; `None`: they are not limited.
    pub fn connection(&self, peer: IpAddr) -> Option<Address> {
        (!self.is_proxy(peer) && !holds(&self.exempt, peer)).then(|| address(peer))
    }

    /// Resolves the client of a request from `peer`, given the values of the forwarding header in their order.
    pub fn caller<'a>(&self, peer: IpAddr, values: impl DoubleEndedIterator<Item = &'a str>) -> Caller {
        let through_proxy = self.is_proxy(peer);
        let hops = values.rev().flat_map(|value| value.rsplit(',')).take(if through_proxy { usize::MAX } else { 0 });
        let mut visitor = Some(peer);
        let mut named = false;
        for hop in hops {
            named = true;
            visitor = self.read(hop);
            if !visitor.is_some_and(|hop| self.is_proxy(hop)) {
                break;
            }
        }
        let address = match visitor {
            // A proxy that sends a request of its own, or an exempt client.
            Some(ip) if holds(&self.exempt, ip) => None,
            Some(ip) => Some(address(ip)),
            // Without a readable address from the proxy, the proxy itself counts as one client, which is never exempt.
            None => Some(address(peer)),
        };
        let visitor = self::address(visitor.unwrap_or(peer));
        Caller { visitor, address, through_proxy: through_proxy && named }
    }

    /// The address in an entry of the header; ports are ignored.
    fn read(&self, hop: &str) -> Option<IpAddr> {
        let hop = match self.header {
            ForwardedHeader::XForwardedFor => hop,
            ForwardedHeader::Forwarded => hop.split(';').find_map(|pair| {
                let (key, value) = pair.split_once('=')?;
                key.trim().eq_ignore_ascii_case("for").then_some(value)
            })?,
        };
        let hop = hop.trim().trim_matches('"');
        let bracketed = hop.strip_prefix('[').and_then(|rest| rest.split(']').next());
        let bare = bracketed.unwrap_or(hop);
        let without_port = || bare.split_once(':').and_then(|(ip, _)| ip.parse().ok());
        bare.parse().ok().or_else(without_port)
    }
}

/// IPv4 addresses as they are; IPv6 addresses by their first 64 bits, which is what one household gets.
fn address(ip: IpAddr) -> Address {
    match ip.to_canonical() {
        IpAddr::V4(ip) => Address(u128::from(ip.to_ipv6_mapped())),
        IpAddr::V6(ip) => Address(u128::from(ip) >> 64 << 64),
    }
}

fn holds(nets: &[IpNet], ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    nets.iter().any(|net| net.contains(&ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn street(header: ForwardedHeader) -> ClientIpConfig {
        let nets = |list: &[&str]| list.iter().map(|net| net.parse().expect("a network")).collect();
        ClientIpConfig { proxies: nets(&["10.0.0.0/8", "fd00::/8"]), exempt: nets(&["127.0.0.0/8"]), header }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn the_right_most_stranger_counts() {
        let street = street(ForwardedHeader::XForwardedFor);
        let ask = |peer: &str, values: &[&str]| street.caller(ip(peer), values.iter().copied());
        let of = |text: &str, through_proxy| {
            let visitor = address(ip(text));
            Caller { visitor, address: Some(visitor), through_proxy }
        };
        // Only proxies are believed.
        assert_eq!(ask("1.2.3.4", &["9.9.9.9"]), of("1.2.3.4", false));
        assert_eq!(ask("10.0.0.1", &["9.9.9.9"]), of("9.9.9.9", true));
        assert_eq!(ask("10.0.0.1", &["6.6.6.6, 9.9.9.9"]), of("9.9.9.9", true));
        assert_eq!(ask("10.0.0.1", &["6.6.6.6", "9.9.9.9, 10.0.0.7"]), of("9.9.9.9", true));
        assert_eq!(ask("::ffff:10.0.0.1", &[" 9.9.9.9:4711 "]), of("9.9.9.9", true));
        assert_eq!(ask("fd00::1", &["[2001:db8::1]:443"]), of("2001:db8::", true));
        assert_eq!(ask("fd00::1", &["2001:db8:0:0:5:6:7:8"]), of("2001:db8::1", true));
        // A proxy that forwards no address is the client itself; one that forwards an unreadable one counts as one client.
        assert_eq!(ask("10.0.0.1", &[]), of("10.0.0.1", false));
        assert_eq!(ask("10.0.0.1", &["9.9.9.9, unknown"]), of("10.0.0.1", true));
        assert_eq!(ask("10.0.0.1", &[""]), of("10.0.0.1", true));
        assert_eq!(ask("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), of("10.0.0.3", true));
        // An exemption applies to connecting addresses, not to claimed ones.
        assert_eq!(ask("127.0.0.1", &["9.9.9.9"]).address, None);
        assert_eq!(ask("1.2.3.4", &["127.0.0.1"]), of("1.2.3.4", false));
        assert_eq!(ask("10.0.0.1", &["127.0.0.1, 9.9.9.9"]), of("9.9.9.9", true));
    }

    #[test]
    fn the_standard_header_is_read_too() {
        let street = street(ForwardedHeader::Forwarded);
        let of = |value: &str| street.caller(ip("10.0.0.1"), [value].into_iter()).address;
        let known = Some(address(ip("9.9.9.9")));
        for value in
            ["for=9.9.9.9", "FOR=\"9.9.9.9:80\";proto=https", "for=6.6.6.6, proto=https;for=9.9.9.9;by=10.0.0.1"]
        {
            assert_eq!(of(value), known, "{value}");
        }
        assert_eq!(of("for=\"[2001:db8::7]:4711\""), Some(address(ip("2001:db8::"))));
        for value in ["for=_hidden", "proto=https", "9.9.9.9", "for=9.9.9.9, for=unknown"] {
            assert_eq!(of(value), Some(address(ip("10.0.0.1"))), "{value}");
        }
    }

    #[test]
    fn households_are_one_address() {
        assert_eq!(address(ip("2001:db8:1:2:3::4")), address(ip("2001:db8:1:2::")));
        assert_ne!(address(ip("2001:db8:1:2::1")), address(ip("2001:db8:1:3::1")));
        assert_eq!(address(ip("::ffff:1.2.3.4")), address(ip("1.2.3.4")));
        assert_ne!(address(ip("1.2.3.4")), address(ip("1.2.3.5")));
    }
}
