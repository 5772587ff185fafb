//! Real servers as child processes. Invariant: each ends with its handle, and only what was started here is ended.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    LlamaCpp,
    Mlx,
}

/// The installed servers.
pub struct Servers {
    folder: PathBuf,
    /// The model, with safetensors and an ONNX file.
    pub model: PathBuf,
}

impl Servers {
    /// Fails where there are no servers or no weights for them.
    pub fn find() -> Self {
        let folder = std::env::var_os("FIMBLE_SERVERS").map(PathBuf::from);
        let folder = folder.expect("FIMBLE_SERVERS names the folder that tests/servers/setup.sh made");
        let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/default");
        let model = std::env::var_os("FIMBLE_SERVER_MODEL").map_or(default, PathBuf::from);
        let has_weights = model.join("config.json").is_file()
            && std::fs::read_dir(&model).unwrap().any(|entry| {
                entry.unwrap().path().extension().is_some_and(|extension| extension == "safetensors")
            });
        assert!(has_weights, "{} holds no config.json with safetensors", model.display());
        Self { folder, model }
    }

    /// The same servers with a copy of the model that has a chat template: the message and the beginning of a line of code below
    /// it. Its output depends on the switch that leaves thoughts out, as in this process.
    pub fn with_template(&self) -> Self {
        const TEMPLATE: &str = "{% for message in messages %}{{ message.content + '\\n' }}{% endfor %}\
            {% if add_generation_prompt %}{% if enable_thinking is defined and not enable_thinking %}{{ '\\nresult =' }}\
            {% else %}{{ '# Let me think' }}{% endif %}{% endif %}";
        let model = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chatting-model");
        std::fs::create_dir_all(&model).unwrap();
        for entry in std::fs::read_dir(&self.model).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, model.join(path.file_name().unwrap())).unwrap();
        }
        let file = model.join("tokenizer_config.json");
        let mut config: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        config["chat_template"] = TEMPLATE.into();
        std::fs::write(&file, config.to_string()).unwrap();
        Self { folder: self.folder.clone(), model }
    }

    /// Whether llama.cpp cuts texts into words as the model's own tokenizer does.
    pub fn has_known_pre_tokenizer(&self) -> bool {
        let tokenizer = std::fs::read_to_string(self.model.join("tokenizer.json")).unwrap();
        tokenizer.contains("(?i:'s|'t")
    }

    /// Tiny models of all kinds, written into a folder.
    pub fn tiny_models(&self, folder: &Path) -> Vec<PathBuf> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/tiny_models.py");
        let output = Command::new(self.python()).arg(script).arg(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let names = String::from_utf8(output.stdout).unwrap();
        names.lines().map(|name| folder.join(format!("{name}.gguf"))).collect()
    }

    /// Writes a GGUF file again with the same weights as floats.
    pub fn write_as_floats(&self, file: &Path, into: &Path) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/as_floats.py");
        let status = Command::new(self.python()).arg(script).arg(file).arg(into).status().unwrap();
        assert!(status.success());
    }

    fn python(&self) -> PathBuf {
        self.folder.join("python/bin/python")
    }

    /// The weights as llama.cpp reads them.
    fn gguf(&self) -> PathBuf {
        static MAKING: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _one_at_a_time = MAKING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let name = self.model.file_name().unwrap().to_string_lossy();
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fimble-{name}.gguf"));
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

    /// llama.cpp's server with a file.
    pub fn start_llama(servers: &Servers, file: &Path, arguments: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(servers.folder.join("bin/llama-server"));
        command.arg("--model").arg(file).args(arguments);
        Self::launch(command, Kind::LlamaCpp, port)
    }

    pub fn start_at(servers: &Servers, kind: Kind, port: u16) -> Self {
        let command = match kind {
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
                // Without a cache it lists no models.
                let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("models-of-mlx");
                std::fs::create_dir_all(&cache).unwrap();
                command.env("HF_HUB_OFFLINE", "1").env("HF_HUB_CACHE", cache);
                command
            }
        };
        Self::launch(command, kind, port)
    }

    fn launch(mut command: Command, kind: Kind, port: u16) -> Self {
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
            // The name determines the template.
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

    /// The content of the answer to a question.
    pub fn post(&self, path: &str, question: &Value) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let question = question.to_string();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{question}",
            question.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, content) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(head.split(' ').nth(1), Some("200"), "{answer}");
        content.to_owned()
    }

    fn is_healthy(&self) -> bool {
        self.get("/health").is_some_and(|answer| answer.split(' ').nth(1) == Some("200"))
    }

    /// How long since then until the server is at rest: llama.cpp says so itself, of mlx-lm it is seen by what it uses of the
    /// processor.
    pub fn time_to_rest(&self, since: Instant) -> Duration {
        loop {
            assert!(since.elapsed() < super::PATIENCE, "the server goes on");
            let is_busy = match self.kind {
                Kind::LlamaCpp => {
                    self.get("/slots").is_some_and(|answer| answer.contains("\"is_processing\":true"))
                }
                Kind::Mlx => {
                    let (before, at) = (self.processor_time(), Instant::now());
                    std::thread::sleep(Duration::from_millis(100));
                    if self.processor_time() - before <= 2 {
                        // It was at rest all the time.
                        return at - since;
                    }
                    true
                }
            };
            if !is_busy {
                return since.elapsed();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The processor time of the process, in hundredths of a second. Source: proc(5), the fields utime and stime.
    fn processor_time(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
        fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
