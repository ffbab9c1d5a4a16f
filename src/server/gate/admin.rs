//! Who may administer: nobody that a page sends, and only by a token of its own.

use std::net::IpAddr;

use axum::http::header::ORIGIN;
use axum::http::request::Parts;

use super::{AUTHORIZATION, Denied, Entry, TOKEN_HEADER, note_token};
use crate::auth::{Credential, Holder, Refused, Tokens};

/// Who administers.
#[derive(Debug, Clone, Copy)]
pub(in crate::server) struct Administrator {
    /// The place of the token in `MCP_ADMIN_TOKEN`.
    pub(in crate::server) place: usize,
    /// What was shown.
    pub(in crate::server) credential: Credential,
}

impl Entry<'_> {
    /// Judges a request of the admin API, and counts a failure of its token; comes back with who
    /// asks.
    ///
    /// # Errors
    /// A host that is not allowed, any origin but that of the page, a token that is missing or wrong,
    /// and too many failures before.
    pub(in crate::server) fn administers(
        &self,
        parts: &Parts,
        address: IpAddr,
    ) -> Result<Administrator, Denied> {
        self.place(parts)?;
        // A browser names one for whatever a page of another place sends.
        if parts.headers.contains_key(ORIGIN) && !self.is_own_page(parts) {
            return Err(Denied::Origin);
        }
        let administrator = judge(&self.access.administration.tokens, parts)
            .map_err(|refused| self.gate.failed(refused, address))?;
        note_token(parts, || Holder::Administrator);
        Ok(administrator)
    }
}

/// Judges the tokens of the headers: all that are given must be right.
fn judge(tokens: &Tokens, parts: &Parts) -> Result<Administrator, Refused> {
    let text = |value| str::from_utf8(value).map_err(|_| Refused::Invalid);
    let own = parts.headers.get_all(TOKEN_HEADER).into_iter();
    let own = own.map(|value| text(value.as_bytes()).map(Some));
    let bearer = parts.headers.get_all(AUTHORIZATION).into_iter();
    let bearer = bearer.map(|value| {
        let (scheme, token) = text(value.as_bytes())?.split_once(' ').unwrap_or_default();
        Ok(scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()))
    });
    let mut found = Err(Refused::Missing);
    for given in own.chain(bearer) {
        if let Some(token) = given? {
            let credential = Credential::of(token);
            let place = tokens.place(&credential).ok_or(Refused::Invalid)?;
            found = Ok(Administrator { place, credential });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn judged(headers: &[(&str, &[u8])]) -> Result<usize, Refused> {
        let tokens = Tokens::new(&[
            "first-of-the-operators".into(),
            "second-of-them-here".into(),
        ]);
        let mut request = Request::new(());
        for (name, value) in headers {
            let name = axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            let value = axum::http::HeaderValue::from_bytes(value).unwrap();
            request.headers_mut().append(name, value);
        }
        judge(&tokens, &request.into_parts().0).map(|found| found.place)
    }

    #[test]
    fn two_headers_carry_a_token_and_nothing_else_does() {
        let token: &[u8] = b"first-of-the-operators";
        let bearer: &[u8] = b"bearer  second-of-them-here ";
        for (given, place) in [
            (&[("x-mcp-token", token)][..], 1),
            (&[("authorization", bearer)], 2),
            (
                &[("authorization", b"Basic eDp5"), ("x-mcp-token", token)],
                1,
            ),
        ] {
            assert_eq!(judged(given), Ok(place), "{given:?}");
        }
        for given in [
            &[][..],
            &[("cookie", token)],
            &[("authorization", token)],
            &[("authorization", b"Basic eDp5")],
            &[("sec-websocket-protocol", b"mcp.auth.first-of-the-operators")],
        ] {
            assert_eq!(judged(given), Err(Refused::Missing), "{given:?}");
        }
        for given in [
            &[("x-mcp-token", &b""[..])][..],
            &[("x-mcp-token", b"first-of-the-operator")],
            &[("x-mcp-token", b"\xff")],
            &[("authorization", b"Bearer ")],
            &[("x-mcp-token", token), ("authorization", b"Bearer wrong")],
            &[("x-mcp-token", token), ("x-mcp-token", b"wrong")],
        ] {
            assert_eq!(judged(given), Err(Refused::Invalid), "{given:?}");
        }
    }
}
