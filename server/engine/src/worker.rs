//! The one thread that owns the session. Invariant: work runs in order of priority, then of arrival; when other work arrives, idle work
//! ends and background work pauses within a chunk or a token; steps are done one at a time when there is nothing else; a panic fails
//! the work in which it happened, and nothing else.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use fimble_model::{ModelError, Priority};

use crate::evaluator::Evaluator;
use crate::panics::contain;

type Work = Box<dyn FnOnce(&mut Evaluator) + Send>;
/// Does a little each time, and says whether there is more.
type Steps = Box<dyn FnMut() -> bool + Send>;

const BY_URGENCY: [Priority; 3] = [Priority::Interactive, Priority::Background, Priority::Idle];

#[derive(Default)]
struct Queues {
    interactive: VecDeque<Work>,
    background: VecDeque<Work>,
    idle: VecDeque<Work>,
    steps: VecDeque<Steps>,
    /// A step is being done.
    in_step: bool,
    closed: bool,
}

impl Queues {
    fn of(&mut self, priority: Priority) -> &mut VecDeque<Work> {
        match priority {
            Priority::Interactive => &mut self.interactive,
            Priority::Background => &mut self.background,
            Priority::Idle => &mut self.idle,
        }
    }
}

#[derive(Default)]
struct Shared {
    queues: Mutex<Queues>,
    arrived: Condvar,
    /// No steps are left.
    settled: Condvar,
    /// Interactive work that has not started.
    n_waiting: AtomicUsize,
    /// Idle work that has not started.
    n_idle_waiting: AtomicUsize,
    /// Background work that has not ended.
    n_background: AtomicUsize,
    closed: AtomicBool,
}

impl Shared {
    /// Takes the next work of one of these priorities, the first of them first.
    fn take(&self, queues: &mut Queues, priorities: &[Priority]) -> Option<Work> {
        let (priority, work) =
            priorities.iter().find_map(|priority| Some((*priority, queues.of(*priority).pop_front()?)))?;
        match priority {
            Priority::Interactive => self.n_waiting.fetch_sub(1, Ordering::Relaxed),
            Priority::Idle => self.n_idle_waiting.fetch_sub(1, Ordering::Relaxed),
            Priority::Background => 0,
        };
        Some(work)
    }
}

/// Handle of the thread. Dropping it ends the thread.
pub(crate) struct Worker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Preemption of running work.
pub(crate) struct Preemption {
    shared: Arc<Shared>,
    priority: Priority,
}

impl Preemption {
    /// Whether the work has to end, because other work waits or the thread ends.
    pub(crate) fn is_due(&self) -> bool {
        let is_idle = self.priority == Priority::Idle;
        let others_want = |others: &AtomicUsize| is_idle && others.load(Ordering::Relaxed) > 0;
        others_want(&self.shared.n_waiting)
            || others_want(&self.shared.n_background)
            || self.shared.closed.load(Ordering::Relaxed)
    }

    /// Runs other work that waits, if this is background work. Returns whether there was any: then the cache and the last logits may be
    /// those of the other work. Idle work ends at once while background work runs, but it has to be started for that, because its
    /// caller waits.
    pub(crate) fn yield_to_others(&self, evaluator: &mut Evaluator) -> bool {
        let waits = |others: &AtomicUsize| others.load(Ordering::Relaxed) > 0;
        if self.priority != Priority::Background
            || !(waits(&self.shared.n_waiting) || waits(&self.shared.n_idle_waiting))
        {
            return false;
        }
        let mut has_passed = false;
        loop {
            let mut queues = self.shared.queues.lock().unwrap_or_else(PoisonError::into_inner);
            let work = self.shared.take(&mut queues, &[Priority::Interactive, Priority::Idle]);
            drop(queues);
            let Some(work) = work else { return has_passed };
            work(evaluator);
            has_passed = true;
        }
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

    /// Interactive work that has not started.
    pub(crate) fn n_waiting(&self) -> usize {
        self.shared.n_waiting.load(Ordering::Relaxed)
    }

    /// Runs work on the thread and waits for its result.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        priority: Priority,
        work: impl FnOnce(&mut Evaluator, &Preemption) -> Result<T, ModelError> + Send + 'static,
    ) -> Result<T, ModelError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let preemption = Preemption { shared: Arc::clone(&self.shared), priority };
        let ending = Arc::clone(&self.shared);
        let work: Work = Box::new(move |evaluator| {
            let result = contain(|| work(evaluator, &preemption)).unwrap_or_else(|reason| {
                evaluator.clear_current();
                Err(ModelError::Engine(format!("a panic: {reason}")))
            });
            if priority == Priority::Background {
                ending.n_background.fetch_sub(1, Ordering::Relaxed);
            }
            // The caller waits for it, so that the receiver is there.
            let _ = sender.send(result);
        });
        let mut queues = self.shared.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = match priority {
            Priority::Interactive => &self.shared.n_waiting,
            Priority::Background => &self.shared.n_background,
            Priority::Idle => &self.shared.n_idle_waiting,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        queues.of(priority).push_back(work);
        drop(queues);
        self.shared.arrived.notify_one();
        receiver.recv().unwrap_or_else(|_| Err(ModelError::Engine("the engine has ended".to_owned())))
    }

    /// Does work in steps, each of about a millisecond, whenever there is nothing else to do. Returns at once.
    pub(crate) fn run_in_steps(&self, steps: impl FnMut() -> bool + Send + 'static) {
        let mut queues = self.shared.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.steps.push_back(Box::new(steps));
        drop(queues);
        self.shared.arrived.notify_one();
    }

    /// Waits until all steps are done.
    pub(crate) fn settle(&self) {
        let mut queues = self.shared.queues.lock().unwrap_or_else(PoisonError::into_inner);
        while !queues.closed && (queues.in_step || !queues.steps.is_empty()) {
            queues = self.shared.settled.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Relaxed);
        self.shared.queues.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.shared.arrived.notify_all();
        self.shared.settled.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported to the caller of its work.
            let _ = thread.join();
        }
    }
}

fn serve(shared: &Shared, mut evaluator: Evaluator) {
    while let Some(next) = next(shared) {
        match next {
            Next::Work(work) => work(&mut evaluator),
            Next::Step(mut steps) => {
                // Work that panics is abandoned.
                let has_more = contain(&mut steps).unwrap_or(false);
                let mut queues = shared.queues.lock().unwrap_or_else(PoisonError::into_inner);
                queues.in_step = false;
                if has_more {
                    queues.steps.push_front(steps);
                } else if queues.steps.is_empty() {
                    shared.settled.notify_all();
                }
            }
        }
    }
}

/// The next work of the thread.
enum Next {
    Work(Work),
    Step(Steps),
}

/// Waits for work; none once the worker is dropped.
fn next(shared: &Shared) -> Option<Next> {
    let mut queues = shared.queues.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if queues.closed {
            return None;
        }
        if let Some(work) = shared.take(&mut queues, &BY_URGENCY) {
            return Some(Next::Work(work));
        }
        if let Some(steps) = queues.steps.pop_front() {
            queues.in_step = true;
            return Some(Next::Step(steps));
        }
        queues = shared.arrived.wait(queues).unwrap_or_else(PoisonError::into_inner);
    }
}
