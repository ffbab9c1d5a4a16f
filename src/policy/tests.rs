//! Who is let in and what each may ask for, by what a store holds, without a request.

use std::net::{IpAddr, Ipv4Addr};

use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use super::access::Freshness;
use super::decision::{Bar, Ground};
use super::directory::{self, Tenants};
use super::*;
use crate::auth::{Credential, Principal, Refused, Scopes};
use crate::config::{self, Config};
use crate::limit::{Meter, Weight};
use crate::protocol::Object;
use crate::store::{
    ClientLimits, Contents, Keys, NewDatabase, NewTenant, NewToken, Store, Tenant, Token,
};
use crate::tools::file;

const HOUR: Duration = Duration::from_secs(3_600);

fn configured(more: &[(&str, &str)]) -> Config {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    config::load(more.iter().map(owned)).unwrap()
}

async fn access(more: &[(&str, &str)]) -> Access {
    let opened = crate::app::open(&configured(more), Arc::default()).await;
    let access = opened.unwrap().service.access();
    Access::clone(&access)
}

/// A store of one tenant with two databases, of which nothing is read, and one token.
struct Stored {
    folder: TempDir,
    config: Config,
    store: Store,
    secret: String,
}

impl Stored {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:///{}", folder.path().join("store.db").display());
        let key = "ab".repeat(32);
        let config = configured(&[("MCP_STORE", &url), ("MCP_ENCRYPTION_KEY", &key)]);
        let keys = Keys::new(&config.store.keys);
        let store = Store::open(config.store.url.as_ref().unwrap(), keys, None).await;
        let store = store.unwrap();
        let tenant = NewTenant {
            name: "acme".to_owned(),
            ..NewTenant::default()
        };
        let tenant = store.create_tenant(tenant).await.unwrap().after.unwrap();
        for (name, models) in [("shop", "tickets,notes"), ("archive", "notes,old")] {
            let database = NewDatabase {
                name: name.to_owned(),
                url: format!("sqlite:///{}", folder.path().join(name).display()).into(),
                models: models.to_owned(),
                ..NewDatabase::default()
            };
            store.add_database(&tenant.id, database).await.unwrap();
        }
        let token = NewToken {
            name: "agent".to_owned(),
            expires_at: None,
            models: None,
            tools: None,
            scopes: vec!["describe".to_owned(), "read".to_owned()],
            attributes: Default::default(),
            rows: Vec::new(),
            limits: ClientLimits::default(),
        };
        let (_, secret) = store.create_token(&tenant.id, token).await.unwrap();
        Self {
            secret: secret.expose_secret().to_owned(),
            folder,
            config,
            store,
        }
    }

    async fn contents(&self) -> Contents {
        self.store.contents().await.unwrap()
    }

    async fn tenants(&self) -> (Tenants, Contents) {
        let contents = self.contents().await;
        let ways = Arc::new(Ways::new(&self.config, Arc::new(RowMemory::new(1 << 20))));
        let tenants = Tenants::new(contents.clone(), ways, Arc::new(Freshness::new(HOUR)));
        (tenants, contents)
    }

    fn credential(&self) -> Credential {
        Credential::of(&self.secret)
    }
}

fn policy_of(clients: &Clients) -> Arc<Policy> {
    let (_, policy) = clients.policies().next().unwrap();
    Arc::clone(policy)
}

#[tokio::test]
async fn a_configuration_takes_away_whatever_another_does_not_let_in() {
    let token = ("MCP_TOKEN", "first-token-of-the-test");
    let wide = access(&[
        ("MCP_REQUIRE_AUTH", "false"),
        ("MCP_ALLOW_QUERY_TOKEN", "true"),
        ("MCP_TRUSTED_PROXIES", "10.0.0.0/8,192.0.2.1"),
        ("MCP_ADMIN_READ", "true"),
        token,
    ])
    .await;
    let narrow = access(&[
        ("MCP_TRUSTED_PROXIES", "192.0.2.1"),
        ("MCP_ALLOW_QUERY_TOKEN", "false"),
        token,
    ])
    .await;
    for (one, other) in [(&wide, &narrow), (&narrow, &wide)] {
        let both = one.clone().within(other);
        assert!(both.require_auth && !both.query_token);
        assert!(!both.administration.reads);
        assert!(!both.is_proxy([10, 0, 0, 1].into()));
        assert!(both.is_proxy([192, 0, 2, 1].into()));
        let page = one.administration.page.min(other.administration.page);
        assert!(both.administration.page == page);
    }
    assert!(!wide.require_auth && wide.query_token && wide.administration.reads);
    assert!(!wide.administration.is_open());
}

