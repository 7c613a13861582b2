//! The upgrade request that every test sends. Tests of invalid heads write them out themselves.

/// The protocol that the server speaks.
pub const SUBPROTOCOL: &str = "Sec-WebSocket-Protocol: tickwire.v2\r\n";

/// The head with these further headers, each with its line break.
pub fn upgrade(headers: &str) -> String {
    format!(
        "GET /play HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
}
