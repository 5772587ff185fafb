//! A server that goes away and comes back, and one that has another model than the settings say.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use fimble_backends::{Chain, Choice, Guard, Purpose, ServerSpec};
use fimble_model::{CancelToken, Model, ModelError, ModelRouter};

use crate::running::{Kind, Running, Servers};
use crate::{PATIENCE, line, on_each, open, places, plainly};

#[test]
#[ignore = "needs real servers: tests/servers/run"]
fn a_restart_is_noticed_and_a_wrong_model_is_named() {
    on_each(check);
}

fn check(servers: &Servers, kind: Kind) {
    let running = Running::start(servers, kind);
    let chain = open(&running.name());
    let (path, text, at) = places().remove(0);
    line(&*chain.member_for(&[]).unwrap(), &path, &text, at).unwrap();
    let port = running.port;
    drop(running);
    let member = chain.member_for(&[]).unwrap();
    let error = line(&*member, &path, &text, at).unwrap_err();
    assert!(
        matches!(&error, ModelError::Unavailable(reason) if reason.contains(&port.to_string())),
        "{error}"
    );
    assert!(!chain.notices().is_empty());
    let running = Running::start_at(servers, kind, port);
    let start = Instant::now();
    let member = loop {
        if let Some(member) = chain.member_for(&[]) {
            break member;
        }
        assert!(start.elapsed() < PATIENCE, "the server is not found again: {:?}", chain.notices());
        std::thread::sleep(Duration::from_millis(20));
    };
    line(&*member, &path, &text, at).unwrap();
    if kind == Kind::LlamaCpp {
        let spec = ServerSpec::parse(&format!("llama.cpp:mistral@127.0.0.1:{port}")).unwrap().unwrap();
        let wrong =
            Chain::open(vec![Choice::Server(spec)], Guard::own_machine_only(), Purpose::Completion, &|_| {});
        let wrong = wrong.unwrap();
        let notices = wrong.notices().join("\n");
        assert!(notices.contains("mistral") && notices.contains("fimble"), "{notices}");
        assert!(wrong.member_for(&[]).is_none());
    }
    if kind == Kind::Mlx {
        // It continues with its model, and never fetches another one; a message says that it is another model.
        let wrong = open(&format!("mlx:mistral@127.0.0.1:{port}"));
        let notices = wrong.notices().join("\n");
        let served = servers.model.file_name().unwrap().to_string_lossy().into_owned();
        assert!(notices.contains("mistral") && notices.contains(&served), "{notices}");
        let request = plainly("def add(a, b):\n    return a +", 4);
        let observer = Box::new(|_: &str, _: &[_]| ControlFlow::Continue(()));
        wrong.member_for(&[]).unwrap().generate(request, &CancelToken::new(), observer).unwrap();
    }
    drop(running);
}
