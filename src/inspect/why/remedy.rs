//! The smallest change that would have let a request through.

use serde_json::{Value, json};

use super::words::{assignment, by_code_remedy, command, is_listable};
use super::{Case, Change, Remedy};
use crate::auth::{Client, Scope};
use crate::config::Setting;
use crate::observe::{Obstacle, Whose};
use crate::policy::{Bar, Policy};
use crate::protocol::Action;
use crate::store::Database;

/// What to do about a model that is listed, and is not served.
const UNSERVED: &str = "lucarne access explain tells why: it is not there, or a rule cannot hold";
/// What is said of a name that no list holds.
const UNLISTABLE: &str = "its name has a comma, a quote or another character that no list of names \
                          can hold: show it in a view, under another name";

impl Case<'_> {
    pub(super) fn remedies(&self) -> Vec<Remedy> {
        let first = match &self.asked.obstacle {
            Some(obstacle) => self.remedy(obstacle),
            None => self.remedy_by_code(),
        };
        first.into_iter().collect()
    }

    fn remedy(&self, obstacle: &Obstacle) -> Option<Remedy> {
        Some(match obstacle {
            Obstacle::Hidden { field, rule } => return self.reveal(field, rule),
            Obstacle::UnknownField => {
                told("ask describe for the fields that the model has; nothing here has to change")
            }
            Obstacle::Withheld(model) => return self.show(&[model.to_string()]),
            Obstacle::Unserved(_) => told(UNSERVED),
            Obstacle::Scope(scope) => return self.grant(scope),
            Obstacle::Action(action) => return self.allow(action),
            Obstacle::Tool(tool) => return self.open(tool),
            Obstacle::Attribute(name) => return self.attribute(name),
            Obstacle::Scan { model, .. } => return self.scan(model),
            Obstacle::Window(limit, seconds, whose) => self.widen(*limit, *seconds, *whose),
            Obstacle::Budget(rows) => return self.budget(*rows),
            Obstacle::Timeout(seconds) => self.wait(*seconds),
            Obstacle::Bytes { most, needed } => self.enlarge(*most, *needed),
        })
    }

    fn names(&self) -> Vec<String> {
        let names = self.policy.map(Policy::names).unwrap_or_default();
        names.into_iter().map(str::to_owned).collect()
    }

    /// The database of a tenant that has the model, or the first of those that the token reads.
    fn record(&self, model: Option<&str>) -> Option<&Database> {
        let mut exposed = self.policy?.exposed.iter();
        match model {
            Some(model) => exposed.find(|exposed| exposed.has(model)),
            None => exposed.next(),
        }
        .and_then(|exposed| exposed.record())
    }

    /// Shows the token more models.
    fn show(&self, more: &[String]) -> Option<Remedy> {
        let mut models = self.names();
        models.extend_from_slice(more);
        let text = format!("lets this token see {}", more.join(", "));
        self.token("models", &models, &text)
    }

    /// Gives the token one scope more.
    fn grant(&self, scope: &str) -> Option<Remedy> {
        let mut scopes = self.policy?.grant.as_ref()?.scopes.clone();
        scopes.push(scope.to_owned());
        self.token(
            "scopes",
            &scopes,
            &format!("gives this token the scope {scope}"),
        )
    }

    /// Shows a field that a built-in name hides; what the operator hid is taken out of a list.
    fn reveal(&self, field: &str, rule: &str) -> Option<Remedy> {
        let name = format!("{}.{field}", self.model()?);
        let entry = rule.strip_prefix("MCP_HIDDEN_FIELDS: ");
        if entry.is_none() && !is_listable(&name) {
            return Some(told(UNLISTABLE));
        }
        let Some(client) = self.client() else {
            let (variable, text) = match entry {
                Some(_) => ("MCP_HIDDEN_FIELDS", "no longer hides it from anybody"),
                None => (
                    "MCP_REVEAL_FIELDS",
                    "shows the field to everybody who sees the model: right where it is no \
                     secret, whatever its name",
                ),
            };
            let entries = changed(self.value(variable), entry, &name);
            return Some(self.line(text, variable, &entries));
        };
        let record = self.record(self.model())?;
        let (member, held) = match entry {
            Some(_) => ("hidden", &record.hidden),
            None => ("reveal", &record.reveal),
        };
        let entries = changed(held, entry, &name);
        let text = format!(
            "shows the field to every token of {} that sees the model: right where it is no \
             secret, whatever its name",
            client.tenant
        );
        Some(of_database(client, record, member, &entries, &text))
    }

    /// Lets a token call an action: by its scope, or by its tools.
    fn allow(&self, action: &str) -> Option<Remedy> {
        let policy = self.policy?;
        let wanted = Action::parse(action)?;
        if let Err(Bar::Scope(scope)) = policy.may.judge(wanted) {
            return self.grant(scope.name());
        }
        self.give(wanted.tool(), &format!("lets this token call {action}"))
    }

    /// Gives a token that has some tools alone one more.
    fn give(&self, tool: &str, text: &str) -> Option<Remedy> {
        let grant = self.policy?.grant.as_ref()?;
        let mut tools = grant.tools.clone()?;
        tools.push(tool.to_owned());
        self.token("tools", &tools, text)
    }

    /// Lets a token call a tool of the operator: by a scope, by its tools, or by what it sees.
    fn open(&self, tool: &str) -> Option<Remedy> {
        let policy = self.policy?;
        let mut all = policy.settings.tools.all();
        let written = all.find(|written| written.tool.name == tool)?;
        let grant = policy.grant.as_ref()?;
        let given = grant.tools.as_deref();
        let judged = written.judge(policy.may, &grant.scopes, given, &policy.exposed);
        match judged.err()? {
            Bar::Scope(scope) => self.grant(scope.name()),
            // One that the tool asks for opens less than that of all tools.
            Bar::ToolScopes(own) => {
                self.grant(own.first().map_or(Scope::Tools.name(), String::as_str))
            }
            Bar::OtherTools => self.give(tool, &format!("lets this token call {tool}")),
            Bar::Unseen(models) => {
                let mut withheld = models.iter();
                let is_withheld =
                    |model: &&str| policy.exposed.iter().any(|it| it.withholds(model));
                match withheld.all(is_withheld) {
                    true => self.show(&models.into_iter().map(str::to_owned).collect::<Vec<_>>()),
                    false => Some(told(UNSERVED)),
                }
            }
            bar => Some(told(&format!(
                "nothing of the token alone lets it through: {bar}"
            ))),
        }
    }

    /// Says what a tool asks of whoever calls it.
    fn attribute(&self, name: &str) -> Option<Remedy> {
        let client = self.client()?;
        let known = self.policy?.grant.as_ref()?.attributes.iter();
        let mut values: Vec<String> = known
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        values.push(format!("{name}=VALUE"));
        let flags: Vec<_> = values.iter().map(|value| ("attr", &**value)).collect();
        let text = "says what the tool asks of whoever has the token: put it in the place of VALUE";
        Some(commanded(text, of_token(client, &flags)))
    }

    /// Lets a large model be read without an index.
    fn scan(&self, model: &str) -> Option<Remedy> {
        let rows = self.policy?.model(model)?.model.table_rows()?;
        Some(self.line(
            "lets it read the whole model; a filter by an indexed field as well, or an index on \
             this one, is the better remedy",
            "MCP_SCAN_LIMIT",
            &rows.saturating_mul(2).to_string(),
        ))
    }

    /// More rows in a day, for the token or for its tenant, whoever has read them.
    fn budget(&self, rows: u64) -> Option<Remedy> {
        let grant = self.policy?.grant.as_ref()?;
        let of_tenant =
            grant.token.rows_per_day() != Some(rows) && grant.tenant.rows_per_day() == Some(rows);
        let quota = if of_tenant {
            &grant.tenant
        } else {
            &grant.token
        };
        let more = rows.saturating_add(quota.rows_today().max(rows));
        let text = format!("lets {more} rows be read in a day");
        match of_tenant {
            true => self.tenant("rows_per_day", more, &text),
            false => self.limits("rows_per_day", more, &text),
        }
    }

    /// Asks the database for longer.
    fn wait(&self, seconds: u64) -> Remedy {
        let usual = self.access.settings.query_timeout.as_secs();
        let more = seconds.saturating_mul(2);
        match seconds < usual && self.asked.action.as_deref() == Some("call") {
            true => commanded(
                "asks the database for longer: the tool has a time of its own in its file, which \
                 is read again when it changes",
                format!("timeout = {more}"),
            ),
            false => self.line(
                "asks the database for longer; an index may be the better remedy",
                "MCP_QUERY_TIMEOUT",
                &more.to_string(),
            ),
        }
    }

    /// Lets a larger record through.
    fn enlarge(&self, most: usize, needed: usize) -> Remedy {
        let settings = &self.access.settings;
        let variable = match most == settings.tool_max_bytes && most != settings.max_response_bytes
        {
            true => "MCP_TOOL_MAX_BYTES",
            false => "MCP_MAX_RESPONSE_BYTES",
        };
        // What a value takes is told as the database has it: as JSON it is longer.
        let bytes = most.max(needed).saturating_mul(2);
        self.line(
            "lets larger records through; query with fields leaves large ones out",
            variable,
            &bytes.to_string(),
        )
    }

    /// A change of one list of the token that asked.
    fn token(&self, member: &str, list: &[String], text: &str) -> Option<Remedy> {
        let client = self.client()?;
        let remedy = match list.iter().all(|name| is_listable(name)) {
            true => commanded(text, of_token(client, &[(member, &list.join(","))])),
            // The request of the admin API has a list of texts.
            false => told(text),
        };
        Some(Remedy {
            change: Some(Change {
                path: format!("/tokens/{}", client.token_id),
                body: json!({ (member): list }),
            }),
            ..remedy
        })
    }

    /// A limit of the token that asked.
    fn limits(&self, member: &str, value: u64, text: &str) -> Option<Remedy> {
        let client = self.client()?;
        let (flag, number) = (member.replace('_', "-"), value.to_string());
        Some(Remedy {
            change: Some(Change {
                path: format!("/tokens/{}", client.token_id),
                body: json!({ "limits": { (member): value } }),
            }),
            ..commanded(text, of_token(client, &[(&flag, &number)]))
        })
    }

    /// A limit of its tenant.
    fn tenant(&self, member: &str, value: u64, text: &str) -> Option<Remedy> {
        let client = self.client()?;
        let (flag, number) = (member.replace('_', "-"), value.to_string());
        let flags = [(&*flag, &*number)];
        Some(Remedy {
            change: Some(Change {
                path: format!("/tenants/{}", client.tenant_id),
                body: json!({ "limits": { (member): value } }),
            }),
            ..commanded(text, command("tenant update", &client.tenant, &flags))
        })
    }

    /// A wider window, in the place where the narrow one stands.
    fn widen(&self, limit: u32, seconds: u64, whose: Whose) -> Remedy {
        let twice = u64::from(limit).saturating_mul(2);
        let text = format!("lets {twice} requests in {seconds} s through");
        let of_store = match whose {
            Whose::Tenant => self.tenant("rate_limit", twice, &text),
            Whose::Connection | Whose::EachToken | Whose::Token => {
                self.limits("rate_limit", twice, &text)
            }
        };
        let variable = match whose {
            Whose::EachToken => "MCP_TOKEN_RATE_LIMIT",
            _ => "MCP_RATE_LIMIT",
        };
        of_store.unwrap_or_else(|| self.line(&text, variable, &twice.to_string()))
    }

    fn remedy_by_code(&self) -> Option<Remedy> {
        let token = |flag: (&str, &str), body: Value, text: &str| {
            let client = self.client()?;
            Some(Remedy {
                change: Some(Change {
                    path: format!("/tokens/{}", client.token_id),
                    body,
                }),
                ..commanded(text, of_token(client, &[flag]))
            })
        };
        let raised = |variable: &'static str| {
            let most = self.value(variable).parse::<u64>().ok()?;
            let more = most.saturating_mul(2).to_string();
            let text = "lets as many again be open; close those that nobody uses instead";
            Some(self.line(text, variable, &more))
        };
        let added = |variable: &'static str, held: &str, text: &str| {
            let entries = changed(held, None, "NAME");
            Some(self.line(text, variable, &entries))
        };
        match &*self.asked.code {
            "revoked" => token(
                ("active", "true"),
                json!({ "active": true }),
                "lets the token in again; whoever revoked it had a reason",
            ),
            "expired" => token(
                ("expires", "never"),
                json!({ "expires_at": null }),
                "takes its end away; a date in its place is safer",
            ),
            "tenant_inactive" => {
                let client = self.client()?;
                let command = command("tenant activate", &client.tenant, &[]);
                let text = "makes its tenant active again, with all its tokens";
                Some(Remedy {
                    change: Some(Change {
                        path: format!("/tenants/{}", client.tenant_id),
                        body: json!({ "active": true }),
                    }),
                    ..commanded(text, command)
                })
            }
            "full" | "tenant_full" => raised("MCP_MAX_CONNECTIONS"),
            "address_full" => raised("MCP_MAX_CONNECTIONS_PER_ADDRESS"),
            // Those of this machine are answered where none are named, and would be no more.
            "host" => added(
                "MCP_ALLOWED_HOSTS",
                &self.access.hosts.to_string(),
                "answers to that host: the log repeats it, put it in the place of NAME",
            ),
            "origin" => added(
                "MCP_ALLOWED_ORIGINS",
                self.value("MCP_ALLOWED_ORIGINS"),
                "lets that page in: the log repeats its origin, put it in the place of NAME",
            ),
            "model_not_allowed" => self.list(),
            code => by_code_remedy(code).map(told),
        }
    }

    /// Lists a model: which one only the client knows, for a name that nothing lists is not kept.
    fn list(&self) -> Option<Remedy> {
        const TEXT: &str = "exposes a model: a name that nothing lists is not kept, so ask the \
                            client, and put it in the place of NAME";
        let Some(client) = self.client() else {
            let entries = changed(self.value("MCP_ALLOWED_MODELS"), None, "NAME");
            return Some(self.line(TEXT, "MCP_ALLOWED_MODELS", &entries));
        };
        let record = self.record(None)?;
        let models = changed(&record.models, None, "NAME");
        let remedy = of_database(client, record, "models", &models, TEXT);
        Some(Remedy {
            change: None,
            ..remedy
        })
    }

    fn setting(&self, variable: &str) -> Option<&Setting> {
        let mut settings = self.access.administration.settings.iter();
        settings.find(|setting| setting.name == variable)
    }

    /// The value of a variable that is no secret, or nothing.
    fn value(&self, variable: &str) -> &str {
        let value = self.setting(variable).and_then(|it| it.value.as_deref());
        value.unwrap_or_default()
    }

    /// A line of the configuration, and when it counts.
    fn line(&self, text: &str, variable: &str, value: &str) -> Remedy {
        let follows = self.setting(variable).is_some_and(|it| it.follows);
        let then = if follows { "reload" } else { "restart" };
        match assignment(variable, value) {
            Some(line) => commanded(&format!("{text}; set it, and {then}"), line),
            None => told(&format!(
                "{text}; {variable} has a character that no line can be told with: change it where \
                 it is set, and {then}"
            )),
        }
    }
}