#[tokio::test]
async fn nobody_is_somebody_only_where_no_token_is_needed() {
    let token = ("MCP_TOKEN", "first-token-of-the-test");
    let open = access(&[("MCP_REQUIRE_AUTH", "false"), token]).await;
    let closed = access(&[token]).await;
    let wrong = Credential::of("another");
    for access in [&open, &closed] {
        let valid = access.policy(&Credential::of("first-token-of-the-test"));
        assert!(Arc::ptr_eq(&valid.unwrap(), &access.shared));
        assert_eq!(access.policy(&wrong).err(), Some(Refused::Invalid));
        assert_eq!(access.judge(["another"]).err(), Some(Refused::Invalid));
    }
    assert_eq!(open.judge([]).unwrap().0, Credential::LOCAL);
    assert!(open.policy(&Credential::LOCAL).is_ok());
    assert_eq!(closed.judge([]).err(), Some(Refused::Missing));
    assert!(closed.policy(&Credential::LOCAL).is_err());
}

#[tokio::test]
async fn a_token_of_the_store_is_let_in_while_it_stands_and_the_store_answers() {
    let stored = Stored::new().await;
    let (mut tenants, contents) = stored.tenants().await;
    let mut access = access(&[]).await;
    let credential = stored.credential();
    access.clients = Arc::new(tenants.clients(&access.settings));
    assert!(access.policy(&credential).is_ok());
    assert_eq!(access.clients.admitted(Utc::now()).count(), 1);
    assert_eq!(
        access.tenant("acme"),
        access.tenant(contents.tenants[0].id.as_str())
    );
    assert!(access.tenant("acme").is_some() && access.tenant("globex").is_none());
    let whose = |access: &Access| access.whose([&*stored.secret]).map(|it| it.1.to_string());
    assert_eq!(whose(&access).as_deref(), Some("acme/agent"));
    // It ends.
    let (now, second) = (Utc::now(), chrono::TimeDelta::seconds(1));
    let mut ended = contents.clone();
    ended.tokens[0].expires_at = Some(now);
    tenants.follow(ended);
    access.clients = Arc::new(tenants.clients(&access.settings));
    assert_eq!(access.policy(&credential).err(), Some(Refused::Expired));
    assert_eq!(access.clients.admitted(now).count(), 0);
    assert_eq!(whose(&access).as_deref(), Some("acme/agent"));
    let has_ended = |after, before| access.clients.has_ended(after, before);
    assert!(has_ended(now - second, now) && has_ended(now - second, now + second));
    assert!(!has_ended(now, now + second) && !has_ended(now - second - second, now - second));
    // A store that has been away too long vouches for nobody.
    let ways = Arc::clone(tenants.ways());
    for (grace, let_in) in [(Duration::ZERO, true), (HOUR, true)] {
        let freshness = Arc::new(Freshness::new(grace));
        let mut tenants = Tenants::new(contents.clone(), Arc::clone(&ways), freshness);
        access.clients = Arc::new(tenants.clients(&access.settings));
        // What may be a moment of the store's is no absence.
        assert_eq!(access.policy(&credential).is_ok(), let_in);
    }
    access.clients = Arc::default();
    assert_eq!(access.policy(&credential).err(), Some(Refused::Invalid));
    drop(stored.folder);
}

