//! The nearest of some names to one that was mistyped, or none rather than a wrong one.

/// The one candidate that is close enough to what was typed to be meant by it.
///
/// One slip is allowed, two in words of six letters or more; where two candidates are equally
/// near, none is named.
pub(super) fn nearest<'a>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let allowed = if typed.chars().count() < 6 { 1 } else { 2 };
    let mut best: Option<(usize, &str)> = None;
    let mut tied = false;
    for candidate in candidates {
        let distance = strsim::damerau_levenshtein(&typed, &candidate.to_lowercase());
        match best {
            Some((least, _)) if distance > least => {}
            Some((least, _)) if distance == least => tied = true,
            _ => {
                best = Some((distance, candidate));
                tied = false;
            }
        }
    }
    best.filter(|(distance, _)| !tied && *distance <= allowed)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let models = ["users", "tickets", "change_log"];
        assert_eq!(nearest("user", models), Some("users"));
        assert_eq!(nearest("Users", models), Some("users"));
        assert_eq!(nearest("usres", models), Some("users"));
        assert_eq!(nearest("chnage_lo", models), Some("change_log"));
        assert_eq!(nearest("orders", models), None);
        assert_eq!(nearest("instal", ["init", "config"]), None);
    }

    #[test]
    fn a_tie_names_nobody() {
        assert_eq!(nearest("cat", ["bat", "rat"]), None);
    }
}
