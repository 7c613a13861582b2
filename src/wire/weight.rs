//! What a message takes on the wire: the WebSocket header around it and TCP/IP around that. For figures; nothing here is
//! sent. TLS, acknowledgements that carry nothing, and the link's own headers are left out.

/// IPv4 and TCP with timestamps, which Linux sends by default; 12 less without.
pub const TCP_IP: usize = 52;

/// Bytes of a message as a WebSocket frame of its own in a TCP segment of its own (or as few as it takes).
///
/// `masked`: from a client, which masks what it sends.
pub fn on_the_wire(message: usize, masked: bool) -> usize {
    /// What is left of an Ethernet frame.
    const SEGMENT: usize = 1500 - TCP_IP;
    let length = match message {
        0..=125 => 2,
        126..=65_535 => 4,
        _ => 10,
    };
    let frame = message + length + if masked { 4 } else { 0 };
    frame + frame.div_ceil(SEGMENT) * TCP_IP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_grow_with_the_message() {
        let around = |message, masked| on_the_wire(message, masked) - message;
        assert_eq!([0, 125, 126, 1444].map(|message| around(message, false)), [54, 54, 56, 56]);
        assert_eq!((around(4, true), around(1445, false), around(70_000, false)), (58, 108, 10 + 49 * 52));
    }
}
