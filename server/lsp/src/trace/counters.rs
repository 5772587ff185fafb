//! What was counted since the start, for the status.

use crate::trace::TokenCounts;

/// What was counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) n_requests: u64,
    pub(crate) n_shown: u64,
    pub(crate) n_without_model: u64,
    pub(crate) n_superseded: u64,
    pub(crate) n_cancelled: u64,
    pub(crate) n_failed: u64,
    pub(crate) n_accepted: u64,
    pub(crate) n_dismissed: u64,
    /// Next edits that were sent.
    pub(crate) n_edits_sent: u64,
    /// Of them, those that a client said it has shown.
    pub(crate) n_edits_shown: u64,
    pub(crate) n_edits_accepted: u64,
    pub(crate) n_edits_dismissed: u64,
    /// Jobs that were started and those that reported, whether or not a request still waited for them.
    pub(crate) n_jobs_started: u64,
    pub(crate) n_jobs_reported: u64,
    /// Tokens of all jobs that reported.
    pub(crate) n_tokens_reused: usize,
    pub(crate) n_tokens_prefilled: usize,
    pub(crate) n_tokens_decoded: usize,
    pub(crate) n_tokens_drafted: usize,
    pub(crate) n_tokens_accepted: usize,
}

impl Counters {
    /// A job reported.
    pub(crate) fn count_job(&mut self, tokens: TokenCounts) {
        self.n_jobs_reported += 1;
        self.n_tokens_reused += tokens.reused;
        self.n_tokens_prefilled += tokens.prefilled;
        self.n_tokens_decoded += tokens.decoded;
        self.n_tokens_drafted += tokens.drafted;
        self.n_tokens_accepted += tokens.accepted;
    }
}
