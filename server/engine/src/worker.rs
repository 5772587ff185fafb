//! The one thread that owns the session. Must hold: work runs in order of priority, then of arrival; idle work gives way
//! within a chunk or a token when other work arrives; a panic fails the work it happened in and nothing else.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use fimble_model::{ModelError, Priority};

use crate::evaluator::Evaluator;
use crate::panics::contain;

type Work = Box<dyn FnOnce(&mut Evaluator) + Send>;

#[derive(Default)]
struct Queues {
    interactive: VecDeque<Work>,
    idle: VecDeque<Work>,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    queues: Mutex<Queues>,
    arrived: Condvar,
    /// Interactive work that has not begun.
    n_waiting: AtomicUsize,
    closed: AtomicBool,
}

/// Handle of the thread. Dropping it ends the thread.
pub(crate) struct Worker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What running work can ask of the thread.
pub(crate) struct Yield {
    shared: Arc<Shared>,
    priority: Priority,
}

impl Yield {
    /// Whether the work should stop for the sake of other work.
    pub(crate) fn is_due(&self) -> bool {
        let gives_way = self.priority == Priority::Idle && self.shared.n_waiting.load(Ordering::Relaxed) > 0;
        gives_way || self.shared.closed.load(Ordering::Relaxed)
    }
}

impl Worker {
    /// Starts the thread.
    pub(crate) fn start(evaluator: Evaluator) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("fimble-engine".to_owned())
            .spawn(move || serve(&theirs, evaluator))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Interactive work that has not begun.
    pub(crate) fn n_waiting(&self) -> usize {
        self.shared.n_waiting.load(Ordering::Relaxed)
    }

    /// Runs work on the thread and waits for its result.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        priority: Priority,
        work: impl FnOnce(&mut Evaluator, &Yield) -> Result<T, ModelError> + Send + 'static,
    ) -> Result<T, ModelError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let turn = Yield { shared: Arc::clone(&self.shared), priority };
        let work: Work = Box::new(move |evaluator| {
            let result = contain(|| work(evaluator, &turn)).unwrap_or_else(|reason| {
                evaluator.clear_current();
                Err(ModelError::Engine(format!("a panic: {reason}")))
            });
            // The caller waits for it, so that the receiver is there.
            let _ = sender.send(result);
        });
        let mut queues = self.shared.queues.lock().unwrap_or_else(PoisonError::into_inner);
        match priority {
            Priority::Interactive => {
                self.shared.n_waiting.fetch_add(1, Ordering::Relaxed);
                queues.interactive.push_back(work);
            }
            Priority::Idle | Priority::Background => queues.idle.push_back(work),
        }
        drop(queues);
        self.shared.arrived.notify_one();
        receiver.recv().unwrap_or_else(|_| Err(ModelError::Engine("the engine has ended".to_owned())))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Relaxed);
        self.shared.queues.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.shared.arrived.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported to whoever waited for it.
            let _ = thread.join();
        }
    }
}

fn serve(shared: &Shared, mut evaluator: Evaluator) {
    while let Some(work) = next(shared) {
        work(&mut evaluator);
    }
}

/// Waits for work; none once the worker is dropped.
fn next(shared: &Shared) -> Option<Work> {
    let mut queues = shared.queues.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if queues.closed {
            return None;
        }
        if let Some(work) = queues.interactive.pop_front() {
            shared.n_waiting.fetch_sub(1, Ordering::Relaxed);
            return Some(work);
        }
        if let Some(work) = queues.idle.pop_front() {
            return Some(work);
        }
        queues = shared.arrived.wait(queues).unwrap_or_else(PoisonError::into_inner);
    }
}
