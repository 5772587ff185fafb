//! Who may ask. Invariant: a request that a web page made, or that reached this machine under a foreign name, is refused whatever
//! else it has; the token is compared in a time that does not depend on where it differs.

use axum::http::{HeaderMap, StatusCode, Uri, header};

use crate::error::ApiError;

/// The rules.
#[derive(Clone)]
pub struct Access {
    token: Option<String>,
    /// Whether requests come over the loopback interface, where web pages can send some.
    is_tcp: bool,
}

impl Access {
    /// Requests need this token; none lets every program of this machine ask. `is_tcp`: they come over the loopback interface.
    #[must_use]
    pub fn new(token: Option<String>, is_tcp: bool) -> Self {
        Self { token, is_tcp }
    }

    /// Whether a request is answered. `is_open`: it needs no token.
    ///
    /// # Errors
    /// It is not: status 401 or 403.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap, is_open: bool) -> Result<(), ApiError> {
        let forbidden = |reason: &str| Err(ApiError::new(StatusCode::FORBIDDEN, "permission_error", reason));
        if self.is_tcp && !is_own_host(uri, headers) {
            return forbidden(
                "This server answers requests to localhost and 127.0.0.1 only. Use one of these addresses.",
            );
        }
        let from_page = headers.contains_key(header::ORIGIN)
            || headers.get("sec-fetch-site").is_some_and(|site| site != "none");
        if from_page {
            return forbidden("Web pages may not use this server.");
        }
        let Some(token) = self.token.as_deref().filter(|_| !is_open) else { return Ok(()) };
        if given_token(headers).is_some_and(|given| is_equal(given.as_bytes(), token.as_bytes())) {
            return Ok(());
        }
        Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "authentication_error",
            "The token is missing or wrong. Send it as \"Authorization: Bearer TOKEN\"; `fimble serve` prints the file that holds it.",
        ))
    }
}

/// Whether the name in a request is one of this machine, whatever the port.
fn is_own_host(uri: &Uri, headers: &HeaderMap) -> bool {
    let named = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let is_own = |authority: &str| {
        let host = match authority.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        };
        ["localhost", "127.0.0.1", "::1"].iter().any(|own| host.eq_ignore_ascii_case(own))
    };
    let in_uri = uri.authority().is_none_or(|authority| is_own(authority.as_str()));
    in_uri && named.is_some_and(is_own) && headers.get_all(header::HOST).iter().count() == 1
}

fn given_token(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn is_equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |all, (one, other)| all | (one ^ other)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_names_pages_and_wrong_tokens_are_refused() {
        let access = Access::new(Some("s3cret".to_owned()), true);
        let good = [("host", "127.0.0.1:7373"), ("authorization", "Bearer s3cret")];
        let check = |replaced: &[(&'static str, &'static str)], is_open| {
            let mut headers = HeaderMap::new();
            for (name, value) in good.iter().chain(replaced) {
                if value.is_empty() {
                    headers.remove(*name);
                } else {
                    headers.insert(*name, value.parse().unwrap());
                }
            }
            access
                .check(&Uri::from_static("/v1/models"), &headers, is_open)
                .map_err(|error| error.status.as_u16())
        };
        for (replaced, is_open, expected) in [
            (&[][..], false, Ok(())),
            (&[("host", "LOCALHOST")][..], false, Ok(())),
            (&[("host", "[::1]:7373")], false, Ok(())),
            (&[("authorization", "bearer  s3cret")], false, Ok(())),
            (&[("authorization", "")], true, Ok(())),
            (&[("sec-fetch-site", "none")], false, Ok(())),
            (&[("host", "evil.example:7373")], false, Err(403)),
            (&[("host", "127.0.0.1.evil.example")], false, Err(403)),
            (&[("host", "")], false, Err(403)),
            (&[("origin", "null")], false, Err(403)),
            (&[("origin", "http://127.0.0.1:7373")], true, Err(403)),
            (&[("sec-fetch-site", "cross-site")], false, Err(403)),
            (&[("authorization", "")], false, Err(401)),
            (&[("authorization", "Bearer s3cre")], false, Err(401)),
            (&[("authorization", "Bearer s3creT")], false, Err(401)),
            (&[("authorization", "Basic s3cret")], false, Err(401)),
        ] {
            assert_eq!(check(replaced, is_open), expected, "{replaced:?}");
        }
    }
}