#[tokio::test]
async fn a_policy_is_made_anew_where_anything_that_it_was_made_of_changes() {
    let stored = Stored::new().await;
    let (mut tenants, contents) = stored.tenants().await;
    let settings = access(&[]).await.settings;
    let mut before = policy_of(&tenants.clients(&settings));
    let mut follows = |contents: &Contents, settings: &Arc<Settings>| {
        tenants.follow(contents.clone());
        let after = policy_of(&tenants.clients(settings));
        let same = Arc::ptr_eq(&before, &after);
        before = after;
        same
    };
    assert!(follows(&contents, &settings));
    let mut changed = contents.clone();
    changed.tokens[0].last_used_at = Some(Utc::now());
    assert!(follows(&changed, &settings));
    let changes: [fn(&mut Contents); 8] = [
        |it| it.tokens[0].scopes = vec!["read".to_owned()],
        |it| it.tenants[0].limits.rows_per_day = Some(5),
        |it| it.databases[0].models = "tickets".to_owned(),
        |it| it.databases[0].hidden = "note".to_owned(),
        |it| it.databases[0].pgbouncer = true,
        |it| it.databases[0].guarded = true,
        |it| it.databases[0].url = Ok("sqlite:////elsewhere".into()),
        |it| drop(it.databases.remove(0)),
    ];
    for (number, change) in changes.iter().enumerate() {
        change(&mut changed);
        assert!(!follows(&changed, &settings), "change {number}");
        assert!(follows(&changed, &settings), "change {number}");
    }
    assert!(!follows(&changed, &Arc::new(Settings::clone(&settings))));
}

#[tokio::test]
async fn what_was_spent_outlives_a_policy_and_not_its_token() {
    let stored = Stored::new().await;
    let (mut tenants, mut contents) = stored.tenants().await;
    let settings = access(&[]).await.settings;
    let today = |clients: &Clients| {
        let policy = policy_of(clients);
        let grant = policy.grant.as_ref().unwrap();
        (grant.token.rows_today(), grant.tenant.rows_today())
    };
    contents.tokens[0].limits.rows_per_day = Some(100);
    contents.tenants[0].limits.rows_per_day = Some(100);
    tenants.follow(contents.clone());
    let clients = tenants.clients(&settings);
    for reserved in policy_of(&clients).reserve(10).unwrap() {
        reserved.spend(7);
    }
    contents.tokens[0].scopes.clear();
    tenants.follow(contents.clone());
    assert_eq!(today(&tenants.clients(&settings)), (7, 7));
    let token = contents.tokens.pop().unwrap();
    tenants.follow(contents.clone());
    tenants.clients(&settings);
    contents.tokens.push(token);
    tenants.follow(contents);
    assert_eq!(today(&tenants.clients(&settings)), (0, 7));
}

/// What a token of a tenant is exposed, and what is kept back.
fn exposed(
    stored: &Stored,
    contents: &Contents,
    change: impl FnOnce(&mut Tenant, &mut Token),
) -> (Vec<Arc<Exposed>>, Vec<String>) {
    let (mut tenant, mut token) = (contents.tenants[0].clone(), contents.tokens[0].clone());
    change(&mut tenant, &mut token);
    let reach = crate::egress::Reach::new(stored.config.admin.places.clone());
    let ways = Arc::new(Ways::to_look(reach, HOUR));
    let held = directory::in_turn(contents).into_iter();
    let held = held.map(|it| databases::Held::new(it.clone(), &tenant.name, Arc::clone(&ways)));
    let held: Vec<_> = held.map(Arc::new).collect();
    let mut kept_back = Vec::new();
    let exposed = directory::exposed(&tenant, Some(&token), &held, |database, name, bar| {
        kept_back.push(format!("{}/{}: {bar}", database.name, name.exposed));
    });
    (exposed, kept_back)
}

#[tokio::test]
async fn a_name_is_kept_back_with_its_reason() {
    let stored = Stored::new().await;
    let contents = stored.contents().await;
    let (all, kept_back) = exposed(&stored, &contents, |_, _| ());
    let names = |exposed: &[Arc<Exposed>]| {
        let names = exposed.iter().flat_map(|it| it.names());
        names.map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&all), "tickets notes old");
    assert_eq!(
        kept_back,
        ["archive/notes: another database of the tenant has the name"]
    );
    assert!(all.iter().all(|it| it.is_whole() && it.is_unknown()));
    assert!(!all[0].withholds("notes") && !all[0].is_outdated());
    let one = |_: &mut Tenant, token: &mut Token| token.models = Some(vec!["tickets".to_owned()]);
    let (some, kept_back) = exposed(&stored, &contents, one);
    assert_eq!(names(&some), "tickets");
    assert_eq!(
        kept_back[0],
        "shop/notes: it is not among the token's models"
    );
    assert!(some[0].withholds("notes") && !some[0].withholds("nothing"));
    let ruled =
        |_: &mut Tenant, token: &mut Token| token.rows = vec!["notes.a = 1".parse().unwrap()];
    let (ruled, _) = exposed(&stored, &contents, ruled);
    assert!(ruled.iter().all(|it| !it.is_whole()));
    let astray =
        |tenant: &mut Tenant, _: &mut Token| tenant.rows = vec!["x.a = 1".parse().unwrap()];
    let (astray, kept_back) = exposed(&stored, &contents, astray);
    assert_eq!((names(&astray).as_str(), kept_back.len()), ("", 4));
    assert!(!astray[0].withholds("notes") && astray[0].lists("notes"));
    let mut contents = contents;
    contents
        .databases
        .iter_mut()
        .for_each(|it| it.row_security = true);
    let (told, _) = exposed(&stored, &contents, |_, _| ());
    assert!(told.iter().all(|it| !it.is_whole()));
}

