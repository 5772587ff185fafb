//! Real servers as child processes. Must hold: each ends with its handle, and only what was started here is ended.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    LlamaCpp,
    Mlx,
}

/// What is installed.
pub struct Servers {
    folder: PathBuf,
    /// The model, with safetensors and an ONNX file.
    pub model: PathBuf,
}

impl Servers {
    /// None, with a word about it, where there are no servers or no weights for them.
    pub fn find() -> Option<Self> {
        let Some(folder) = std::env::var_os("FIMBLE_SERVERS").map(PathBuf::from) else {
            eprintln!("left out: FIMBLE_SERVERS names no folder with servers");
            return None;
        };
        let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/default");
        let model = std::env::var_os("FIMBLE_SERVER_MODEL").map_or(default, PathBuf::from);
        let has_weights = model.join("config.json").is_file()
            && std::fs::read_dir(&model).unwrap().any(|entry| {
                entry.unwrap().path().extension().is_some_and(|extension| extension == "safetensors")
            });
        if !has_weights {
            eprintln!("left out: {} holds no config.json with safetensors", model.display());
            return None;
        }
        Some(Self { folder, model })
    }

    /// Whether llama.cpp cuts texts into words as the model's own tokenizer does.
    pub fn has_known_pre_tokenizer(&self) -> bool {
        let tokenizer = std::fs::read_to_string(self.model.join("tokenizer.json")).unwrap();
        tokenizer.contains("(?i:'s|'t")
    }

    fn python(&self) -> PathBuf {
        self.folder.join("python/bin/python")
    }

    /// The weights as llama.cpp reads them, made once.
    fn gguf(&self) -> PathBuf {
        static MAKING: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _one_at_a_time = MAKING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fimble.gguf");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/to_gguf.py");
        let status = Command::new(self.python()).arg(script).arg(&self.model).arg(&file).status().unwrap();
        assert!(status.success());
        file
    }
}

/// A server that runs.
pub struct Running {
    child: Child,
    kind: Kind,
    pub port: u16,
}

impl Running {
    pub fn start(servers: &Servers, kind: Kind) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::start_at(servers, kind, port)
    }

    pub fn start_at(servers: &Servers, kind: Kind, port: u16) -> Self {
        let mut command = match kind {
            Kind::LlamaCpp => {
                let mut command = Command::new(servers.folder.join("bin/llama-server"));
                command.arg("--model").arg(servers.gguf()).args([
                    "--ctx-size",
                    "2048",
                    "--threads",
                    "2",
                    "--slots",
                ]);
                command
            }
            Kind::Mlx => {
                let mut command = Command::new(servers.python());
                command.args(["-m", "mlx_lm", "server", "--model"]).arg(&servers.model);
                command.env("HF_HUB_OFFLINE", "1");
                command
            }
        };
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{kind:?}-{port}.log"));
        command.stderr(std::fs::File::create(&log).unwrap());
        let child = command.spawn().unwrap();
        let mut running = Self { child, kind, port };
        let start = Instant::now();
        while !running.is_healthy() {
            let ended = running.child.try_wait().unwrap();
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(ended.is_none(), "{kind:?} ended: {}", said());
            assert!(start.elapsed() < super::PATIENCE, "{kind:?} does not start: {}", said());
            std::thread::sleep(Duration::from_millis(50));
        }
        running
    }

    /// As the settings name it.
    pub fn name(&self) -> String {
        match self.kind {
            Kind::LlamaCpp => format!("llama.cpp@127.0.0.1:{}", self.port),
            // The name tells the template.
            Kind::Mlx => format!("mlx:fimble@127.0.0.1:{}", self.port),
        }
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    fn is_healthy(&self) -> bool {
        self.get("/health").is_some_and(|answer| answer.split(' ').nth(1) == Some("200"))
    }

    /// Whether a slot of llama.cpp is at work.
    pub fn is_busy(&self) -> bool {
        self.get("/slots").is_some_and(|answer| answer.contains("\"is_processing\":true"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
