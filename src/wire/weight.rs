//! The size of a message on the wire, with its WebSocket header and TCP/IP around it. For figures only; nothing here is
//! sent. TLS, pure acknowledgements and the headers of the link layer are not counted.

/// Bytes of IPv4 and TCP headers with timestamps, which Linux sends by default; 12 bytes less without.
pub const TCP_IP: usize = 52;

/// Bytes of a message sent as one WebSocket frame, in a TCP segment of its own (or as few as it needs).
///
/// `masked`: whether a client sends it; clients mask their frames.
pub fn on_the_wire(message: usize, masked: bool) -> usize {
    /// The payload of an Ethernet frame without the TCP/IP headers.
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
