//! The folders that the client works in. Invariant: a path has no slash at its end.

use serde_json::Value;

use crate::protocol::convert::from_proto;

/// A folder that the client works in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WorkspaceFolder {
    /// Path without a slash at the end.
    pub(crate) path: String,
    /// Its name for people.
    pub(crate) name: String,
}

/// A folder that the client works in; none if its URI names nothing.
pub(crate) fn workspace_folder(uri: &str, name: Option<&str>) -> Option<WorkspaceFolder> {
    let path = from_proto::path(uri).trim_end_matches('/').to_owned();
    let name = name.unwrap_or_else(|| from_proto::file_name(&path)).to_owned();
    (!path.is_empty()).then_some(WorkspaceFolder { path, name })
}

/// The folders that the client works in.
pub(crate) fn workspace_folders(params: &Value) -> Vec<WorkspaceFolder> {
    let listed = params.get("workspaceFolders").and_then(Value::as_array).into_iter().flatten();
    let mut folders: Vec<WorkspaceFolder> = listed
        .filter_map(|item| {
            workspace_folder(item.get("uri")?.as_str()?, item.get("name").and_then(Value::as_str))
        })
        .collect();
    if folders.is_empty() {
        folders.extend(
            params.get("rootUri").and_then(Value::as_str).and_then(|uri| workspace_folder(uri, None)),
        );
    }
    folders
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn folders_come_from_the_list_or_from_the_root() {
        let listed = json!({
            "rootUri": "file:///other",
            "workspaceFolders": [{"uri": "file:///w/a%20b/", "name": "mine"}, {"uri": 3}],
        });
        let expected = WorkspaceFolder { path: "/w/a b".to_owned(), name: "mine".to_owned() };
        assert_eq!(workspace_folders(&listed), [expected]);
        let root = json!({"rootUri": "file:///w/x", "workspaceFolders": null});
        let expected = WorkspaceFolder { path: "/w/x".to_owned(), name: "x".to_owned() };
        assert_eq!(workspace_folders(&root), [expected]);
        assert_eq!(workspace_folders(&json!({})), []);
    }
}
