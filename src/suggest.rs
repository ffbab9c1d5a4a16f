//! Hints made from readable names alone.

pub(crate) mod words;

use crate::catalog::Model;

/// Names are listed in a hint up to this many; above it only the nearest is named.
const LISTED: usize = 24;
/// Values are told up to this many.
const NEAREST: usize = 5;

/// The candidate that the name is most likely a misspelling of, or none rather than a wrong one.
///
/// One slip is allowed, two in names of six letters or more; where two candidates are equally
/// near, none is named.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Names of a request may be as long as the message: what is far longer than any field is no
    // misspelling, and is not worth the quadratic comparison.
    if name.len() > 128 {
        return None;
    }
    let name = name.to_lowercase();
    let allowed = if name.chars().count() < 6 { 1 } else { 2 };
    let mut best: Option<(usize, &str)> = None;
    let mut tied = false;
    for candidate in candidates {
        let distance = strsim::osa_distance(&name, &candidate.to_lowercase());
        match best {
            Some((least, _)) if distance > least => {}
            Some((least, named)) if distance == least => tied |= named != candidate,
            _ => {
                best = Some((distance, candidate));
                tied = false;
            }
        }
    }
    best.filter(|(distance, _)| !tied && *distance <= allowed)
        .map(|(_, candidate)| candidate)
}

/// The values that are nearest to a word, at most five, nearest first.
pub(crate) fn by_distance(word: &str, mut values: Vec<String>) -> Vec<String> {
    let word = word.to_lowercase();
    values.sort_by_cached_key(|value| strsim::osa_distance(&word, &value.to_lowercase()));
    values.truncate(NEAREST);
    values
}

/// What to do about a field that cannot be used: the nearest one, and the list where it is short.
///
/// The words depend on the readable fields and the name alone, so that a hidden field reads as an
/// unknown one.
pub(crate) fn fields(name: &str, model: &Model) -> String {
    let near = nearest(name, model.fields().iter().map(|field| field.name()));
    let near = near.map(|near| format!("did you mean {near:?}?"));
    let all = (model.fields().len() <= LISTED).then(|| {
        let names: Vec<&str> = model.fields().iter().map(|field| field.name()).collect();
        format!("fields of {}: {}", model.name(), names.join(", "))
    });
    match (near, all) {
        (Some(near), Some(all)) => format!("{near} {all}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => format!("the description of {} tells its fields", model.name()),
    }
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
        assert_eq!(nearest(&"x".repeat(9000), models), None);
    }

    #[test]
    fn a_tie_names_nobody() {
        assert_eq!(nearest("cat", ["bat", "rat"]), None);
        assert_eq!(nearest("cat", ["bat", "bat"]), Some("bat"));
    }
}
