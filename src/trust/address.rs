//! Whose connection it is: the peer, or whom a trusted proxy names, as an address that limits count by.
//!
//! Only what trusted proxies wrote is believed: of the addresses in the header, the right-most one that is no trusted
//! proxy. Whatever stands left of it, the visitor may have written.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::engine::Address;

/// The header in which proxies say for whom they connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`: addresses, cut at commas.
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

/// Which addresses are whose.
#[derive(Clone, Debug)]
pub struct Neighbourhood {
    /// Proxies whose word counts.
    pub proxies: Vec<IpNet>,
    /// Addresses that no limit per address applies to.
    pub exempt: Vec<IpNet>,
    /// Where proxies put their word.
    pub header: ForwardedHeader,
}

/// A visitor as limits see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who it is, whether there are limits for them or not.
    pub visitor: Address,
    /// What their limits count by; `None`: they have none.
    pub address: Option<Address>,
    /// Whether the connection is a proxy's.
    pub through_proxy: bool,
}

impl Neighbourhood {
    /// Whether connections of `peer` are a proxy's, so that they are not the peer's own.
    pub fn is_proxy(&self, peer: IpAddr) -> bool {
        holds(&self.proxies, peer)
    }

    /// What the connections of `peer` count by.
    pub fn connection(&self, peer: IpAddr) -> Option<Address> {
        (!self.is_proxy(peer) && !holds(&self.exempt, peer)).then(|| address(peer))
    }

    /// For whom `peer` asks, given the values of the header in their order.
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
            // A proxy itself, such as when it asks for its own sake, or a visitor who is let do anything.
            Some(ip) if holds(&self.exempt, ip) => None,
            Some(ip) => Some(address(ip)),
            // A proxy that will not say is one visitor, and never exempt.
            None => Some(address(peer)),
        };
        let visitor = self::address(visitor.unwrap_or(peer));
        Caller { visitor, address, through_proxy: through_proxy && named }
    }

    /// The address in an entry of the header; ports are not looked at.
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

/// IPv4 as it is, IPv6 by the first 64 bits: a household has that many.
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

    fn street(header: ForwardedHeader) -> Neighbourhood {
        let nets = |list: &[&str]| list.iter().map(|net| net.parse().expect("a network")).collect();
        Neighbourhood { proxies: nets(&["10.0.0.0/8", "fd00::/8"]), exempt: nets(&["127.0.0.0/8"]), header }
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
        // Nobody but a proxy is believed.
        assert_eq!(ask("1.2.3.4", &["9.9.9.9"]), of("1.2.3.4", false));
        assert_eq!(ask("10.0.0.1", &["9.9.9.9"]), of("9.9.9.9", true));
        assert_eq!(ask("10.0.0.1", &["6.6.6.6, 9.9.9.9"]), of("9.9.9.9", true));
        assert_eq!(ask("10.0.0.1", &["6.6.6.6", "9.9.9.9, 10.0.0.7"]), of("9.9.9.9", true));
        assert_eq!(ask("::ffff:10.0.0.1", &[" 9.9.9.9:4711 "]), of("9.9.9.9", true));
        assert_eq!(ask("fd00::1", &["[2001:db8::1]:443"]), of("2001:db8::", true));
        assert_eq!(ask("fd00::1", &["2001:db8:0:0:5:6:7:8"]), of("2001:db8::1", true));
        // A proxy that says nothing asks for itself; one that says nonsense is one visitor.
        assert_eq!(ask("10.0.0.1", &[]), of("10.0.0.1", false));
        assert_eq!(ask("10.0.0.1", &["9.9.9.9, unknown"]), of("10.0.0.1", true));
        assert_eq!(ask("10.0.0.1", &[""]), of("10.0.0.1", true));
        assert_eq!(ask("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), of("10.0.0.3", true));
        // Exempt is who connects from there, not who says so.
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
