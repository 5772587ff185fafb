//! Editors that are too old to show suggestions as they should and cannot say so themselves: VS Code's extension and Neovim's
//! plugin warn their users, Helix has neither. Invariant: an editor that does not name its version is not judged.

use serde_json::Value;

/// The oldest Helix that asks again for a menu that was not complete.
const OLDEST_HELIX: (u32, u32) = (25, 7);

/// What is wrong with the editor that sent these parameters of `initialize`, and what to do.
pub(crate) fn too_old(params: &Value) -> Option<String> {
    let says = |pointer: &str| params.pointer(pointer).and_then(Value::as_str);
    let version = says("/clientInfo/version").filter(|_| says("/clientInfo/name") == Some("helix"))?;
    let mut numbers = version.split(['.', ' ', '-']).map(|number| number.parse().ok());
    let (year, month) = (numbers.next()??, numbers.next()??);
    let (oldest_year, oldest_month) = OLDEST_HELIX;
    ((year, month) < OLDEST_HELIX).then(|| {
        format!(
            "Fimble needs Helix {oldest_year}.{oldest_month:02} or newer, and this is {version}: it does not ask again for a suggestion that \
             was not ready at once. Update Helix."
        )
    })
}
