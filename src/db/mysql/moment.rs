//! Dates and times in the binary form of the protocol, as the servers write them as text.

/// A date, or a date with a time: `2026-01-31`, `2026-01-31 13:05:00.250000`.
pub(super) fn date(bytes: &[u8], with_time: bool) -> Option<String> {
    let (length, parts) = bytes.split_first()?;
    let parts = parts.get(..usize::from(*length))?;
    let at = |index: usize| parts.get(index).copied().unwrap_or_default();
    let year = u16::from_le_bytes([at(0), at(1)]);
    let day = format!("{year:04}-{:02}-{:02}", at(2), at(3));
    if !with_time {
        return Some(day);
    }
    let time = format!("{:02}:{:02}:{:02}", at(4), at(5), at(6));
    let micros = u32::from_le_bytes([at(7), at(8), at(9), at(10)]);
    Some(format!("{day} {time}{}", fraction(micros)))
}

/// A time of day, or a span of up to 838 hours: `-13:05:00.250000`.
pub(super) fn time(bytes: &[u8]) -> Option<String> {
    let (length, parts) = bytes.split_first()?;
    let parts = parts.get(..usize::from(*length))?;
    let at = |index: usize| parts.get(index).copied().unwrap_or_default();
    let sign = if at(0) == 1 { "-" } else { "" };
    let days = u32::from_le_bytes([at(1), at(2), at(3), at(4)]);
    let hours = u64::from(days) * 24 + u64::from(at(5));
    let micros = u32::from_le_bytes([at(8), at(9), at(10), at(11)]);
    Some(format!(
        "{sign}{hours:02}:{:02}:{:02}{}",
        at(6),
        at(7),
        fraction(micros)
    ))
}

fn fraction(micros: u32) -> String {
    match micros {
        0 => String::new(),
        micros => format!(".{micros:06}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_zero() {
        let moment = [7, 0xea, 0x07, 1, 24, 10, 0, 5];
        assert_eq!(date(&moment, true).as_deref(), Some("2026-01-24 10:00:05"));
        assert_eq!(
            date(&[4, 0xea, 0x07, 1, 24], false).as_deref(),
            Some("2026-01-24")
        );
        assert_eq!(date(&[0], true).as_deref(), Some("0000-00-00 00:00:00"));
        let fine = [11, 0xea, 0x07, 12, 31, 23, 59, 59, 0xa0, 0x86, 0x01, 0];
        assert_eq!(
            date(&fine, true).as_deref(),
            Some("2026-12-31 23:59:59.100000")
        );
        assert_eq!(time(&[0]).as_deref(), Some("00:00:00"));
        let span = [8, 1, 2, 0, 0, 0, 3, 4, 5];
        assert_eq!(time(&span).as_deref(), Some("-51:04:05"));
        for torn in [&[][..], &[7, 1], &[12, 0, 0]] {
            assert_eq!((date(torn, true), time(torn)), (None, None));
        }
    }
}
