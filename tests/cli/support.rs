//! The program under test, and services that say what a test tells them to.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use tempfile::TempDir;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, accept_hdr};

pub(crate) const TOKEN: &str = "s3cr3t-s3cr3t-s3cr3t-s3cr3t";
pub(crate) const KEY: &str = "abababababababababababababababababababababababababababababababab";
pub(crate) const LIST: &str = r#"{"action":"list","model":"users"}"#;
pub(crate) const ROWS: &str = r#"{"id":1,"status":"ok","data":[{"id":1,"name":"Ada"},{"id":2,"name":"Bo"}],"count":2,"limit":50,"offset":0,"has_more":false}"#;
pub(crate) const REFUSED_MODEL: &str = r#"{"id":1,"status":"error","error":"Model 'user' not allowed. Allowed models: users, tickets","code":"model_not_allowed"}"#;

/// What a service does with a message.
#[derive(Clone)]
pub(crate) enum Step {
    Text(String),
    Binary,
    Close(u16, &'static str),
    Drop,
    Hang,
}

/// A service on a port of its own.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Service {
    /// A service that does with each connection what `handle` does.
    pub(crate) fn new(handle: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let handle = Arc::new(handle);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let handle = Arc::clone(&handle);
                thread::spawn(move || handle(stream));
            }
        });
        Self {
            address,
            seen: Arc::default(),
        }
    }

    /// A service that opens a WebSocket and takes a step for each message.
    pub(crate) fn socket(step: impl Fn(&str) -> Step + Send + Sync + 'static) -> Self {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let notes = Arc::clone(&seen);
        let mut service = Self::new(move |stream| talk(stream, &notes, &step));
        service.seen = seen;
        service
    }

    /// A service that gives this answer to each message.
    pub(crate) fn answering(answer: &'static str) -> Self {
        Self::socket(move |_| Step::Text(answer.to_owned()))
    }

    /// A service that writes these bytes once it has read a request, and closes.
    pub(crate) fn raw(bytes: impl Into<String>) -> Self {
        let bytes = bytes.into();
        Self::new(move |mut stream| {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(bytes.as_bytes());
        })
    }

    /// A service that refuses the handshake.
    pub(crate) fn http(status: &str, headers: &str, body: &str) -> Self {
        Self::raw(format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// What arrived, in order: `path`, `token` and `message` lines.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

#[allow(
    clippy::result_large_err,
    reason = "the signature of the callback is that of tungstenite"
)]
fn talk(stream: TcpStream, seen: &Mutex<Vec<String>>, step: &impl Fn(&str) -> Step) {
    let note = |line: String| seen.lock().unwrap().push(line);
    let greet = |request: &Request, response: Response| {
        note(format!("path {}", request.uri()));
        if let Some(token) = request.headers().get("x-mcp-token") {
            note(format!("token {}", token.to_str().unwrap()));
        }
        Ok(response)
    };
    let Ok(mut socket) = accept_hdr(stream, greet) else {
        return;
    };
    while let Ok(message) = socket.read() {
        let Message::Text(text) = message else {
            continue;
        };
        note(format!("message {text}"));
        // A ping before the answer is what a service may send at any time.
        let _ = socket.send(Message::Ping("?".into()));
        match step(&text) {
            Step::Text(answer) => socket.send(Message::text(answer)).unwrap_or(()),
            Step::Binary => socket.send(Message::binary(vec![1])).unwrap_or(()),
            Step::Close(code, reason) => {
                let _ = socket.close(Some(CloseFrame {
                    code: code.into(),
                    reason: reason.into(),
                }));
                let _ = socket.flush();
            }
            Step::Drop => return,
            Step::Hang => thread::sleep(std::time::Duration::from_secs(20)),
        }
    }
}

/// A folder to run in, and the program with an environment of its own.
pub(crate) struct Run {
    pub(crate) folder: TempDir,
    variables: Vec<(String, String)>,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    /// A run that finds the service and a token in its environment.
    pub(crate) fn with(service: &Service) -> Self {
        Self::new()
            .set("MCP_LISTEN", &service.address.to_string())
            .set("MCP_TOKEN", TOKEN)
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.folder.path().join(name), text).unwrap();
        self
    }

    pub(crate) fn lucarne(&self, arguments: &[&str]) -> Ended {
        self.feed(arguments, "")
    }

    /// Runs with this text on standard input.
    pub(crate) fn feed(&self, arguments: &[&str], input: &str) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lucarne"));
        command.args(arguments);
        self.end(command, input)
    }

    /// Gives the run a database of its own, served once MCP is switched on, as it is.
    pub(crate) fn with_sample(self) -> Self {
        static SAMPLE: OnceLock<Vec<u8>> = OnceLock::new();
        let sample = SAMPLE.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("sample.db");
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let made = lucarne::sample::create_sqlite(&path);
            runtime.block_on(made).unwrap();
            std::fs::read(path).unwrap()
        });
        std::fs::write(self.folder.path().join("shop.db"), sample).unwrap();
        self.set("MCP_ENABLED", "true")
            .set("DATABASE_URL", "sqlite:shop.db")
    }

    /// Gives the run a store with a tenant that has a database and a token.
    pub(crate) fn with_store(self) -> Self {
        static STORE: OnceLock<Vec<u8>> = OnceLock::new();
        let store = STORE.get_or_init(|| {
            let run = Self::new().with_sample().with_keys();
            for arguments in [
                &["tenant", "create", "acme"][..],
                &[
                    "database",
                    "add",
                    "shop",
                    "--tenant",
                    "acme",
                    "--models",
                    "users,tickets",
                    "sqlite:shop.db",
                ],
                &["token", "create", "night", "--tenant", "acme"],
            ] {
                let ended = run.lucarne(arguments);
                assert_eq!(ended.code, Some(0), "{}", ended.err);
            }
            std::fs::read(run.folder.path().join("store.db")).unwrap()
        });
        let path = self.folder.path().join("store.db");
        std::fs::write(&path, store).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
        self.with_keys()
    }

    /// Names a store that is still to be made, and what seals it.
    pub(crate) fn with_keys(self) -> Self {
        self.set("MCP_STORE", "sqlite:store.db")
            .set("MCP_ENCRYPTION_KEY", KEY)
    }

    /// Runs a line of shell that serves, until it says this; then interrupts it.
    pub(crate) fn serve(&self, line: &str, sign: &str) -> Ended {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec env {line} 2>&1")]);
        let mut child = self.spawn(command);
        let mut out = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.by_ref().map_while(Result::ok) {
            out += &format!("{line}\n");
            if line.contains(sign) {
                let id = child.id().to_string();
                let sent = Command::new("kill").args(["-s", "INT", &id]).status();
                assert!(sent.unwrap().success());
                break;
            }
        }
        out.extend(lines.map_while(Result::ok).map(|line| line + "\n"));
        Ended {
            code: child.wait().unwrap().code(),
            err: out.clone(),
            out,
        }
    }

    /// Runs a line of shell that finds the program as `lucarne`.
    pub(crate) fn shell(&self, line: &str) -> Ended {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        self.end(command, "")
    }

    fn end(&self, command: Command, input: &str) -> Ended {
        let mut child = self.spawn(command);
        // A command that does not read its input has closed it already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let Output {
            status,
            stdout,
            stderr,
        } = child.wait_with_output().unwrap();
        Ended {
            code: status.code(),
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
        }
    }

    fn spawn(&self, mut command: Command) -> Child {
        let programs = Path::new(env!("CARGO_BIN_EXE_lucarne")).parent().unwrap();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("TERM", "xterm-256color")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}
