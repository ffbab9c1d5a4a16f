//! Every route of the admin API.

use super::route::{Route, act, create, delete, get, patch};
use super::{analytics, databases, openapi, scopes, sessions, tenants, tokens};

/// The routes, in the order of their description.
pub(super) fn routes() -> Vec<Route> {
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
        get("getOpenapi").to("/openapi.json", "This description", openapi::show),
    ]
}
