//! The eight mistakes that everybody makes, at the start and while the service runs, each graded:
//! a point for saying what is wrong by its name, one for saying what to do about it, and one for
//! ending as it must, in few lines and without a secret.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::{Ended, Run, TOKEN};

/// What came of a mistake, and what it must hold.
struct Graded {
    mistake: &'static str,
    ended: Ended,
    code: Option<i32>,
    wrong: Vec<String>,
    remedy: Vec<String>,
}

impl Graded {
    fn new<const W: usize, const R: usize>(
        mistake: &'static str,
        ended: Ended,
        code: i32,
        wrong: [&str; W],
        remedy: [&str; R],
    ) -> Self {
        Self {
            mistake,
            ended,
            code: Some(code),
            wrong: wrong.map(str::to_owned).to_vec(),
            remedy: remedy.map(str::to_owned).to_vec(),
        }
    }

    fn grade(&self) -> u32 {
        let said = &self.ended.err;
        let holds = |words: &[String]| words.iter().all(|words| said.contains(words));
        let faults = said.lines().filter(|line| line.starts_with("error: "));
        let short = said.lines().count() <= 4 * faults.count().max(1);
        let clean = !said.contains(TOKEN) && !said.contains("s3same") && !said.contains("panick");
        let ends = self.ended.code == self.code && short && clean;
        u32::from(holds(&self.wrong)) + u32::from(holds(&self.remedy)) + u32::from(ends)
    }
}

/// The service at work, with what it logs.
struct Serving {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Serving {
    fn new(run: &Run, variables: &[(&str, &str)]) -> (Self, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lucarne"))
            .arg("serve")
            .current_dir(run.folder.path())
            .env_clear()
            .envs([("MCP_LISTEN", "127.0.0.1:0"), ("MCP_ENABLED", "true")])
            .envs(variables.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log: Arc<Mutex<String>> = Arc::default();
        let (lines, stderr) = (Arc::clone(&log), child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                *lines.lock().unwrap() += &(line + "\n");
            }
        });
        let serving = Self { child, log };
        let said = serving.says("listens on http://");
        let (_, rest) = said.split_once("listens on http://").unwrap();
        let address = rest.split_whitespace().next().unwrap().to_owned();
        (serving, address)
    }

