//! What a caller may ask for: by its scopes, and by the tools that it was given.

use super::decision::{Bar, Decision, Ground};
use crate::auth::{Scope, Scopes};
use crate::error::{Error, ErrorKind, Speech};
use crate::plan::{Output, ReadPlan, Total};
use crate::protocol::Action;

/// The scopes of a token, and the actions of the tools that it may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permissions {
    scopes: Scopes,
    /// A bit for each action.
    actions: u8,
}

/// A part of a query that has a scope of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Filters beyond equality.
    Operators,
    /// Totals, groups and aggregates.
    Aggregate,
    /// What foreign keys lead to.
    Expand,
}

impl Part {
    /// Every part.
    pub(crate) const ALL: [Self; 3] = [Self::Operators, Self::Aggregate, Self::Expand];

    /// Its name, as an explanation lists it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Operators => "filters beyond equality",
            Self::Aggregate => "totals, groups and aggregates",
            Self::Expand => "expand",
        }
    }

    fn scope(self) -> Scope {
        match self {
            Self::Operators => Scope::Operators,
            Self::Aggregate => Scope::Aggregate,
            Self::Expand => Scope::Expand,
        }
    }
}

impl Permissions {
    /// Everything that is served.
    pub const ALL: Self = Self {
        scopes: Scopes::ALL,
        actions: u8::MAX,
    };

    /// What these scopes allow, of these tools or actions alone where they are named.
    pub(crate) fn new(scopes: Scopes, tools: Option<&[String]>) -> Self {
        let named = |action: &Action| {
            tools.is_none_or(|tools| {
                let mut tools = tools.iter();
                tools.any(|tool| tool == action.tool() || tool == action.name())
            })
        };
        let actions = Action::ALL.into_iter().filter(named);
        Self {
            scopes,
            actions: actions.fold(0, |actions, action| actions | 1 << action as u8),
        }
    }

    /// The scopes.
    pub(crate) fn scopes(self) -> Scopes {
        self.scopes
    }

    /// The scope that an action needs; who one is may always be asked.
    fn scope(action: Action) -> Option<Scope> {
        match action {
            Action::Whoami => None,
            Action::Describe => Some(Scope::Describe),
            Action::List | Action::Get | Action::Query => Some(Scope::Read),
            Action::Call => Some(Scope::Tools),
        }
    }

    /// Whether an action may be asked for.
    pub(crate) fn allows(self, action: Action) -> bool {
        self.judge(action).is_ok()
    }

