//! Threads for work that must not run on the loop. Invariant: threads are started only when work comes (starting the
//! server costs nothing), and a panic costs one job, not a thread.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use crate::panics::contain;

type Job = Box<dyn FnOnce() + Send>;

/// A pool of a few threads with one queue, first in first out.
pub(crate) struct Workers {
    name: &'static str,
    max_threads: usize,
    n_threads: usize,
    /// Jobs that are queued or running.
    n_jobs: Arc<AtomicUsize>,
    sender: Sender<Job>,
    receiver: Arc<Mutex<Receiver<Job>>>,
}

impl Workers {
    /// A pool that starts up to `max_threads` threads as jobs come.
    pub(crate) fn new(name: &'static str, max_threads: usize) -> Self {
        let (sender, receiver) = channel();
        Self {
            name,
            max_threads,
            n_threads: 0,
            n_jobs: Arc::default(),
            sender,
            receiver: Arc::new(Mutex::new(receiver)),
        }
    }

    /// Whether a job is queued or running.
    pub(crate) fn is_busy(&self) -> bool {
        self.n_jobs.load(Ordering::SeqCst) > 0
    }

    /// Queues a job.
    pub(crate) fn spawn(&mut self, job: impl FnOnce() + Send + 'static) {
        let n_jobs = self.n_jobs.fetch_add(1, Ordering::SeqCst) + 1;
        if n_jobs > self.n_threads && self.n_threads < self.max_threads {
            self.start_thread();
        }
        // The receiver lives as long as this pool.
        let _ = self.sender.send(Box::new(job));
    }

    fn start_thread(&mut self) {
        let receiver = Arc::clone(&self.receiver);
        let n_jobs = Arc::clone(&self.n_jobs);
        let name = self.name;
        let started = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            loop {
                // The guard must be gone before the job runs, or the other threads could not take one.
                let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(job) = job else { return };
                if contain(job).is_none() {
                    tracing::error!(worker = name, "a job panicked");
                }
                n_jobs.fetch_sub(1, Ordering::SeqCst);
            }
        });
        match started {
            Ok(_) => self.n_threads += 1,
            Err(error) => tracing::error!(worker = name, %error, "cannot start a thread"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn jobs_run_beside_each_other_and_survive_a_panic() {
        let mut workers = Workers::new("test", 2);
        let (sender, receiver) = mpsc::channel();
        workers.spawn(|| panic!("on purpose"));
        let barrier = Arc::new(Barrier::new(2));
        for number in 0..2 {
            let (sender, barrier) = (sender.clone(), Arc::clone(&barrier));
            workers.spawn(move || {
                barrier.wait();
                sender.send(number).unwrap();
            });
        }
        let mut numbers = [receiver.recv().unwrap(), receiver.recv().unwrap()];
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1]);
        assert!(workers.n_threads <= 2);
    }
}