fn written(text: &str) -> Written {
    let mut held = file::read(
        "tools.toml",
        &format!("[[tool]]\nname = \"one\"\ndescription = \"It reads.\"\n{text}\n"),
    );
    assert!(held.faults.is_empty(), "{:?}", held.faults);
    let tools = WrittenTools::new(vec![held.tools.remove(0)]);
    let written = Arc::clone(tools.all().next().unwrap());
    drop(tools);
    Arc::into_inner(written).unwrap()
}

#[tokio::test]
async fn a_tool_is_kept_back_with_its_reason() {
    let stored = Stored::new().await;
    let contents = stored.contents().await;
    let (all, _) = exposed(&stored, &contents, |_, _| ());
    let ruled =
        |_: &mut Tenant, token: &mut Token| token.rows = vec!["notes.a = 1".parse().unwrap()];
    let (ruled, _) = exposed(&stored, &contents, ruled);
    let may = |scopes: &[&str]| Permissions::new(Scopes::named(scopes.iter().copied()), None);
    let (tools, none) = (may(&["tools"]), may(&["read"]));
    let plain = written("sql = \"SELECT id FROM tickets\"");
    let own =
        written("sql = \"SELECT id FROM notes\"\ntokens = [\"reports\"]\ndatabase = \"archive\"");
    let scoped = ["read".to_owned(), "reports".to_owned()];
    let (given, others) = (["one".to_owned()], ["another".to_owned()]);
    let tool_scope = Ok(Ground::Scope("tools"));
    assert_eq!(plain.judge(tools, &[], None, &all), tool_scope);
    assert_eq!(plain.judge(tools, &[], Some(&given), &all), tool_scope);
    assert_eq!(
        plain.judge(tools, &[], Some(&others), &all),
        Err(Bar::OtherTools)
    );
    assert_eq!(
        plain.judge(none, &scoped, None, &all),
        Err(Bar::ToolScopes(&[]))
    );
    assert_eq!(
        plain.judge(tools, &[], None, &[]),
        Err(Bar::NoDatabase(None))
    );
    // The first database has the name.
    assert_eq!(
        own.judge(none, &scoped, None, &all),
        Err(Bar::Unseen(vec!["notes"]))
    );
    assert!(matches!(
        own.judge(none, &scoped[..1], None, &all),
        Err(Bar::ToolScopes([_]))
    ));
    let old =
        written("sql = \"SELECT id FROM old\"\ntokens = [\"reports\"]\ndatabase = \"archive\"");
    assert_eq!(
        old.judge(none, &scoped, None, &all),
        Ok(Ground::Scope("reports"))
    );
    let books = written("sql = \"SELECT id FROM old\"\ndatabase = \"books\"");
    assert_eq!(
        books.judge(tools, &[], None, &all),
        Err(Bar::NoDatabase(Some("books")))
    );
    let foreign = written("sql = \"SELECT DISTINCT ON (t.id) t.id FROM tickets t ORDER BY t.id\"");
    assert_eq!(foreign.judge(tools, &[], None, &all), Err(Bar::OtherSql));
    let raw =
        written("sql = \"SELECT id FROM main.tickets\"\nraw = true\nreads = [\"main.tickets.id\"]");
    assert_eq!(raw.judge(tools, &[], None, &all), tool_scope);
    assert_eq!(raw.judge(tools, &[], None, &ruled), Err(Bar::SomeRows));
    let policy = Policy::new(settings().await, tools, all, None);
    assert!(policy.toolbox.tool("whoami").is_none());
}