    /// By which scope an action may be asked for; who one is may be asked without one.
    ///
    /// # Errors
    /// What keeps it back.
    pub(crate) fn judge(self, action: Action) -> Decision<'static> {
        let Some(scope) = Self::scope(action) else {
            return Ok(Ground::Always);
        };
        let ground = self.by(scope)?;
        match self.actions & 1 << action as u8 {
            0 => Err(Bar::OtherTools),
            _ => Ok(ground),
        }
    }

    /// By which scope a query may have a part.
    ///
    /// # Errors
    /// The scope that is missing.
    pub(crate) fn judge_part(self, part: Part) -> Decision<'static> {
        self.by(part.scope())
    }

    /// A scope, where it is there.
    pub(crate) fn by(self, scope: Scope) -> Decision<'static> {
        match self.scopes.has(scope) {
            true => Ok(Ground::Scope(scope.name())),
            false => Err(Bar::Scope(scope)),
        }
    }

    /// Lets an action through.
    ///
    /// # Errors
    /// One that may not be asked for.
    pub(crate) fn admit(self, action: Action) -> Result<(), Error> {
        match self.allows(action) {
            true => Ok(()),
            false => {
                let known = Action::ALL.into_iter().filter(|one| *one != Action::Call);
                let allowed = known.filter(|one| self.allows(*one));
                let allowed: Vec<Action> = allowed.collect();
                let error = Error::from(ErrorKind::ActionNotAllowed {
                    action: action.name(),
                    tool: action.tool(),
                });
                Err(error.with_hint_by(|speech| {
                    let names = allowed.iter().map(|one| one.called(speech));
                    let names = names.collect::<Vec<_>>().join(", ");
                    match speech {
                        Speech::Native => format!("actions: {names}"),
                        Speech::Tools => format!("tools: {names}"),
                    }
                }))
            }
        }
    }

    /// Lets a plan through.
    ///
    /// # Errors
    /// The first part of it that needs a scope which is not there.
    pub(crate) fn admit_plan(self, plan: &ReadPlan<'_>) -> Result<(), Error> {
        let (groups, expands) = match &plan.output {
            Output::Groups { .. } => (true, false),
            Output::Rows { expand, .. } => (false, !expand.is_empty()),
        };
        let plans = plan.all();
        let mut conditions = plans.iter().flat_map(|plan| plan.conditions());
        let paths = plans.iter().any(|plan| !plan.joins.is_empty());
        let needs = [
            (
                !conditions.all(|condition| condition.is_equality()),
                "A filter beyond equality",
                Part::Operators,
            ),
            (groups, "group_by or aggregate", Part::Aggregate),
            (plan.total != Total::None, "total", Part::Aggregate),
            (expands, "expand", Part::Expand),
            (paths, "A path", Part::Expand),
        ];
        let missing = needs
            .into_iter()
            .find(|(needed, _, part)| *needed && self.judge_part(*part).is_err());
        match missing {
            None => Ok(()),
            Some((_, what, part)) => {
                let kind = ErrorKind::ScopeMissing {
                    what,
                    scope: part.scope().name(),
                };
                let has = self.scopes.names().join(", ");
                Err(Error::from(kind).with_hint(format!("scopes of this token: {has}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{self, FieldType, Narrowing};
    use crate::config;
    use crate::plan::{self, CursorKey, Limits};
    use crate::protocol::Object;
    use crate::sensitive::Sensitive;

    fn allowed(scopes: &[&str], tools: Option<&[&str]>) -> Vec<&'static str> {
        let tools = tools.map(|tools| tools.iter().map(|tool| (*tool).to_owned()).collect());
        let tools: Option<Vec<String>> = tools;
        let may = Permissions::new(Scopes::named(scopes.iter().copied()), tools.as_deref());
        let actions = Action::ALL.into_iter().filter(|action| may.allows(*action));
        actions.map(Action::name).collect()
    }

    #[test]
    fn what_is_not_granted_is_denied() {
        assert_eq!(allowed(&[], None), ["whoami"]);
        assert_eq!(allowed(&["operators", "expand"], None), ["whoami"]);
        assert_eq!(allowed(&["describe"], None), ["describe", "whoami"]);
        assert_eq!(allowed(&["read"], None), ["list", "get", "query", "whoami"]);
        let both = ["describe", "read"];
        assert_eq!(
            allowed(&both, Some(&["get_record", "list"])),
            ["list", "get", "whoami"]
        );
        assert_eq!(allowed(&both, Some(&["delete_record"])), ["whoami"]);
        assert_eq!(allowed(&["describe"], Some(&["get"])), ["whoami"]);
    }

    fn table(name: &str, columns: &[&str]) -> catalog::Table {
        let number = FieldType::Integer {
            unsigned: false,
            wide: true,
        };
        let columns = columns
            .iter()
            .map(|name| catalog::Column::new(*name, number));
        catalog::Table {
            primary_key: vec!["id".to_owned()],
            ..catalog::Table::new(name, columns.collect())
        }
    }

    /// The scope that a query of orders lacks.
    fn lacks(params: &str, scopes: &[&str]) -> Option<&'static str> {
        let orders = catalog::Table {
            foreign_keys: vec![catalog::ForeignKey {
                columns: vec!["buyer_id".to_owned()],
                target: "people".into(),
                target_columns: vec!["id".to_owned()],
                unique: true,
                given: None,
            }],
            ..table("orders", &["id", "buyer_id", "n"])
        };
        let names = config::model_names("models", "people,orders").unwrap();
        let tables = names.iter().zip([table("people", &["id"]), orders].map(Ok));
        let built = catalog::build(
            tables.collect(),
            &Sensitive::default(),
            Narrowing::default(),
        );
        let params = Object::parse(params).unwrap();
        let (limits, key) = (
            Limits {
                default_limit: 1,
                max_limit: 1,
                scan_limit: None,
            },
            CursorKey::new(&[7; 32]),
        );
        let model = built.catalog.model("orders").unwrap();
        let plan = plan::rows(Action::Query, &params, model, &built.catalog, &limits, &key);
        let may = Permissions::new(Scopes::named(scopes.iter().copied()), None);
        match may.admit_plan(&plan.unwrap()).err()?.kind() {
            ErrorKind::ScopeMissing { scope, .. } => Some(scope),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn each_part_of_a_query_needs_its_scope() {
        let all = ["operators", "aggregate", "expand"];
        for (params, scope) in [
            ("{}", None),
            (r#"{"filters":{"n":1}}"#, None),
            (r#"{"filters":{"n":{"$gt":1}}}"#, Some("operators")),
            (
                r#"{"filters":{"$or":[{"n":1},{"n":2}]}}"#,
                Some("operators"),
            ),
            (r#"{"total":true}"#, Some("aggregate")),
            (r#"{"aggregate":{"k":{"$count":"*"}}}"#, Some("aggregate")),
            (r#"{"expand":["buyer"]}"#, Some("expand")),
            (r#"{"fields":["buyer.id"]}"#, Some("expand")),
        ] {
            assert_eq!(lacks(params, &["read"]), scope, "{params}");
            assert_eq!(lacks(params, &all), None, "{params}");
            let others: Vec<&str> = all.into_iter().filter(|one| Some(*one) != scope).collect();
            assert_eq!(lacks(params, &others), scope, "{params}");
        }
    }

    #[test]
    fn a_refusal_names_what_is_allowed() {
        let may = Permissions::new(Scopes::named(["read"]), Some(&["list".to_owned()]));
        let refused = may.admit(Action::Call).unwrap_err();
        let hint = refused.hint(Speech::Native);
        assert_eq!(hint.unwrap_or_default(), "actions: list, whoami");
    }
}
