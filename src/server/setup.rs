//! Builds the gatekeeper and the certificate from a configuration. Checks configured values against each other and against
//! the files that they name; `config/parse.rs` checks each value alone.

use std::sync::Arc;

use super::config::Config;
use crate::actor::{Clock, Gatekeeper};
use crate::cluster;
#[cfg(feature = "cluster")]
use crate::cluster::Finding as ClusterFinding;
#[cfg(feature = "cluster")]
use crate::engine::cluster::NodeEntry;
use crate::engine::{Quota, RoomPolicy};
use crate::trust::{Certificate, ClientIpConfig, Keyring, Tokens};
use crate::wire::limits;

impl Config {
    /// Checks that the values are consistent, and that the files they name exist and are valid.
    ///
    /// # Errors
    /// One line that describes the fault. A server with such a configuration does not start.
    pub fn check(&self) -> Result<(), String> {
        self.keyring()?;
        self.membership("")?;
        self.certificate().map(drop)
    }

    /// How this server takes part in a cluster; `None` if it is alone.
    pub(super) fn membership(&self, build: &str) -> Result<Option<cluster::Settings>, String> {
        if self.redis.is_empty() {
            return if self.takeover {
                Err("takeover is set and redis is not: there is no other node".to_owned())
            } else if self.rehearse {
                Err("rehearse is set and redis is not: there is no other node".to_owned())
            } else {
                Ok(None)
            };
        }
        if !cfg!(feature = "cluster") {
            return Err("redis is set, but this build has no clusters: build it with the feature cluster".to_owned());
        }
        if self.advertise.is_empty() {
            let wanted =
                "set advertise to the URL at which clients reach this node, such as wss://n3.play.example/play";
            return Err(format!("redis is set and advertise is not: {wanted}"));
        }
        if !self.data.as_os_str().is_empty() {
            return Err(
                "redis and data are both set: the nodes of a cluster keep no rooms; leave data empty".to_owned()
            );
        }
        if !self.peer_address.is_empty() && !self.tls_cert.as_os_str().is_empty() {
            let why = "nodes speak to each other without TLS; let a proxy in front of them have the certificate";
            return Err(format!("peer_address and tls_cert are both set: {why}"));
        }
        Ok(Some(self.settings(build)))
    }

    fn settings(&self, build: &str) -> cluster::Settings {
        let authority = self.advertise.split('/').nth(2).unwrap_or_default();
        let name = if self.node.is_empty() { authority } else { &self.node };
        cluster::Settings {
            redis: self.redis.clone(),
            password: self.redis_password.reveal().to_owned(),
            advertise: self.advertise.clone(),
            peer_address: self.peer_address.clone(),
            cluster: self.cluster.clone(),
            name: name.to_owned(),
            lease: self.lease,
            version: build.to_owned(),
            most_rooms: self.most_rooms,
            takeover: self.takeover,
            replicas: self.redis_replicas as u32,
            rehearse: self.rehearse,
        }
    }

    /// Reads the keys for join tokens.
    ///
    /// # Errors
    /// One line that names the key and its fault.
    pub fn keyring(&self) -> Result<Keyring, String> {
        let keys = Keyring::read(self.token_secret.reveal(), &self.token_keys).map_err(|error| error.to_string())?;
        if keys.is_empty() && !self.guests {
            return Err("guests = false lets nobody in without token_keys or token_secret".to_owned());
        }
        Ok(keys)
    }

    /// When the configured certificate expires, in seconds since 1970; `None` if there is none or it does not say.
    ///
    /// # Errors
    /// One line that describes the fault of the certificate or its key.
    pub fn certificate_expires(&self) -> Result<Option<u64>, String> {
        Ok(self.certificate()?.and_then(|certificate| certificate.expires()))
    }

    /// The nodes of the cluster to which this configuration belongs.
    ///
    /// # Errors
    /// Redis does not answer, or the configuration names none.
    #[cfg(feature = "cluster")]
    pub async fn cluster_nodes(&self) -> Result<Vec<NodeEntry>, String> {
        cluster::nodes(&self.settings("")).await.map_err(|error| error.to_string())
    }

    /// What is wrong with the Redis of the cluster. `now`: this machine's clock, in seconds since 1970.
    ///
    /// # Errors
    /// Redis does not answer, or the configuration names none.
    #[cfg(feature = "cluster")]
    pub async fn cluster_findings(&self, now: u64) -> Result<Vec<ClusterFinding>, String> {
        cluster::findings(&self.settings(""), now).await.map_err(|error| error.to_string())
    }

    pub(super) fn certificate(&self) -> Result<Option<Arc<Certificate>>, String> {
        match (self.tls_cert.as_os_str().is_empty(), self.tls_key.as_os_str().is_empty()) {
            (true, true) => Ok(None),
            (false, false) => Certificate::read(&self.tls_cert, &self.tls_key).map(Some),
            (true, false) => Err("tls_key is set and tls_cert is not: TLS needs both".to_owned()),
            (false, true) => Err("tls_cert is set and tls_key is not: TLS needs both".to_owned()),
        }
    }

    /// The policy of rooms whose creator asked for nothing else.
    pub(super) fn room_policy(&self) -> RoomPolicy {
        RoomPolicy {
            capacity: None,
            hold: self.hold_seats_for,
            idle_after: self.idle_after,
            empty_for: self.empty_room_for,
            most_spectators: self.most_spectators,
            second_device: self.second_device,
        }
    }

    pub(super) fn gatekeeper(&self, clock: Clock) -> Result<Arc<Gatekeeper>, String> {
        let quota = Quota {
            sessions: self.most_sessions,
            connections: self.most_sessions + limits::OTHER_CONNECTIONS,
            connections_per_address: self.connections_per_address,
            attempts_per_address: self.attempts_per_address,
            rooms_per_address: self.rooms_per_address,
        };
        let client_ip_config = ClientIpConfig {
            proxies: self.trusted_proxies.clone(),
            exempt: self.exempt.clone(),
            header: self.forwarded_header,
        };
        let tokens = Tokens::new(self.keyring()?, &self.token_audience, &self.token_issuer, self.guests);
        Ok(Gatekeeper::new(quota, client_ip_config, tokens, clock, self.come_back_within))
    }
}