async fn settings() -> Arc<Settings> {
    let limits = [("MCP_RATE_LIMIT", "8"), ("MCP_TOKEN_RATE_LIMIT", "3")];
    access(&limits).await.settings
}

/// A policy of a database that has not answered.
async fn waiting(scopes: &[&str]) -> Policy {
    let exposed = Exposed::waiting(vec!["tickets".to_owned()]);
    let may = Permissions::new(Scopes::named(scopes.iter().copied()), None);
    Policy::new(settings().await, may, vec![Arc::new(exposed)], None)
}

#[tokio::test]
async fn a_request_is_admitted_by_model_action_and_scope_in_that_order() {
    let params = Object::parse("{}").unwrap();
    let refused = |policy: &Policy, action, model| {
        let read = Read {
            action,
            model,
            tool: None,
            params: &params,
        };
        policy
            .admit(&read)
            .map(|it| it.0.name())
            .map_err(|it| it.code())
    };
    let policy = waiting(&["read"]).await;
    assert_eq!(
        refused(&policy, "drop", Some("users")),
        Err("model_not_allowed")
    );
    assert_eq!(refused(&policy, "drop", Some("tickets")), Err("read_only"));
    assert_eq!(
        refused(&policy, "describe", Some("tickets")),
        Err("not_permitted")
    );
    assert_eq!(
        refused(&policy, "list", Some("tickets")),
        Err("unavailable")
    );
    assert_eq!(refused(&policy, "whoami", None), Ok("whoami"));
    assert_eq!(
        refused(&waiting(&["describe"]).await, "describe", None),
        Err("unavailable")
    );
    let none = Policy::new(settings().await, Permissions::ALL, Vec::new(), None);
    assert_eq!(refused(&none, "describe", None), Ok("describe"));
    assert_eq!(
        none.answer_bytes(Form::Message),
        none.settings.max_response_bytes
    );
    let tool = none.settings.tool_max_bytes;
    assert_eq!(none.answer_bytes(Form::Tool), TOOL_COPIES * tool);
    assert!(none.tool_bounds().max_bytes >= tool.max(none.settings.max_response_bytes));
}

#[tokio::test]
async fn each_window_holds_by_itself() {
    let (budget, policy) = (Budget::default(), waiting(&["read"]).await);
    let caller = |name: &str| Principal::Token(Credential::of(name));
    let (home, network) = (
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V4([10, 0, 0, 1].into()),
    );
    let reads = async |name: &str, most: usize| {
        let mut admitted = 0;
        for _ in 0..most {
            let mut meter = Meter::new((0, Duration::ZERO));
            let tally = Tally::Own(&mut meter, home);
            let caller = caller(name);
            let asked = budget.admit((&policy, &caller), Weight::Read, tally).await;
            admitted += usize::from(asked.is_ok());
        }
        admitted
    };
    assert_eq!((reads("one", 5).await, reads("two", 5).await), (3, 3));
    budget.retain(|principal| *principal == caller("one"));
    assert_eq!((reads("one", 5).await, reads("two", 5).await), (0, 3));
    // Over all its connections a token may ask ten times as often for what is light, of one network
    // three parts of four.
    let light = async |network: IpAddr| {
        let mut admitted = 0;
        for _ in 0..1_000 {
            let mut meter = Meter::new((0, Duration::ZERO));
            let (tally, caller) = (Tally::Own(&mut meter, network), caller("one"));
            let asked = budget.admit((&policy, &caller), Weight::Light, tally).await;
            admitted += usize::from(asked.is_ok());
        }
        admitted
    };
    assert_eq!((light(home).await, light(network).await), (600, 200));
    // A connection that asks too often is told for how long.
    let mut meter = Meter::new((0, Duration::ZERO));
    let mut last = Ok(());
    for number in 0..9 {
        let (tally, caller) = (Tally::Own(&mut meter, home), caller(&number.to_string()));
        last = budget.admit((&policy, &caller), Weight::Read, tally).await;
    }
    let limited = last.unwrap_err();
    assert_eq!((limited.bound, limited.limit), (Bound::Connection, 8));
    assert_eq!(policy.limited(Weight::Light, Duration::ZERO).limit, 80);
    assert_eq!(policy.limited(Weight::Light, Duration::ZERO).seconds(), 1);
}
