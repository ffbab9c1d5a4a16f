//! Hints made from readable names alone.

use crate::catalog::Model;

/// Names are listed in a hint up to this many; above it only the nearest is named.
const LISTED: usize = 24;

/// The candidate that the name is most likely a misspelling of, or none rather than a wrong one.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    // Names of a request may be as long as the message: what is far longer than any field is no
    // misspelling, and is not worth the quadratic comparison.
    if name.len() > 128 {
        return None;
    }
    let lower = name.to_lowercase();
    candidates
        .map(|candidate| {
            let distance = strsim::osa_distance(&lower, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
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
        (None, None) => format!("describe {} lists its fields", model.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_misspelling_finds_its_name_and_a_stranger_none() {
        let names = || ["limit", "offset", "filters", "cursor"].into_iter();
        assert_eq!(nearest("limt", names()), Some("limit"));
        assert_eq!(nearest("Filter", names()), Some("filters"));
        assert_eq!(nearest("ofsfet", names()), Some("offset"));
        assert_eq!(nearest("password", names()), None);
        assert_eq!(nearest(&"x".repeat(9000), names()), None);
    }
}
