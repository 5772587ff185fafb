//! Judges bodies by the tests of their files. Invariant: a test runs in a temporary folder of its own, for a limited time, and
//! without network where the system offers that (`unshare`); only a body whose file passes its tests as it stands is judged.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::cases::{Case, Project};

/// Processor time of one step of a test, in seconds: what never ends is ended, however busy the machine is.
const CPU_SECONDS: &str = "20";
/// Longest time of one step that computes nothing, or on systems without a limit of processor time.
const LIMIT: Duration = Duration::from_secs(180);
/// How often a step is asked whether it has ended.
const POLL: Duration = Duration::from_millis(5);

/// How files of a language are tested.
struct Runner {
    /// Of files that end so.
    extension: &'static str,
    /// The test of a file, by its name without the extension: `{}`.
    test: &'static str,
    /// The steps; each has to end well.
    steps: &'static [&'static [&'static str]],
}

const RUNNERS: &[Runner] = &[
    Runner {
        extension: "py",
        test: "test_{}.py",
        steps: &[&["python3", "-B", "-m", "unittest", "-q", "test_{}"]],
    },
    Runner { extension: "js", test: "{}.test.js", steps: &[&["node", "{}.test.js"]] },
    Runner {
        extension: "rs",
        test: "{}_test.rs",
        steps: &[&["rustc", "--edition", "2024", "--test", "-o", "run-test", "{}_test.rs"], &["./run-test"]],
    },
    Runner {
        extension: "java",
        test: "{}Test.java",
        steps: &[&["javac", "{}.java", "{}Test.java"], &["java", "-ea", "-cp", ".", "{}Test"]],
    },
    Runner { extension: "go", test: "{}_test.go", steps: &[&["go", "test", "{}.go", "{}_test.go"]] },
];

/// Runs tests, and remembers what cannot run here.
pub struct TestRunner {
    /// Whether programs can be started without network.
    without_network: bool,
    /// Whether a program is there.
    programs: HashMap<&'static str, bool>,
    /// Whether a file passes as it stands, by its path.
    as_it_stands: HashMap<PathBuf, bool>,
    /// Why places were left out, and how many.
    left_out: HashMap<String, usize>,
}

impl TestRunner {
    /// Finds out whether programs can be started without network.
    pub fn new() -> Self {
        let without_network = succeeds(Command::new("unshare").args(["-rn", "true"]));
        Self {
            without_network,
            programs: HashMap::new(),
            as_it_stands: HashMap::new(),
            left_out: HashMap::new(),
        }
    }

    /// Whether tests run without network.
    pub fn is_without_network(&self) -> bool {
        self.without_network
    }

    /// What was left out: the reason with the number of places, in the order of the reasons.
    pub fn left_out(&self) -> Vec<(String, usize)> {
        let mut left_out: Vec<_> = self.left_out.iter().map(|(reason, n)| (reason.clone(), *n)).collect();
        left_out.sort();
        left_out
    }

    /// Whether the tests of a case can judge it: its language runs here, and its file passes as it stands. What cannot is counted.
    ///
    /// # Errors
    /// Files cannot be written.
    pub fn can_judge(&mut self, project: &Project, case: &Case) -> anyhow::Result<bool> {
        let reason = match self.test_of(project, case) {
            Err(reason) => reason,
            Ok((runner, test)) => {
                let whole = insert(case, &case.expected);
                let file = test.with_file_name(&case.path);
                let passes = match self.as_it_stands.get(&file) {
                    Some(passes) => *passes,
                    None => {
                        let passes = self.run(runner, &test, case, &whole)?;
                        self.as_it_stands.insert(file, passes);
                        passes
                    }
                };
                if passes {
                    return Ok(true);
                }
                format!("{} does not pass its tests as it stands", case.path)
            }
        };
        *self.left_out.entry(reason).or_default() += 1;
        Ok(false)
    }

    /// Whether the tests pass with a body. [`TestRunner::can_judge`] must have said yes.
    ///
    /// # Errors
    /// Files cannot be written.
    pub fn passes(&mut self, project: &Project, case: &Case, body: &str) -> anyhow::Result<bool> {
        match self.test_of(project, case) {
            Ok((runner, test)) => self.run(runner, &test, case, &insert(case, body)),
            Err(_) => Ok(false),
        }
    }

