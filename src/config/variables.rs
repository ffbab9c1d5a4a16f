//! The one table of the variables, and the guess at what a misspelt name meant.

use std::borrow::Cow;

use super::change::Widens;
use super::{admin, audit, data, instances, limits, log, network, pool, service, store, tools};

/// A variable of the environment that the service reads.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// The name, in capitals.
    pub name: &'static str,
    /// The default as one would type it; `None` leaves the variable unset.
    pub default: Option<&'static str>,
    /// What it means, in one line.
    pub meaning: &'static str,
    /// Whether the value is never shown; `…_FILE` then names a file that holds it.
    pub secret: bool,
    /// Which change may let somebody see more, where a reload puts a change in force; without it,
    /// a change waits for a restart.
    pub(super) follows: Option<Widens>,
}

impl Variable {
    /// Lets a reload put a change in force.
    pub(super) const fn follows(self, widens: Widens) -> Self {
        Self {
            follows: Some(widens),
            ..self
        }
    }

    /// Whether a reload puts a change in force; else it waits for a restart.
    pub fn follows_reload(&self) -> bool {
        self.follows.is_some()
    }
}

pub(super) const fn unset(name: &'static str, meaning: &'static str) -> Variable {
    Variable {
        name,
        default: None,
        meaning,
        secret: false,
        follows: None,
    }
}

pub(super) const fn variable(
    name: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Variable {
    Variable {
        default: Some(default),
        ..unset(name, meaning)
    }
}

pub(super) const fn secret(name: &'static str, meaning: &'static str) -> Variable {
    Variable {
        secret: true,
        ..unset(name, meaning)
    }
}

/// The variables of one concern.
#[derive(Debug)]
pub struct Group {
    /// What they are about.
    pub title: &'static str,
    /// The variables, in the order in which people meet them.
    pub variables: &'static [Variable],
}

impl Group {
    /// Every name that is read: the variables, and the `…_FILE` form of each secret.
    pub(super) fn names(&self) -> impl Iterator<Item = Cow<'static, str>> {
        self.variables.iter().flat_map(|variable| {
            let file = variable
                .secret
                .then(|| format!("{}_FILE", variable.name).into());
            [Some(variable.name.into()), file].into_iter().flatten()
        })
    }
}

/// The variables by what they are about, in the order of `.env.example` and of the README.
pub const GROUPS: [&Group; 11] = [
    &service::GROUP,
    &data::GROUP,
    &limits::GROUP,
    &network::GROUP,
    &pool::GROUP,
    &instances::GROUP,
    &store::GROUP,
    &admin::GROUP,
    &tools::GROUP,
    &audit::GROUP,
    &log::GROUP,
];

/// Every variable, group by group.
pub fn all() -> impl Iterator<Item = &'static Variable> {
    GROUPS.into_iter().flat_map(|group| group.variables)
}

/// The variable of a name, exactly as written.
pub fn find(name: &str) -> Option<&'static Variable> {
    all().find(|variable| variable.name == name)
}

/// Which change of a variable, or of the file of a secret, may let somebody see more; none where it
/// waits for a restart.
pub(super) fn follows(name: &str) -> Option<Widens> {
    match find(name) {
        Some(variable) => variable.follows,
        // What the file holds counts as the secret's own value.
        None => find(name.strip_suffix("_FILE")?)?
            .follows
            .map(|_| Widens::Never),
    }
}

/// The names that other applications use beside ours, one edit away.
const NAMES_OF_OTHERS: &[&str] = &["DATABASE_URI"];

/// Whether it is one of the secrets.
pub(crate) fn is_secret(name: &str) -> bool {
    find(name).is_some_and(|variable| variable.secret)
}

/// Every name that is read: the variables, and the `…_FILE` form of each secret.
pub(super) fn names() -> impl Iterator<Item = Cow<'static, str>> {
    GROUPS.into_iter().flat_map(Group::names)
}

/// Whether a name is read, exactly as written.
pub(super) fn is_known(name: &str) -> bool {
    names().any(|known| known == name)
}

/// The variable that an unknown name looks like a misspelling of.
///
/// One edit (a character left out, added, changed, or swapped with its neighbour) in any case of
/// letters; two in names so long that a second one leaves no doubt.
pub(super) fn nearest(name: &str) -> Option<Cow<'static, str>> {
    const LONG: usize = 18;
    let folded = name.to_ascii_uppercase().replace('-', "_");
    if NAMES_OF_OTHERS.contains(&folded.as_str()) {
        return None;
    }
    let (distance, nearest) = names()
        .filter(|known| known.len().abs_diff(folded.len()) <= 2)
        .map(|known| (strsim::osa_distance(&known, &folded), known))
        .min_by_key(|(distance, _)| *distance)?;
    let allowed = if nearest.len() >= LONG { 2 } else { 1 };
    (distance <= allowed).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_too_far_apart_to_be_confused() {
        let names: Vec<_> = names().collect();
        for (index, name) in names.iter().enumerate() {
            for other in &names[..index] {
                let distance = strsim::osa_distance(name, other);
                assert!(distance > 2, "{name} {other}");
            }
        }
    }

    #[test]
    fn every_single_edit_is_traced_back() {
        let mut cases = 0;
        for name in names() {
            for at in 0..name.len() {
                let (before, rest) = name.split_at(at);
                let (own, after) = rest.split_at(1);
                let mut edits = vec![
                    format!("{before}{after}"),
                    format!("{before}Q{rest}"),
                    format!("{before}{own}{rest}"),
                    format!("{before}_{after}"),
                    format!("{before}{}{after}", own.to_lowercase()),
                ];
                if let Some(next) = after.chars().next() {
                    edits.push(format!("{before}{next}{own}{}", &after[1..]));
                }
                for edit in edits.into_iter().filter(|edit| !is_known(edit)) {
                    cases += 1;
                    assert_eq!(nearest(&edit).as_deref(), Some(&*name), "{edit}");
                }
            }
        }
        assert!(cases > 2000, "{cases}");
    }

    #[test]
    fn no_guess_is_better_than_a_wrong_one() {
        for name in [
            "MCP_PAGE_LIMIT",
            "MCP_ALLOWED_PORTS",
            "MCP_HOST",
            "MCP",
            "DATABASE",
            "",
            "URL",
            "MCP_LOG_LEVEL",
        ] {
            assert_eq!(nearest(name), None, "{name}");
        }
        assert_eq!(
            nearest("MCP_ALOWED_MODEL").as_deref(),
            Some("MCP_ALLOWED_MODELS")
        );
    }
}
