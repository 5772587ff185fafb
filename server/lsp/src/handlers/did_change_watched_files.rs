//! `workspace/didChangeWatchedFiles`: something else than the editor wrote to the disk, or the editor itself.

use crate::protocol::convert::from_proto;
use crate::protocol::messages::DidChangeWatchedFiles;
use crate::session::Session;

pub(crate) fn handle(session: &mut Session, params: &DidChangeWatchedFiles) {
    session.watched_files_changed(params.changes.iter().map(|change| from_proto::path(&change.uri)));
}
