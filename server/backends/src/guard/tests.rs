//! Which addresses may be connected to, what is kept here, and where keys come from.

use std::io;

use super::*;
use crate::error::ServerErrorKind;

fn endpoint(text: &str) -> Endpoint {
    Endpoint::parse(text, 8080).unwrap()
}

/// The decision of the rules. The test has to know every name that is looked up.
fn judged(guard: &Guard, text: &str) -> Result<(Vec<SocketAddr>, Reach), ServerError> {
    guard.addresses(&endpoint(text), &|_, _| panic!("this machine's name service is asked"))
}

fn allowing(entry: &str) -> Guard {
    Guard::new(&NetworkSettings { allow_remote: vec![entry.to_owned()], ..NetworkSettings::default() })
}

/// A name service that knows one answer.
fn resolving(guard: Guard, addresses: &'static [&'static str]) -> Guard {
    guard.with_resolver(Arc::new(move |_, port| {
        Ok(addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), port)).collect())
    }))
}

#[test]
fn numbers_are_judged_as_what_they_are() {
    let guard = Guard::own_machine_only();
    for own in ["127.0.0.1:1", "127.8.9.10:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "localhost:1"] {
        let (addresses, reach) = judged(&guard, own).unwrap();
        assert!(!addresses.is_empty() && reach == Reach::Own, "{own}");
    }
    for foreign in [
        "8.8.8.8:443",
        "10.0.0.1:80",
        "192.168.1.2:80",
        "169.254.1.1:80",
        "0.0.0.0:80",
        "[::]:80",
        "[::ffff:8.8.8.8]:80",
        "[::ffff:10.0.0.1]:80",
        "[::7f00:1]:80",
        "[64:ff9b::7f00:1]:80",
        "[fe80::1]:80",
        "[2002:7f00:1::]:80",
        "https://8.8.8.8",
    ] {
        let error = judged(&guard, foreign).unwrap_err();
        assert_eq!(error.kind, ServerErrorKind::Forbidden, "{foreign}");
        assert!(error.to_string().contains("allowRemote"), "{error}");
    }
}

#[test]
fn a_name_is_judged_by_every_address_that_it_has() {
    let guard = Guard::own_machine_only();
    let own = resolving(guard.clone(), &["127.0.0.1", "::1"]);
    assert_eq!(judged(&own, "gpu-box:80").unwrap().1, Reach::Own);
    for foreign in
        [&["203.0.113.7"] as &'static [&'static str], &["127.0.0.1", "203.0.113.7"], &["::ffff:203.0.113.7"]]
    {
        let error = judged(&resolving(guard.clone(), foreign), "gpu-box:80").unwrap_err();
        assert_eq!(error.kind, ServerErrorKind::Forbidden);
        assert!(error.cause.contains("203.0.113.7"), "{error}");
    }
    let nowhere = guard.with_resolver(Arc::new(|_, _| Err(io::Error::other("no such name"))));
    assert_eq!(judged(&nowhere, "gpu-box:80").unwrap_err().kind, ServerErrorKind::Unreachable);
}

#[test]
fn localhost_asks_no_name_service() {
    let guard = Guard::own_machine_only().with_resolver(Arc::new(|_, _| panic!("asked")));
    assert_eq!(judged(&guard, "localhost:80").unwrap().1, Reach::Own);
}

#[test]
fn another_machine_needs_its_very_name_and_port_and_encryption() {
    let guard = resolving(allowing("models.example:8443"), &["203.0.113.7"]);
    assert_eq!(judged(&guard, "https://models.example:8443").unwrap().1, Reach::Listed);
    assert_eq!(judged(&guard, "https://MODELS.example:8443").unwrap().1, Reach::Listed);
    for other in ["https://models.example", "https://other.example:8443", "https://203.0.113.7:8443"] {
        assert_eq!(judged(&guard, other).unwrap_err().kind, ServerErrorKind::Forbidden, "{other}");
    }
    let error = judged(&guard, "http://models.example:8443").unwrap_err();
    assert!(error.to_string().contains("https://models.example:8443"), "{error}");
}

#[test]
fn a_rule_that_cannot_be_read_forbids_every_server_beyond_this_machine() {
    let good = || NetworkSettings {
        allow_remote: vec!["models.example:443".to_owned()],
        ..NetworkSettings::default()
    };
    let allows = |entry: &str| NetworkSettings {
        allow_remote: vec!["models.example:443".to_owned(), entry.to_owned()],
        ..NetworkSettings::default()
    };
    let keeps = |pattern: &str| NetworkSettings { no_remote_paths: vec![pattern.to_owned()], ..good() };
    let keys = |place: &str, source: &str| NetworkSettings {
        api_keys: BTreeMap::from([(place.to_owned(), source.to_owned())]),
        ..good()
    };
    let unreadable =
        NetworkSettings { unreadable: vec!["noRemotePaths: 7 is not allowed".to_owned()], ..good() };
    let place = "https://models.example:443";
    let reach = |settings: &NetworkSettings, place: &str| {
        let guard = resolving(Guard::new(settings), &["203.0.113.7"]);
        judged(&guard, place).map(|(_, reach)| reach)
    };
    assert_eq!(reach(&good(), place).unwrap(), Reach::Listed);
    for (settings, named) in [
        (allows("models.example"), "allowRemote"),
        (allows(""), "allowRemote"),
        (allows("*:443"), "allowRemote"),
        (allows("https://models.example:443"), "allowRemote"),
        (allows(":443"), "allowRemote"),
        (allows("models.example:0"), "allowRemote"),
        (keeps("["), "noRemotePaths"),
        (keeps(""), "noRemotePaths"),
        (keeps("$HOME/app"), "noRemotePaths"),
        (keys("models.example:443", "sk-secret"), "apiKeys"),
        (keys("models.example", "env:KEY"), "apiKeys"),
        (unreadable, "noRemotePaths"),
    ] {
        let error = reach(&settings, place).unwrap_err();
        assert_eq!(error.kind, ServerErrorKind::Forbidden, "{settings:?}");
        assert!(error.cause.contains(named) && !error.to_string().contains("sk-secret"), "{error}");
        let notices: Vec<String> = Guard::new(&settings).notices().collect();
        let is_shown = notices.len() == 1 && notices[0].contains(named);
        assert!(is_shown || !settings.unreadable.is_empty(), "{notices:?}");
        // Servers of this machine are asked all the same.
        assert_eq!(reach(&settings, "localhost:80").unwrap(), Reach::Own);
    }
    assert_eq!(Guard::new(&good()).notices().count(), 0);
}

#[test]
fn keys_come_from_files_and_are_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let named = format!("file:{}", file.display());
    let keys = BTreeMap::from([("models.example:443".to_owned(), named)]);
    let guard = Guard::new(&NetworkSettings { api_keys: keys, ..NetworkSettings::default() });
    let server = endpoint("https://models.example");
    assert_eq!(guard.key(&endpoint("localhost:1")).unwrap(), None);
    assert!(guard.key(&server).unwrap_err().to_string().contains("apiKeys"));
    std::fs::write(&file, "  the-key\n").unwrap();
    assert_eq!(guard.key(&server).unwrap().as_deref(), Some("the-key"));
    std::fs::write(&file, "two\nlines").unwrap();
    let error = guard.key(&server).unwrap_err().to_string();
    assert!(!error.contains("two"), "{error}");
}
