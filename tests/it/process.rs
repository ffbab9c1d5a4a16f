//! The built program, started, watched and told to stop.

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use crate::service::{PATIENCE, TOKEN, sample};

/// The program at work; it is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    seen: Arc<Mutex<String>>,
}

impl Process {
    /// `lucarne serve` over the sample on a port of its own, with these variables beside.
    pub(crate) fn serve(variables: &[(&str, &str)]) -> Self {
        let url = format!("sqlite:{}", sample().display());
        let mut all = vec![
            ("MCP_ENABLED", "true"),
            ("MCP_TOKEN", TOKEN),
            ("MCP_LISTEN", "127.0.0.1:0"),
            ("DATABASE_URL", &url),
        ];
        all.retain(|(name, _)| !variables.iter().any(|(other, _)| other == name));
        all.extend(variables);
        Self::start(&["serve"], &all, Path::new(env!("CARGO_TARGET_TMPDIR")))
    }

    /// A command in this folder, with these variables and no others.
    pub(crate) fn start(arguments: &[&str], variables: &[(&str, &str)], folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lucarne"))
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, lines) = channel();
        let seen: Arc<Mutex<String>> = Arc::default();
        let pipes: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for pipe in pipes {
            let (send, seen) = (send.clone(), Arc::clone(&seen));
            thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    *seen.lock().unwrap() += &format!("{line}\n");
                    let _ = send.send(line);
                }
            });
        }
        Self { child, lines, seen }
    }

    /// The first line from here on that holds this text.
    pub(crate) fn line(&self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(text) => return line,
                Ok(_) => {}
                Err(_) => panic!("no {text:?} in: {}", self.output()),
            }
        }
    }

    /// The address that it says it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        let line = self.line("listens on http://");
        let (_, rest) = line.split_once("http://").unwrap();
        rest.split(['"', ' ']).next().unwrap().parse().unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end; all that it wrote is then there.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                // Both pipes are closed once their threads have let go of the channel.
                while self.lines.recv().is_ok() {}
                return status;
            }
            assert!(Instant::now() < until, "it goes on: {}", self.output());
            thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// What it wrote so far, on both outputs.
    pub(crate) fn output(&self) -> String {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