    /// How a case is tested and by which file, or why it cannot be.
    fn test_of(&mut self, project: &Project, case: &Case) -> Result<(&'static Runner, PathBuf), String> {
        let path = Path::new(&case.path);
        let folder = project.tests.as_ref().ok_or("the project has no tests")?;
        let extension = path.extension().unwrap_or_default();
        let runner = RUNNERS.iter().find(|runner| extension == runner.extension);
        let runner = runner.ok_or_else(|| format!("tests in {} are not known", case.language))?;
        let test = folder.join(runner.test.replace("{}", &stem(&case.path)));
        if !test.is_file() {
            return Err(format!("{} has no test", case.path));
        }
        for program in runner.steps.iter().map(|step| step[0]).filter(|program| !program.starts_with("./")) {
            // javac and go know no --version, but all of them are found or not.
            let is_there = self.programs.entry(program).or_insert_with(|| {
                Command::new(program)
                    .arg("--version")
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status()
                    .is_ok()
            });
            if !*is_there {
                return Err(format!("{program} is not installed"));
            }
        }
        Ok((runner, test))
    }

    /// Runs the test of a file that has this text.
    fn run(&self, runner: &Runner, test: &Path, case: &Case, text: &str) -> anyhow::Result<bool> {
        let folder = tempfile::tempdir().context("no temporary folder can be made")?;
        let name = Path::new(&case.path).file_name().unwrap_or_default();
        let test_name = test.file_name().unwrap_or_default();
        let written = std::fs::write(folder.path().join(name), text)
            .and_then(|()| std::fs::copy(test, folder.path().join(test_name)));
        written.with_context(|| format!("{} cannot be prepared", test.display()))?;
        for step in runner.steps {
            let step: Vec<String> = step.iter().map(|part| part.replace("{}", &stem(&case.path))).collect();
            let mut words: Vec<&str> = Vec::new();
            if cfg!(unix) {
                words.extend(["sh", "-c", "ulimit -t \"$0\" && exec \"$@\"", CPU_SECONDS]);
            }
            if self.without_network {
                words.extend(["unshare", "-rn", "--"]);
            }
            words.extend(step.iter().map(String::as_str));
            let mut command = Command::new(words[0]);
            if !ends_well(command.args(&words[1..]).current_dir(folder.path()))? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The name of a file without its extension.
fn stem(path: &str) -> String {
    Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The text of a case's file with this at the place.
fn insert(case: &Case, body: &str) -> String {
    format!("{}{body}{}", &case.text[..case.offset], &case.text[case.offset..])
}

fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Whether a step ends well within its time. It is ended with everything that it started otherwise.
fn ends_well(command: &mut Command) -> anyhow::Result<bool> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if started.elapsed() > LIMIT {
            #[cfg(unix)]
            if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
                rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
            }
            child.kill().ok();
            child.wait()?;
            return Ok(false);
        }
        std::thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::{self, Kind, Wanted};

    #[test]
    fn each_fixture_passes_as_it_stands_and_fails_without_its_body() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/eval-bodies");
        let mut runner = TestRunner::new();
        let mut n_bodies = 0;
        for entry in
            std::fs::read_dir(root).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_dir())
        {
            let wanted = Wanted { kinds: Vec::new(), n_cases: 99, seed: 1, edits_elsewhere: false };
            let project = cases::read(&entry.path(), &wanted).unwrap();
            assert!(project.tests.is_some() && project.cases.len() >= 6, "{}", project.name);
            for case in &project.cases {
                assert_eq!(case.kind, Kind::Body);
                n_bodies += 1;
                if !runner.can_judge(&project, case).unwrap() {
                    continue;
                }
                assert!(
                    !runner.passes(&project, case, "").unwrap(),
                    "no test of {} notices {:?}",
                    case.path,
                    case.expected
                );
            }
        }
        assert!(n_bodies >= 24, "{n_bodies}");
        for (reason, n) in runner.left_out() {
            assert!(reason.ends_with("is not installed"), "{n} left out: {reason}");
            eprintln!("left out: {n} bodies, {reason}");
        }
    }
}
