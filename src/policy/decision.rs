//! What a policy decides, with the reason for it: a request looks at the outcome alone, and who
//! explains it prints the reason.

use std::fmt;

use crate::auth::Scope;

/// By what something is allowed, or what keeps it back.
pub(crate) type Decision<'d> = Result<Ground<'d>, Bar<'d>>;

/// By what something is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground<'d> {
    /// Whoever is let in may ask for it.
    Always,
    /// A scope of the token.
    Scope(&'d str),
}

/// What keeps something back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bar<'d> {
    /// The scope is missing.
    Scope(Scope),
    /// So are the scopes that a tool of the operator asks for, and the one that opens all.
    ToolScopes(&'d [String]),
    /// The token was given other tools.
    OtherTools,
    /// The token was given other models.
    OtherModels,
    /// A row rule is about this model, which no database of the tenant lists: nothing is seen.
    Astray(&'d str),
    /// Another database of the tenant has the name, and the token sees it there.
    Elsewhere,
    /// The database does not have it, or one of its rules cannot hold.
    Missing(&'d str),
    /// There is no database of that name, or none at all.
    NoDatabase(Option<&'d str>),
    /// The database itself would be read, and the token sees some of its rows alone.
    SomeRows,
    /// The SQL of a tool is none of the database that it reads.
    OtherSql,
    /// A tool reads models that the token does not see.
    Unseen(Vec<&'d str>),
}

impl fmt::Display for Ground<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Scope(scope) => write!(f, "the scope {scope}"),
        }
    }
}

impl fmt::Display for Bar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scope(scope) => write!(f, "the scope {scope} is missing"),
            Self::ToolScopes([]) => Self::Scope(Scope::Tools).fmt(f),
            Self::ToolScopes(own) => {
                let own = own.join(" or ");
                write!(f, "the scope {} is missing, or {own}", Scope::Tools)
            }
            Self::OtherTools => f.write_str("it is not among the token's tools"),
            Self::OtherModels => f.write_str("it is not among the token's models"),
            Self::Astray(model) => write!(
                f,
                "a row rule is about {model}, which no database of the tenant lists"
            ),
            Self::Elsewhere => f.write_str("another database of the tenant has the name"),
            Self::Missing(reason) => f.write_str(reason),
            Self::NoDatabase(None) => f.write_str("the tenant has no database"),
            Self::NoDatabase(Some(name)) => write!(f, "the tenant has no database {name}"),
            Self::SomeRows => {
                f.write_str("it reads the database itself, and the token sees some rows alone")
            }
            Self::OtherSql => f.write_str("its SQL is none of that database"),
            Self::Unseen(models) => {
                let models = models.join(", ");
                write!(f, "it reads {models}, which the token does not see")
            }
        }
    }
}
