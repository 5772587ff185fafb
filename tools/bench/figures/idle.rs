//! What a server costs that nobody uses. Invariant: everything that works of its own accord is on and has had something to
//! do; what it left behind is done before anything is measured, and is not waited for without an end.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use fimble::shared::{capabilities, file_uri};
use fimble_client::{Client, InlineTrigger};
use serde_json::{Value, json};

use super::figure::Figure;
use super::process::spawn;
use super::typing::SOURCES;

/// How long the server is watched.
const WATCHED: Duration = Duration::from_secs(20);
/// A server is idle that took no time for so long.
const QUIET: Duration = Duration::from_secs(1);
/// Longest wait for that.
const PATIENCE: Duration = Duration::from_secs(30);
/// What Linux counts a process's time in: a hundredth of a second, on every processor that Fimble is built for.
const TICK: Duration = Duration::from_millis(10);

/// Share of one core that a server takes after work in a folder, with look-ahead and the memory of the project.
pub fn idle(binary: &Path, settings: &Value) -> anyhow::Result<Vec<Figure>> {
    let folder = std::env::temp_dir().join(format!("fimble-bench-{}", std::process::id()));
    let measured = measure(binary, settings, &folder);
    // What cannot be removed is small, and in a folder that systems empty.
    let _ = std::fs::remove_dir_all(&folder);
    let what = "processor time of an idle server with look-ahead and the memory of a project, of one core";
    Ok(vec![match measured? {
        Some(share) => Figure::new(what, format!("{:.2} %", share * 100.0), "0.5 %", share < 0.005),
        None => Figure::without_bar(what, "this system does not tell".to_owned()),
    }])
}

/// None where the system does not tell.
fn measure(binary: &Path, settings: &Value, folder: &Path) -> anyhow::Result<Option<f64>> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, _, above, typed) in SOURCES {
        std::fs::write(folder.join(name), format!("{above}{typed}"))?;
    }
    let mut settings = settings.clone();
    settings["lookAhead"] = json!("always");
    settings["experimental"]["projectCache"] = json!("always");
    let mut client = spawn(binary)?;
    client.initialize_in(&json!([{"uri": file_uri(folder), "name": "bench"}]), &capabilities(), &settings)?;
    for (name, language, above, _) in SOURCES {
        let uri = file_uri(&folder.join(name));
        client.open(&uri, language, above);
        let line = u32::try_from(above.matches('\n').count())?;
        client.inline_completion(&uri, (line, 0), InlineTrigger::Invoked)?;
    }
    let process = client.child().context("a child process")?.id();
    let share = wait_until_quiet(&client, process)?.and_then(|before| {
        std::thread::sleep(WATCHED);
        Some(processor_time(process)?.saturating_sub(before).as_secs_f64() / WATCHED.as_secs_f64())
    });
    client.shut_down()?;
    Ok(share)
}

/// Waits until the server says that nothing is computed or read, and takes no time. Returns the time that it took until then.
fn wait_until_quiet(client: &Client, process: u32) -> anyhow::Result<Option<Duration>> {
    let end = Instant::now() + PATIENCE;
    loop {
        let status = client.execute_command("fimble.status", &json!([]))?;
        let is_done = status["computing"] == 0 && status["workspace"]["indexing"] == false;
        let Some(before) = processor_time(process) else { return Ok(None) };
        std::thread::sleep(QUIET);
        let after = processor_time(process);
        if (is_done && after == Some(before)) || Instant::now() > end {
            return Ok(after);
        }
    }
}

/// Time that all threads of a process took; none where the system does not tell in /proc. Source: proc_pid_stat(5).
fn processor_time(process: u32) -> Option<Duration> {
    ticks(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?).map(|ticks| TICK * ticks)
}

/// Of the program itself and of the system for it: the 14th and 15th field. The second is a name, which may hold anything.
fn ticks(stat: &str) -> Option<u32> {
    let mut fields = stat.rsplit_once(") ")?.1.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u32>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::ticks;

    #[test]
    fn ticks_are_found_behind_a_name_with_brackets() {
        let stat = "4711 (a) 9 (b) S 1 4711 4711 0 -1 4194304 100 0 0 0 17 25 0 0 20 0 9 0";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("4711 (a"), None);
    }
}
