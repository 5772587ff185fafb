//! The rules about files that stay here, on a server that is taken for another machine. Invariant: only where the system connects
//! to the number of that machine.

use fimble_backends::{Guard, NetworkSettings};
use fimble_model::{
    CancelToken, Chat, ChatOptions, EmbedInput, EmbedRequest, Embedder, GenerateRequest, Message, Model,
    ModelError, ModelRouter, Priority, Role,
};

use crate::encrypted::ELSEWHERE;
use crate::remote::encrypted;
use crate::support::*;

#[test]
fn text_of_files_that_stay_here_is_never_sent_to_another_machine() {
    let (port, roots, server) = encrypted(ELSEWHERE);
    let settings = NetworkSettings {
        allow_remote: vec![format!("{ELSEWHERE}:{port}")],
        no_remote_paths: vec!["secret/**".to_owned()],
        ..NetworkSettings::default()
    };
    let name = format!("vllm@https://{ELSEWHERE}:{port}");
    let unlisted = refused(std::slice::from_ref(&name), impatient().with_roots(roots.clone()));
    assert!(unlisted.contains("allowRemote"), "{unlisted}");
    let guard = Guard::new(&settings).with_roots(roots);
    let chain = open(&[name], guard).unwrap();
    let open_file = ["src/main.py".to_owned()];
    // That it is on another machine is told, whichever files stay here.
    assert!(Model::is_remote(&*chain) && Chat::is_remote(&*chain));
    assert!(chain.notices().concat().contains("leaves this machine"), "{:?}", chain.notices());
    let model = chain.member_for(&open_file).unwrap();
    assert!(model.is_remote() && model.info().provider.contains("remote"));
    assert!(model.is_withheld("secret/key.py") && !model.is_withheld("src/main.py"));
    assert!(chain.member_for(&["secret/key.py".to_owned()]).is_none());

    // What is not said to be from anywhere may be from there.
    for sources in [vec!["secret/key.py"], vec!["src/main.py", "secret/key.py"], vec![]] {
        let mut request = request(&*model, 16);
        request.prompt.sources = sources.iter().map(|path| (*path).to_owned()).collect();
        let outcome = model.generate(request, &CancelToken::new(), Box::new(every));
        assert!(matches!(outcome, Err(ModelError::Withheld(_))), "{sources:?}: {outcome:?}");
        let messages = [Message::new(Role::User, "What is this?")
            .from_files(sources.iter().map(|path| (*path).to_owned()))];
        let options = ChatOptions::default();
        let error = chain.respond(&messages, &options, &CancelToken::new(), Box::new(every)).unwrap_err();
        assert!(error.to_string().contains("noRemotePaths"), "{error}");
        let sources = sources.iter().map(|path| (*path).to_owned()).collect();
        let inputs = vec![EmbedInput::Text("What is this?".to_owned())];
        let embed = EmbedRequest { inputs, truncates: false, sources };
        let error = chain.embed(&embed, &CancelToken::new()).unwrap_err();
        assert!(error.to_string().contains("noRemotePaths"), "{error}");
    }
    assert!(server.asked("/v1/completions").is_empty() && server.asked("/v1/chat/completions").is_empty());
    assert!(server.asked("/v1/embeddings").is_empty());
    // Nor is anything sent ahead of being asked.
    let ahead = GenerateRequest { priority: Priority::Idle, ..request(&*model, 16) };
    model.generate(ahead, &CancelToken::new(), Box::new(every)).unwrap();
    assert!(server.asked("/v1/completions").is_empty());

    assert_eq!(complete(&*model).unwrap().text, "self.entries)");
    let messages = [Message::new(Role::User, "What is this?").from_files(open_file)];
    let answer =
        chain.respond(&messages, &ChatOptions::default(), &CancelToken::new(), Box::new(every)).unwrap();
    assert!(answer.is_remote);
}
