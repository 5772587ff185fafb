//! `workspace/didChangeWorkspaceFolders`.

use crate::protocol::folders::{WorkspaceFolder, workspace_folder};
use crate::protocol::messages::{DidChangeWorkspaceFolders, WireFolder};
use crate::session::Session;

pub(crate) fn handle(session: &mut Session, params: &DidChangeWorkspaceFolders) {
    let (added, removed) = (folders(&params.event.added), folders(&params.event.removed));
    session.change_folders(added, &removed);
}

fn folders(folders: &[WireFolder]) -> Vec<WorkspaceFolder> {
    folders.iter().filter_map(|folder| workspace_folder(&folder.uri, folder.name.as_deref())).collect()
}
