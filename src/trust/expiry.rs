//! When a certificate expires: the one field of X.509 that is needed here.

/// When the certificate in DER expires, in seconds since 1970; `None` if that cannot be read.
pub fn expires(der: &[u8]) -> Option<u64> {
    const CONTENT: u8 = 0x30;
    const VERSION: u8 = 0xa0;
    let (CONTENT, certificate, _) = element(der)? else { return None };
    let (CONTENT, mut fields, _) = element(certificate)? else { return None };
    if element(fields)?.0 == VERSION {
        fields = element(fields)?.2;
    }
    // The serial number, the algorithm and the issuer.
    for _ in 0..3 {
        fields = element(fields)?.2;
    }
    let (CONTENT, validity, _) = element(fields)? else { return None };
    let (kind, text, _) = element(element(validity)?.2)?;
    time(kind, std::str::from_utf8(text).ok()?)
}

/// The first element: its tag, its content and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, short], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match short {
        0..=0x7f => (usize::from(short), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => rest.split_first_chunk::<2>().map(|(length, rest)| (u16::from_be_bytes(*length).into(), rest))?,
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn time(kind: u8, text: &str) -> Option<u64> {
    const SHORT: u8 = 0x17;
    const LONG: u8 = 0x18;
    let (year, rest) = match kind {
        SHORT => {
            let (year, rest) = text.split_at_checked(2)?;
            let year = year.parse::<u64>().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        LONG => text.split_at_checked(4).and_then(|(year, rest)| Some((year.parse().ok()?, rest)))?,
        _ => return None,
    };
    let digits = rest.strip_suffix('Z').filter(|digits| digits.len() == 10 && digits.is_ascii())?;
    let part = |at: usize| digits[at..at + 2].parse::<u64>().ok();
    let (month, day) = (part(0).filter(|month| (1..=12).contains(month))?, part(2)?);
    let seconds = part(4)? * 3600 + part(6)? * 60 + part(8)?;
    // Years begin in March, so that the leap day is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    // The first of January 1970 in the same count.
    days.checked_sub(719_469).map(|days| days * 86_400 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_since_1970() {
        for (kind, text, seconds) in [
            (0x17, "700101000000Z", Some(0)),
            (0x17, "000229235959Z", Some(951_868_799)),
            (0x17, "491231235959Z", Some(2_524_607_999)),
            (0x18, "20500101000000Z", Some(2_524_608_000)),
            (0x18, "20261129033047Z", Some(1_795_923_047)),
            (0x18, "99991231235959Z", Some(253_402_300_799)),
            (0x17, "20261129033047Z", None),
            (0x17, "261329033047Z", None),
            (0x17, "2611290330Z", None),
            (0x04, "700101000000Z", None),
        ] {
            assert_eq!(time(kind, text), seconds, "{text}");
        }
    }

    #[test]
    fn a_certificate_tells_when_it_expires_and_other_bytes_do_not() {
        let mut wanted = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name");
        wanted.not_after = rcgen::date_time_ymd(2031, 5, 6);
        let key = rcgen::KeyPair::generate().expect("a key");
        let made = wanted.self_signed(&key).expect("a certificate");
        let der = made.der();
        assert_eq!(expires(der), Some(1_935_792_000));
        for length in 0..150 {
            assert_eq!(expires(&der[..length]), None, "{length} bytes");
        }
    }
}
