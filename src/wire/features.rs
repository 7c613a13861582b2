//! What a peer knows beyond the core of the protocol. Peers of different age talk to each other in the features that both
//! know.

use serde::{Deserialize, Serialize};

/// A set of features. A hello has those that the client knows, a welcome those of them that the server uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features(pub u32);

impl Features {
    /// No feature.
    pub const NONE: Self = Self(0);
    /// Notes tell how early or late inputs arrive.
    pub const INPUT_LEAD: Self = Self(1);
    /// Inputs tell the moment that their player was shown.
    pub const VIEW_TIME: Self = Self(1 << 1);
    /// The client follows [`Redirect`](super::Redirect).
    pub const REDIRECT: Self = Self(1 << 2);
    /// The server takes [`FeelDigest`](super::ClientMessage::FeelDigest).
    pub const FEEL_DIGEST: Self = Self(1 << 3);
    /// The client connects ahead to the server that [`Prepare`](super::Prepare) names.
    pub const PREPARE: Self = Self(1 << 4);
    /// Zones that advance by one tick may be told in a [dense list](super::FrameStamp::Dense).
    pub const DENSE_LIST: Self = Self(1 << 5);

    /// Whether all of `other` are in the set.
    pub fn contain(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The features in both sets.
    #[must_use]
    pub fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The features in any of both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
