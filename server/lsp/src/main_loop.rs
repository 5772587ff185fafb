//! The loop: one thread that owns all state and handles one event after the other. Invariant: a turn is short (a long
//! one is logged with the event's name), and a panic in one turn costs only that event.

use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use crate::dispatch;
use crate::event::{Event, EventSender, Notification};
use crate::exit_status::ExitStatus;
use crate::options::ServerOptions;
use crate::outgoing::Outgoing;
use crate::panics::contain;
use crate::session::Session;

/// A turn that takes longer is worth a line in the log.
const LONG_TURN: Duration = Duration::from_millis(50);

/// Runs until `exit`.
pub(crate) fn run(
    receiver: &Receiver<Event>,
    events: EventSender,
    outgoing: Outgoing,
    options: ServerOptions,
) -> ExitStatus {
    let mut session = Session::new(events, outgoing, options);
    // The turn of an edit ends when the loop is free again: what is started after it counts.
    let mut change_turn: Option<Duration> = None;
    loop {
        let event = match receiver.try_recv() {
            Ok(event) => event,
            Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) => {
                // Work that can wait is started only when nothing else is waiting: a request that follows an edit
                // parses what it needs itself, and the two do not compete.
                let start = || dispatch::when_idle(&mut session);
                let starting = Instant::now();
                let next = contain(start).unwrap_or_else(|| {
                    tracing::error!("starting background work panicked");
                    None
                });
                if let Some(turn) = change_turn.take() {
                    session.change_turns.record(turn + starting.elapsed());
                }
                let received = match next {
                    None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
                    Some(next) => receiver.recv_timeout(next.saturating_duration_since(Instant::now())),
                };
                match received {
                    Ok(event) => event,
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
        };
        if matches!(event, Event::Exit) {
            break;
        }
        if let Some(turn) = change_turn.take() {
            session.change_turns.record(turn);
        }
        let is_change = matches!(event, Event::Notification(Notification::DidChange(_)));
        let name = event.name();
        let start = Instant::now();
        if contain(|| dispatch::handle(&mut session, event)).is_none() {
            tracing::error!(event = name, "handling the event panicked; it is skipped");
        }
        let elapsed = start.elapsed();
        change_turn = is_change.then_some(elapsed);
        if elapsed > LONG_TURN {
            tracing::warn!(event = name, ms = elapsed.as_millis(), "overly long loop turn");
        }
    }
    dispatch::end(session)
}
