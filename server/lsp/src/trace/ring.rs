//! The last traces, in memory, and the thread that hands them to who keeps them. Invariant: the loop never waits for the
//! sink; the sink sees the traces at most once per second, and once more at the end.

use std::collections::VecDeque;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::panics::contain;
use crate::trace::RequestTrace;

/// Gets the recent traces, oldest first.
pub type TraceSink = Arc<dyn Fn(&[RequestTrace]) + Send + Sync>;

/// How many traces are kept.
const CAPACITY: usize = 64;
/// The sink is not called more often.
const SINK_INTERVAL: Duration = Duration::from_secs(1);

/// The last traces.
pub(crate) struct TraceRing {
    traces: Arc<Mutex<VecDeque<RequestTrace>>>,
    sink: Option<(Sender<()>, JoinHandle<()>)>,
}

impl TraceRing {
    pub(crate) fn new(sink: Option<TraceSink>) -> Self {
        let traces: Arc<Mutex<VecDeque<RequestTrace>>> = Arc::default();
        let sink = sink.and_then(|sink| start_sink(sink, Arc::clone(&traces)));
        Self { traces, sink }
    }

    /// Keeps a trace, and forgets the oldest.
    pub(crate) fn push(&self, trace: RequestTrace) {
        let mut traces = self.traces.lock().unwrap_or_else(PoisonError::into_inner);
        if traces.len() == CAPACITY {
            traces.pop_front();
        }
        traces.push_back(trace);
        drop(traces);
        if let Some((changed, _)) = &self.sink {
            let _ = changed.send(());
        }
    }

    /// The trace `back` requests ago: 0 is the last.
    pub(crate) fn recent(&self, back: usize) -> Option<RequestTrace> {
        let traces = self.traces.lock().unwrap_or_else(PoisonError::into_inner);
        traces.iter().rev().nth(back).cloned()
    }

    /// The last trace that is wanted.
    pub(crate) fn last(&self, is_wanted: impl Fn(&RequestTrace) -> bool) -> Option<RequestTrace> {
        let traces = self.traces.lock().unwrap_or_else(PoisonError::into_inner);
        traces.iter().rev().find(|trace| is_wanted(trace)).cloned()
    }

    /// Hands the sink what it has not seen and waits until it took it.
    pub(crate) fn end(&mut self) {
        if let Some((changed, thread)) = self.sink.take() {
            drop(changed);
            let _ = thread.join();
        }
    }
}

fn start_sink(
    sink: TraceSink,
    traces: Arc<Mutex<VecDeque<RequestTrace>>>,
) -> Option<(Sender<()>, JoinHandle<()>)> {
    let (sender, changed) = channel();
    let hand_over = move || {
        let recent: Vec<RequestTrace> =
            traces.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        if contain(|| sink(&recent)).is_none() {
            tracing::error!("the trace sink panicked");
        }
    };
    let thread = std::thread::Builder::new().name("fimble-traces".to_owned()).spawn(move || {
        while changed.recv().is_ok() {
            let mut has_news = true;
            while has_news {
                hand_over();
                // What comes within the interval is handed over together at its end.
                has_news = false;
                let end = Instant::now() + SINK_INTERVAL;
                loop {
                    match changed.recv_timeout(end.saturating_duration_since(Instant::now())) {
                        Ok(()) => has_news = true,
                        Err(RecvTimeoutError::Timeout) => break,
                        Err(RecvTimeoutError::Disconnected) => {
                            if has_news {
                                hand_over();
                            }
                            return;
                        }
                    }
                }
            }
        }
    });
    match thread {
        Ok(thread) => Some((sender, thread)),
        Err(error) => {
            tracing::error!(%error, "cannot start the thread for traces");
            None
        }
    }
}
