//! The service under measurement: started with every check on, and stopped.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{Options, Outcome, process};

/// The token of the configuration.
const TOKEN: &str = "a-token-for-the-bench-of-the-gateway";
/// Where parts that run as processes of their own find the token of a store.
pub(crate) const TOKEN_VARIABLE: &str = "LUCARNE_BENCH_TOKEN";
/// The token of the store, once one was made.
static STORED: Mutex<Option<String>> = Mutex::new(None);
const KEY: &str = "abababababababababababababababababababababababababababababababab";

/// The token of every client.
pub(crate) fn token() -> String {
    let stored = STORED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let stored = stored.or_else(|| std::env::var(TOKEN_VARIABLE).ok());
    stored.unwrap_or_else(|| TOKEN.to_owned())
}

/// A service that is not ready by then is given up: it reads a thousand models on a slow server.
const PATIENCE: Duration = Duration::from_secs(600);

/// The service at work; it is stopped when this is dropped.
pub(crate) struct Served {
    child: Child,
    folder: tempfile::TempDir,
    /// Where it listens.
    pub(crate) address: String,
    /// From the start of the process until it said that it is ready.
    pub(crate) started_in: Duration,
    /// Resident memory then, in bytes.
    pub(crate) memory_at_start: u64,
}

impl Served {
    /// Starts the service on a database and waits until it is ready.
    pub(crate) fn start(url: &str, models: &str, options: &Options) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let (address, admin) = (free_address()?, free_address()?);
        let binary = &options.binary;
        let binary = std::fs::canonicalize(binary)
            .map_err(|fault| format!("{}: {fault}", binary.display()))?;
        if options.store {
            let token = stored(&binary, folder.path(), url, models)?;
            *STORED.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
        }
        let mut command = Command::new(binary);
        command.arg("serve").current_dir(folder.path()).env_clear();
        if options.store {
            command.envs(STORE);
        }
        command.envs([
            ("MCP_ENABLED", "true"),
            ("MCP_TOKEN", TOKEN),
            ("DATABASE_URL", url),
            ("MCP_ALLOWED_MODELS", models),
            ("MCP_LISTEN", &address),
            ("MCP_ADMIN_LISTEN", &admin),
            ("MCP_RATE_LIMIT", "100000000"),
            ("MCP_TOKEN_RATE_LIMIT", "1000000000"),
            ("MCP_MAX_CONNECTIONS", "20000"),
            ("MCP_IDLE_TIMEOUT", "3600"),
        ]);
        command.env("MCP_AUDIT_FILE", folder.path().join("audit.jsonl"));
        for variable in &options.variables {
            let (name, value) = variable
                .split_once('=')
                .ok_or_else(|| format!("--set {variable}: NAME=VALUE is expected"))?;
            command.env(name, value);
        }
        let log = std::fs::File::create(folder.path().join("log"))?;
        command.stdout(Stdio::null()).stderr(log);
        let begun = Instant::now();
        let child = command.spawn()?;
        let mut served = Self {
            child,
            folder,
            address,
            started_in: Duration::ZERO,
            memory_at_start: 0,
        };
        while !is_ready(&served.address) {
            if served.child.try_wait()?.is_some() || begun.elapsed() > PATIENCE {
                return Err(format!("the service did not start:\n{}", served.log()).into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        served.started_in = begun.elapsed();
        served.memory_at_start = process::memory(served.id());
        Ok(served)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Bytes of the audit, of which each request must leave a line.
    pub(crate) fn audited(&self) -> u64 {
        let path = self.folder.path().join("audit.jsonl");
        std::fs::metadata(path).map_or(0, |file| file.len())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A store beside the service.
const STORE: [(&str, &str); 2] = [
    ("MCP_STORE", "sqlite:store.db"),
    ("MCP_ENCRYPTION_KEY", KEY),
];

/// A token of a store in a folder, whose tenant has the database; as an operator makes it.
fn stored(binary: &Path, folder: &Path, url: &str, models: &str) -> Outcome<String> {
    let run = |arguments: &[&str]| -> Outcome<String> {
        let mut command = Command::new(binary);
        command
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .envs(STORE);
        let output = command.output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    run(&["tenant", "create", "bench"])?;
    run(&[
        "database", "add", "bench", "--tenant", "bench", "--models", models, url,
    ])?;
    let scopes = "describe,read,operators,aggregate,expand";
    run(&[
        "token", "create", "bench", "--tenant", "bench", "--scopes", scopes,
    ])
}

/// An address on which nobody listens.
pub(crate) fn free_address() -> Outcome<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.to_string())
}

fn is_ready(address: &str) -> bool {
    let ask = || -> Outcome<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(
            stream,
            "GET /ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}
