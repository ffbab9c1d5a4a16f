//! What a token may do: the scopes by their fixed names.

use std::fmt;

/// One thing that a token may do. Administration is none: it has a token of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Names and types of models and fields.
    Describe,
    /// Rows, by key and by page, with filters of equality.
    Read,
    /// Filters beyond equality.
    Operators,
    /// Counts, sums and groups.
    Aggregate,
    /// Rows that foreign keys point to.
    Expand,
    /// The tools that the operator wrote.
    Tools,
}

impl Scope {
    /// Every scope, in the order in which they are listed.
    pub const ALL: [Self; 6] = [
        Self::Describe,
        Self::Read,
        Self::Operators,
        Self::Aggregate,
        Self::Expand,
        Self::Tools,
    ];

    /// The scope of a name, compared exactly.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Describe => "describe",
            Self::Read => "read",
            Self::Operators => "operators",
            Self::Aggregate => "aggregate",
            Self::Expand => "expand",
            Self::Tools => "tools",
        }
    }

    /// What it allows, in one line.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Describe => {
                "describe: models, fields, types, and the resources that tell of them"
            }
            Self::Read => "list, get and query: rows, with filters of equality",
            Self::Operators => "filters beyond equality, such as $gte, $contains and $or",
            Self::Aggregate => "total, group_by and aggregate: counts, sums, averages",
            Self::Expand => "expand: the row that a foreign key points to",
            Self::Tools => "the tools that the operator wrote, beside what they ask for themselves",
        }
    }
}

/// What one token may do: a bit for each scope, by hand for names come from the records (ADR 14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Scopes(u8);

impl Scopes {
    /// Everything.
    pub(crate) const ALL: Self = Self(u8::MAX);

    /// Those of these names; an unknown one grants nothing.
    pub(crate) fn named<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let known = names.into_iter().filter_map(Scope::parse);
        Self(known.fold(0, |scopes, scope| scopes | 1 << scope as u8))
    }

    /// Whether this is one of them.
    pub(crate) fn has(self, scope: Scope) -> bool {
        self.0 & 1 << scope as u8 != 0
    }

    /// The names, in the order in which scopes are listed.
    pub(crate) fn names(self) -> Vec<&'static str> {
        let granted = Scope::ALL.into_iter().filter(|scope| self.has(*scope));
        granted.map(Scope::name).collect()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_not_granted() {
        assert_eq!(Scopes::named([]).names(), [""; 0]);
        assert_eq!(
            Scopes::named(["expand", "read", "admin"]).names(),
            ["read", "expand"]
        );
        assert_eq!(Scopes::ALL.names().len(), Scope::ALL.len());
        assert!(!Scopes::default().has(Scope::Describe));
    }

    #[test]
    fn names_are_read_exactly() {
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.name()), Some(scope));
        }
        for name in ["", "Read", "read ", "admin", "*", "write"] {
            assert_eq!(Scope::parse(name), None, "{name}");
        }
    }
}
