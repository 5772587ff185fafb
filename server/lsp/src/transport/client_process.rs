//! The client's process. Invariant: the session ends within some seconds after it, also where the client left no end of the input
//! behind, as a process that was killed and whose pipes others hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::event::{Event, EventSender};
use crate::options::{EndWaiter, InputProbe, ProcessProbe};

/// How often the process is looked for.
const INTERVAL: Duration = Duration::from_secs(1);

/// Ends the session when a process has ended. A process that was never there is not believed to be the client's.
pub(crate) fn watch(process: u32, is_running: ProcessProbe, events: EventSender) {
    let watching = move || {
        if !is_running(process) {
            tracing::warn!(process, "the client names a process that does not run; its end is not watched");
            return;
        }
        while is_running(process) {
            thread::sleep(INTERVAL);
        }
        tracing::warn!(process, "the client's process ended without leaving");
        events.send(Event::Exit);
    };
    if let Err(error) = thread::Builder::new().name("fimble-parent".to_owned()).spawn(watching) {
        tracing::error!(%error, "cannot watch the client's process");
    }
}

/// Ends the session when the input has ended while the client does not read: the transport then waits to write and does not get as
/// far as the end of the input. Both must hold for some seconds, so that what was asked last is answered.
pub(crate) fn watch_input(input_ended: InputProbe, is_stuck: Arc<AtomicBool>, events: EventSender) {
    const SECONDS: u32 = 2;
    let watching = move || {
        let mut seconds = 0;
        // The session's end drops the output, and with it the only other owner.
        while Arc::strong_count(&is_stuck) > 1 {
            thread::sleep(INTERVAL);
            seconds = if is_stuck.load(Ordering::Relaxed) && input_ended() { seconds + 1 } else { 0 };
            if seconds == SECONDS {
                tracing::warn!("the client left without reading its answers");
                events.send(Event::Exit);
            }
        }
    };
    if let Err(error) = thread::Builder::new().name("fimble-input".to_owned()).spawn(watching) {
        tracing::error!(%error, "cannot watch the input");
    }
}

/// Ends the session when the process is asked to end, so that it takes with it what it wrote.
pub(crate) fn end_when_asked(wait: EndWaiter, events: EventSender) {
    let waiting = move || {
        wait();
        tracing::info!("the process was asked to end");
        events.send(Event::Exit);
    };
    if let Err(error) = thread::Builder::new().name("fimble-end".to_owned()).spawn(waiting) {
        tracing::error!(%error, "cannot wait for the end of the process");
    }
}