/// A comma list with one entry less, or with another one.
fn changed(list: &str, without: Option<&str>, more: &str) -> String {
    let entries = list.split(',').map(str::trim);
    let kept = entries.filter(|entry| !entry.is_empty() && without != Some(*entry));
    let more = without.is_none().then_some(more);
    kept.chain(more).collect::<Vec<_>>().join(",")
}

/// A command that changes a token.
fn of_token(client: &Client, flags: &[(&str, &str)]) -> String {
    let mut all = vec![("tenant", &*client.tenant)];
    all.extend_from_slice(flags);
    command("token update", &client.token, &all)
}

/// A change of one list of a database.
fn of_database(
    client: &Client,
    record: &Database,
    member: &str,
    entries: &str,
    text: &str,
) -> Remedy {
    let flags = [("tenant", &*client.tenant), (member, entries)];
    let command = command("database update", &record.name, &flags);
    Remedy {
        change: Some(Change {
            path: format!("/databases/{}", record.id),
            body: json!({ (member): entries }),
        }),
        ..commanded(text, command)
    }
}

/// A remedy in words alone.
fn told(text: &str) -> Remedy {
    Remedy {
        text: text.to_owned(),
        command: None,
        change: None,
    }
}

/// A remedy that is a command, or a line of a file: in words alone where that would be several lines.
fn commanded(text: &str, command: String) -> Remedy {
    Remedy {
        command: Some(command).filter(|command| !command.contains(char::is_control)),
        ..told(text)
    }
}