    /// Waits until this is in the log; the whole of it.
    fn says(&self, words: &str) -> String {
        let begun = Instant::now();
        loop {
            let log = self.log.lock().unwrap().clone();
            if log.contains(words) {
                return log;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{words}: {log}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The line of the log with these words, and what it ends with when it is told to.
    fn ended(mut self, words: &str) -> Ended {
        let log = self.says(words);
        let err = log
            .lines()
            .find(|line| line.contains(words))
            .unwrap()
            .to_owned();
        let id = self.child.id().to_string();
        Command::new("kill")
            .args(["-s", "INT", &id])
            .status()
            .unwrap();
        Ended {
            code: self.child.wait().unwrap().code(),
            out: String::new(),
            err,
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A PostgreSQL server that takes no password.
fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut wish = [0; 8];
            while stream.read_exact(&mut wish).is_ok() && wish == [0, 0, 0, 8, 4, 210, 22, 47] {
                stream.write_all(b"N").unwrap();
            }
            let fields = "SFATAL\0VFATAL\0C28P01\0Mno\0Rauth_failed\0\0";
            let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
            let _ = stream.write_all(&[b"E", &length[..], fields.as_bytes()].concat());
        }
    });
    address
}

fn at_the_start(graded: &mut Vec<Graded>) {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = Run::new().with_sample().set("MCP_LISTEN", &address);
    let ended = ended.set("MCP_TOKEN", TOKEN).lucarne(&["serve"]);
    let free = ended
        .err
        .split("MCP_LISTEN=")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let is_free = free.is_some_and(|free| TcpListener::bind(free).is_ok());
    assert!(is_free, "{}", ended.err);
    let wrong = format!("error: {address} is in use");
    graded.push(Graded::new(
        "port",
        ended,
        3,
        [&wrong],
        ["help: MCP_LISTEN=", " is free now"],
    ));

    let run = Run::new().file("shops.db", "");
    let folder = run.folder.path().to_owned();
    let ended = run
        .set("MCP_ENABLED", "true")
        .set("MCP_TOKEN", TOKEN)
        .set("DATABASE_URL", "sqlite:shop.db");
    let ended = (
        ended.lucarne(&["serve"]),
        std::fs::read_dir(&folder).unwrap().count(),
    );
    assert_eq!(ended.1, 1, "a file is made");
    let wrong = "error: DATABASE_URL: there is no file shop.db";
    graded.push(Graded::new(
        "file",
        ended.0,
        2,
        [wrong],
        ["help: shops.db exists"],
    ));

    let server = refusing();
    let url = format!("postgres://reader:s3same@{server}/shop");
    let wrong = format!("PostgreSQL at {server} refused the password of \"reader\"");
    let (host, port) = server.split_once(':').unwrap();
    let remedy = format!("try it: psql -h {host} -p {port} -U reader");
    let (serving, _) = Serving::new(&Run::new(), &[("MCP_TOKEN", TOKEN), ("DATABASE_URL", &url)]);
    let ended = serving.ended("waited for");
    graded.push(Graded::new("password", ended, 0, [&wrong], [&remedy]));

    let down = "postgres://reader:s3same@127.0.0.1:1/shop";
    let (serving, _) = Serving::new(&Run::new(), &[("MCP_TOKEN", TOKEN), ("DATABASE_URL", down)]);
    let ended = serving.ended("does not answer");
    let wrong = "PostgreSQL at 127.0.0.1:1/shop does not answer";
    graded.push(Graded::new(
        "server down",
        ended,
        0,
        [wrong],
        ["try pg_isready -h 127.0.0.1 -p 1"],
    ));

    let ended = Run::new()
        .with_sample()
        .set("MCP_TOKNE", "s3same-s3same-s3same")
        .lucarne(&["serve"]);
    graded.push(Graded::new(
        "misspelt",
        ended,
        2,
        ["MCP_TOKNE"],
        ["MCP_TOKEN"],
    ));
    for (arguments, wrong, meant) in [
        (&["qeury", "x"][..], "qeury", "query"),
        (&["query", "--jsno"], "--jsno", "--json"),
    ] {
        let ended = Run::new().lucarne(arguments);
        graded.push(Graded::new("misspelt", ended, 2, [wrong], [meant]));
    }
}

fn while_it_runs(graded: &mut Vec<Graded>) {
    let run = Run::new().with_sample();
    std::fs::write(run.folder.path().join(".env"), "MCP_RATE_LIMIT=50\n").unwrap();
    let variables = [("MCP_TOKEN", TOKEN), ("DATABASE_URL", "sqlite:shop.db")];
    let (serving, address) = Serving::new(&run, &variables);
    let ask = |token: &str, arguments: &[&str]| {
        let run = Run::new()
            .set("MCP_LISTEN", &address)
            .set("MCP_TOKEN", token);
        run.lucarne(&[&["query"], arguments].concat())
    };

    let ended = ask("s3same-s3same-s3same\n", &["list", "users"]);
    let wrong = "error: the service refused the token";
    graded.push(Graded::new(
        "token",
        ended,
        2,
        [wrong],
        ["ends in a line break"],
    ));

    let ended = ask(TOKEN, &["list", "user"]);
    let wrong = "Model 'user' not allowed";
    graded.push(Graded::new(
        "unknown model",
        ended,
        1,
        [wrong],
        ["did you mean \"users\"?"],
    ));
    let filter = r#"{"action":"list","model":"users","params":{"filters":{"emial":"x"}}}"#;
    let ended = ask(TOKEN, &[filter]);
    let wrong = "Filter field 'emial' is not allowed for model 'users'";
    graded.push(Graded::new("unknown field", ended, 1, [wrong], ["email"]));

    let ended = ask(TOKEN, &[r#"{"action":"list",, "model":"users"}"#]);
    let wrong = ["line 1, column 18", "^"];
    graded.push(Graded::new("malformed", ended, 2, wrong, ["help: "]));
    let mut plain = TcpStream::connect(&address).unwrap();
    let head = format!("GET /mcp/ws HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    plain.write_all(head.as_bytes()).unwrap();
    let mut err = String::new();
    plain.read_to_string(&mut err).unwrap();
    let body = err.split("\r\n\r\n").nth(1).unwrap().to_owned();
    assert!(err.starts_with("HTTP/1.1 426"), "{err}");
    let ended = Ended {
        code: None,
        out: String::new(),
        err: body,
    };
    let mut plain = Graded::new("plain GET", ended, 0, ["WebSocket"], ["lucarne query"]);
    plain.code = None;
    graded.push(plain);

    let shop = run.folder.path().join("shop.db");
    std::fs::rename(&shop, run.folder.path().join("away.db")).unwrap();
    let ended = ask(TOKEN, &["list", "users"]);
    let log = serving.says("Database is unavailable");
    assert_eq!(log.matches("ERROR").count(), 1, "{log}");
    let wrong = "Database is unavailable";
    graded.push(Graded::new("file, lost", ended, 1, [wrong], ["help: "]));
    std::fs::rename(run.folder.path().join("away.db"), &shop).unwrap();
    assert_eq!(
        ask(TOKEN, &["list", "users"]).code,
        Some(0),
        "the first one after is right"
    );

    std::fs::write(run.folder.path().join(".env"), "MCP_RATE_LIMITS=9\n").unwrap();
    let id = serving.child.id().to_string();
    Command::new("kill")
        .args(["-s", "HUP", &id])
        .status()
        .unwrap();
    serving.says("nothing is changed");
    let ended = serving.ended("MCP_RATE_LIMITS");
    let remedy = ["did you mean MCP_RATE_LIMIT?"];
    graded.push(Graded::new(
        "misspelt, reloaded",
        ended,
        0,
        ["MCP_RATE_LIMITS"],
        remedy,
    ));
}

#[test]
fn each_typical_mistake_gets_full_marks() {
    let mut graded = Vec::new();
    at_the_start(&mut graded);
    while_it_runs(&mut graded);
    for Graded { mistake, ended, .. } in &graded {
        println!("{mistake}: {:?}\n{}\n", ended.code, ended.err);
    }
    let poor: Vec<(&str, u32)> = graded
        .iter()
        .map(|one| (one.mistake, one.grade()))
        .filter(|(_, grade)| *grade < 3)
        .collect();
    assert!(
        poor.is_empty() && graded.len() == 14,
        "{poor:?} of {}",
        graded.len()
    );
}
