//! Every route of the admin API.

use super::route::{Route, act, create, delete, get, patch};
use super::{
    analytics, databases, openapi, overview, permits, scopes, series, sessions, tenants, tokens,
    tools, traffic, trail,
};

/// The routes, in the order of their description.
pub(super) fn routes() -> Vec<Route> {
    let mut routes = routes_of_the_store();
    routes.extend(routes_of_the_service());
    routes.push(get("getOpenapi").to("/openapi.json", "This description", openapi::show));
    routes
}

/// Tenants, their databases and their tokens.
fn routes_of_the_store() -> Vec<Route> {
    vec![
        get("listTenants").to("/tenants", "Every tenant", tenants::list),
        create("createTenant").to("/tenants", "Makes a tenant", tenants::create),
        get("getTenant").to("/tenants/{tenant}", "A tenant", tenants::show),
        patch("updateTenant").to("/tenants/{tenant}", "Changes a tenant", tenants::update),
        delete("removeTenant").to(
            "/tenants/{tenant}",
            "Removes a tenant with its databases and tokens",
            tenants::remove,
        ),
        get("listDatabases").to("/databases", "Every database of tenants", databases::list),
        create("addDatabase").to(
            "/tenants/{tenant}/databases",
            "Gives a tenant a database",
            databases::add,
        ),
        get("getDatabase").to("/databases/{database}", "A database", databases::show),
        patch("updateDatabase").to(
            "/databases/{database}",
            "Changes a database",
            databases::update,
        ),
        delete("removeDatabase").to(
            "/databases/{database}",
            "Removes a database from its tenant; the database itself is not touched",
            databases::remove,
        ),
        act("testDatabase").to(
            "/databases/{database}/test",
            "Connects to a database, and tells what of it is served",
            databases::test,
        ),
        get("getHealth").to(
            "/health",
            "Each database, the service's own first: whether it answers, and what of it is served",
            databases::health,
        ),
        get("getExposed").to(
            "/exposed",
            "What is exposed now: of each database the models, and what is hidden by which rule",
            databases::exposed,
        ),
        get("listTokens").to("/tokens", "Every token of tenants", tokens::list),
        create("createToken").to(
            "/tenants/{tenant}/tokens",
            "Makes a token, which is shown this once",
            tokens::create,
        ),
        get("getToken").to("/tokens/{token}", "A token", tokens::show),
        patch("updateToken").to(
            "/tokens/{token}",
            "Changes a token; one that is not active lets nobody in",
            tokens::update,
        ),
        delete("removeToken").to("/tokens/{token}", "Removes a token", tokens::remove),
        act("rotateToken").to(
            "/tokens/{token}/rotate",
            "Gives a token a new secret, which is shown this once",
            tokens::rotate,
        ),
        get("listScopes").to("/scopes", "What a token can be allowed", scopes::list),
    ]
}

/// What the running service does, and what it was asked.
fn routes_of_the_service() -> Vec<Route> {
    vec![
        get("listSessions").to(
            "/sessions",
            "The sockets and streams that are open",
            sessions::list,
        ),
        delete("closeSession").to(
            "/sessions/{session}",
            "Closes a socket or stream, once the answers under way are written",
            sessions::close,
        ),
        get("getAnalytics").to(
            "/analytics",
            "Requests, errors, rows and bytes of the last week, as this instance counted them",
            analytics::show,
        ),
        get("getService").to("/service", "The service, and how it is", overview::show),
        get("listSettings").to(
            "/config",
            "Every variable as it counts, without secrets",
            overview::settings,
        ),
        get("check").to(
            "/check",
            "What is weak about the configuration and the service's own database",
            overview::check,
        ),
        get("listTools").to(
            "/tools",
            "The tools that the operator wrote, and what is wrong with their files",
            tools::list,
        ),
        act("testTool").to(
            "/tools/{tool}/test",
            "Tries the examples of a tool; off unless MCP_ADMIN_READ is true",
            tools::test,
        ),
        get("listTraffic").to(
            "/traffic",
            "The last 1,000 requests and refusals of this instance, the oldest first",
            traffic::list,
        ),
        get("followTraffic").streaming(
            "/traffic/stream",
            "Requests and refusals as they come, and the sums of each second, as events",
            traffic::follow,
        ),
        get("explainRequest").to(
            "/traffic/{number}",
            "A request, why it was refused, and the smallest change that would let it through",
            traffic::show,
        ),
        get("getSeries").to(
            "/series",
            "Sums of what was asked: by second for ten minutes, by minute for a day",
            series::show,
        ),
        get("readAudit").to(
            "/audit",
            "The end of the audit's file, page by page, its chain verified",
            trail::show,
        ),
        get("explainToken").to(
            "/tokens/{token}/access",
            "What a token may do and see, field by field, and which rule says so",
            permits::explain,
        ),
        act("askAsToken").to(
            "/tokens/{token}/ask",
            "Answers a request as the token would be; off unless MCP_ADMIN_READ is true",
            permits::ask,
        ),
    ]
}
