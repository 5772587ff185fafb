//! Turns of several windows at one model.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fimble_model::{CancelToken, Model, Priority};

use crate::support::*;

#[test]
fn the_window_that_was_typed_in_last_is_answered_first() {
    let host = Host::start();
    let windows: Vec<_> = (0..3).map(|_| host.window()).collect();
    let models: Vec<_> = windows.iter().map(|window| Arc::new(window.open("small", None).unwrap())).collect();
    let cancel = CancelToken::new();
    let (first, their_cancel) = (Arc::clone(&models[0]), cancel.clone());
    let first = std::thread::spawn(move || first.generate(request("hold"), &their_cancel, every()));
    wait_until("it runs", || host.state.n_running.load(Ordering::SeqCst) == 1);
    let mut threads = Vec::new();
    for (window, text) in [(1, "say:older"), (2, "say:newest"), (2, "say:newest too")] {
        let model = Arc::clone(&models[window]);
        threads.push(std::thread::spawn(move || ask(&*model, text).unwrap()));
        // So that they arrive in this order.
        std::thread::sleep(Duration::from_millis(300));
    }
    cancel.cancel();
    first.join().unwrap().unwrap();
    threads.into_iter().for_each(|thread| drop(thread.join().unwrap()));
    let prompts = host.state.prompts.lock().unwrap().clone();
    assert_eq!(prompts, ["hold", "say:newest", "say:newest too", "say:older"]);
}

#[test]
fn one_request_of_a_priority_is_with_the_model_at_a_time() {
    let host = Host::start();
    let windows: Vec<_> = (0..4).map(|_| host.window()).collect();
    let threads: Vec<_> = windows
        .iter()
        .map(|window| {
            let (model, state) = (window.open("small", None).unwrap(), Arc::clone(&host.state));
            std::thread::spawn(move || {
                for _ in 0..25 {
                    let observer = Box::new(move |_: &str, _: &[_]| std::ops::ControlFlow::Continue(()));
                    let request = request_with("slow:2", Priority::Interactive);
                    model.generate(request, &CancelToken::new(), observer).unwrap();
                    assert!(state.n_running.load(Ordering::SeqCst) <= 1);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(host.state.prompts.lock().unwrap().len(), 100);
}
