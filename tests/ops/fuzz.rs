//! Bad input by the thousand, from a seed that can be given again: the message parser, the filter
//! planner and the cursor; the query string is in `fuzz_tokens`.
//!
//! `LUCARNE_FUZZ` is the number of inputs of each (20,000 unless set), `LUCARNE_FUZZ_SEED` another
//! seed. docs/internals/reliability.md holds what longer runs found.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use crate::planning;
use crate::support::*;
use futures_util::FutureExt as _;
use lucarne::auth::{Caller, Credential};
use lucarne::error::Speech;
use lucarne::observe::Metrics;
use lucarne::plan;
use lucarne::protocol::{Action, Object, Read, Request};
use lucarne::service::Service;
use serde_json::Value;

/// Numbers that look random and are the same for the same seed (xorshift64*).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(salt: u64) -> Self {
        let seed = std::env::var("LUCARNE_FUZZ_SEED").map_or(1, |seed| seed.parse().unwrap());
        Self((seed ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, most: usize) -> usize {
        (self.next() >> 33) as usize % most.max(1)
    }

    pub(crate) fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// A text with some bytes changed, cut, doubled, or replaced by what hurts.
    fn mutate(&mut self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(7),
                1 => bytes.truncate(at),
                2 => {
                    let end = at + self.below(bytes.len() - at + 1);
                    let part = bytes[at..end].to_vec();
                    let to = self.below(bytes.len() + 1);
                    bytes.splice(to..to, part);
                }
                3 => {
                    let end = at + self.below(bytes.len() - at + 1).min(8);
                    bytes.drain(at..end);
                }
                _ => {
                    let hurt = self.pick(HURTS).as_bytes().to_vec();
                    bytes.splice(at..at, hurt);
                }
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A JSON text that is JSON still, with some of its names and values exchanged.
    fn exchange(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for _ in 0..=self.below(3) {
            let words = words(&text);
            let word = words[self.below(words.len())].clone();
            let other = match self.below(4) {
                0 => format!("\"{}\"", self.pick(FIELDS)),
                1 => format!("\"{}\"", self.pick(OPERATORS)),
                2 => text[words[self.below(words.len())].clone()].to_owned(),
                _ => self.pick(VALUES).to_owned(),
            };
            text.replace_range(word, &other);
        }
        text
    }

    /// A filter of any shape over any names.
    fn filter(&mut self, depth: usize) -> String {
        let value = self.pick(VALUES);
        let field = self.pick(FIELDS);
        match self.below(if depth == 0 { 3 } else { 7 }) {
            0 => format!("{{\"{field}\":{value}}}"),
            1 | 2 => format!("{{\"{field}\":{{\"{}\":{value}}}}}", self.pick(OPERATORS)),
            3 => format!("{{\"$not\":{}}}", self.filter(depth - 1)),
            4 => format!(
                "{{\"$or\":[{},{}]}}",
                self.filter(depth - 1),
                self.filter(depth - 1)
            ),
            5 => format!(
                "{{\"$and\":[{},{}]}}",
                self.filter(depth - 1),
                self.filter(depth - 1)
            ),
            _ => format!(
                "{{\"{field}\":{{\"$gt\":{value},\"{}\":{}}}}}",
                self.pick(OPERATORS),
                self.pick(VALUES)
            ),
        }
    }
}

/// Where the texts, numbers and words of a JSON text stand.
fn words(text: &str) -> Vec<std::ops::Range<usize>> {
    let (mut words, mut begun, mut quoted, mut escaped) = (Vec::new(), None, false, false);
    for (at, byte) in text.bytes().enumerate() {
        let parts = b"{}[]:, ".contains(&byte);
        match begun {
            Some(begin) if quoted && byte == b'"' && !escaped => {
                words.push(begin..at + 1);
                (begun, quoted) = (None, false);
            }
            Some(begin) if !quoted && parts => {
                words.push(begin..at);
                begun = None;
            }
            None if !parts => (begun, quoted) = (Some(at), byte == b'"'),
            _ => {}
        }
        escaped = byte == b'\\' && !escaped;
    }
    words
}

const HURTS: &[&str] = &[
    "\0",
    "\u{feff}",
    "\\ud800",
    "'",
    "\"",
    "--",
    ";",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "1e999",
    "-0",
    "18446744073709551616",
    "%",
    "\\",
    "password_hash",
    "$or",
    "\u{202e}",
    "[[[[[[[[",
    "é",
    "\r\n",
    "sqlite_master",
    "' OR 1=1 --",
];
const FIELDS: &[&str] = &[
    "id",
    "email",
    "role",
    "is_active",
    "preferences",
    "created_at",
    "company",
    "password_hash",
    "api_key",
    "nothing",
    "users.id",
    "ID",
    "id ",
    "$or",
    "",
];
const OPERATORS: &[&str] = &[
    "$eq",
    "$ne",
    "$gt",
    "$gte",
    "$lt",
    "$lte",
    "$in",
    "$nin",
    "$between",
    "$null",
    "$contains",
    "$icontains",
    "$startswith",
    "$istartswith",
    "$endswith",
    "$iendswith",
    "$where",
];
const VALUES: &[&str] = &[
    "1",
    "0",
    "-1",
    "1.5",
    "\"1\"",
    "\"a%_\\\\\"",
    "null",
    "true",
    "false",
    "[]",
    "[1,2]",
    "{}",
    "[null]",
    "\"2026-01-01\"",
    "\"\"",
    "1e308",
    "9223372036854775808",
    "\"\\u0000\"",
    "[1,\"a\"]",
    "\"customer\"",
    "[\"2020-01-01\",\"2030-01-01\"]",
];
/// Values as a cursor holds them.
const SEALED: &[&str] = &[
    "null",
    r#"{"Int":7}"#,
    r#"{"Int":-9223372036854775808}"#,
    r#"{"Uint":18446744073709551615}"#,
    r#"{"Bool":true}"#,
    r#"{"Decimal":"1.50"}"#,
    r#"{"Text":"a%_\u0000"}"#,
];
const MESSAGES: &[&str] = &[
    LIST,
    r#"{"id":"a","action":"get","model":"users","params":{"id":1}}"#,
    r#"{"id":2,"action":"query","model":"tickets","params":{"filters":{"id":{"$in":[1,2]}},"fields":["id","title"],"sort":["-id"],"limit":3,"total":true}}"#,
    r#"{"action":"query","model":"users","params":{"group_by":["role"],"aggregate":{"n":{"$count":"*"},"m":{"$max":"id"}},"sort":["-n"]}}"#,
    r#"{"action":"query","model":"tickets","params":{"expand":["user"],"offset":1}}"#,
    r#"{"action":"describe","model":"change_log"}"#,
];
/// What the sample's secrets and a driver's words look like.
const NEVER: &[&str] = &[
    "$2b$", "$argon2", "SELECT ", "sqlx", "no such", "near \"", "shop.db",
];

pub(crate) fn inputs() -> usize {
    std::env::var("LUCARNE_FUZZ").map_or(20_000, |count| count.parse().unwrap())
}

pub(crate) struct Target {
    pub(crate) service: Arc<Service>,
    caller: Caller,
    _folder: Folder,
}

impl Target {
    pub(crate) async fn new() -> Self {
        let folder = Folder::new().await;
        let url = format!("sqlite:{}", folder.path("shop.db").display());
        let variables = [
            ("MCP_ENABLED", "true"),
            ("MCP_TOKEN", TOKEN),
            ("DATABASE_URL", &url),
            ("MCP_ADMIN_LISTEN", "127.0.0.1:0"),
        ];
        let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = lucarne::config::load(owned).unwrap();
        let opened = lucarne::app::open(&config, Arc::new(Metrics::default())).await;
        let token = Credential::of(TOKEN);
        Self {
            service: opened.unwrap().service,
            caller: Caller::new(token, None, [127, 0, 0, 1].into(), "ws"),
            _folder: folder,
        }
    }

    /// Answers a message; the code of the answer, and the answer. A panic fails the test.
    async fn answer(&self, text: &str) -> (&'static str, String) {
        let request = match Request::parse(text) {
            Ok(request) => request,
            Err(rejected) => return (rejected.error.code(), rejected.error.to_string()),
        };
        let read = Read {
            action: &request.action,
            model: request.model.as_deref(),
            tool: request.tool.as_deref(),
            params: &request.params,
        };
        let answered = self.service.answer(&self.caller, &read, b"{".to_vec());
        let answered = AssertUnwindSafe(answered).catch_unwind().await;
        match answered.unwrap_or_else(|_| panic!("a panic by {text:?}")) {
            Ok(answer) => {
                let whole = String::from_utf8(answer.out).unwrap() + "}";
                serde_json::from_str::<Value>(&whole).unwrap();
                ("ok", whole)
            }
            Err(error) => (
                error.code(),
                format!("{error} {:?}", error.hint(Speech::Native)),
            ),
        }
    }

    /// Answers many, and counts the codes; none may be our own fault, none may tell.
    async fn answers(&self, inputs: impl Iterator<Item = String>) -> String {
        let mut counts = std::collections::BTreeMap::<&str, usize>::new();
        for text in inputs {
            let (code, said) = self.answer(&text).await;
            assert!(
                !matches!(code, "internal" | "timeout" | "unavailable"),
                "{text:?}: {said}"
            );
            // What a client says may come back to it, and nothing else of that kind.
            for never in NEVER.iter().filter(|never| !text.contains(**never)) {
                assert!(!said.contains(never), "{text:?}: {said}");
            }
            *counts.entry(code).or_default() += 1;
        }
        format!("{counts:?}")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_message_is_too_odd() {
    let (target, mut dice) = (Target::new().await, Dice::new(1));
    let inputs = (0..inputs()).map(|_| {
        let message = dice.pick(MESSAGES);
        match dice.below(2) {
            0 => dice.mutate(message),
            _ => dice.exchange(message),
        }
    });
    println!("messages: {}", target.answers(inputs).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_filter_is_too_odd() {
    let (target, mut dice) = (Target::new().await, Dice::new(2));
    let inputs = (0..inputs()).map(|_| {
        let depth = dice.below(5);
        let filter = dice.filter(depth);
        format!(r#"{{"action":"query","model":"users","params":{{"filters":{filter},"limit":2}}}}"#)
    });
    println!("filters: {}", target.answers(inputs).await);
}

/// The same for every dialect, and for places of cursors that only the key's owner could seal.
#[test]
fn no_plan_is_too_odd() {
    let mut dice = Dice::new(6);
    let models = ["users", "tickets", "change_log"];
    let mut planned = 0;
    let tries = inputs() / 4;
    for _ in 0..tries {
        let depth = dice.below(5);
        let (filter, model) = (dice.filter(depth), dice.pick(&models));
        let params = format!(r#"{{"filters":{filter},"sort":["-id"],"limit":2}}"#);
        let params = Object::parse(&params).unwrap();
        match planning::planned(Action::Query, model, &params) {
            Ok(()) => planned += 1,
            Err(error) => assert!(!error.kind().is_failure(), "{filter}: {error}"),
        }
        let keys: Vec<&str> = (0..dice.below(3)).map(|_| dice.pick(SEALED)).collect();
        let (ties, passed) = (
            dice.below(3),
            dice.pick(&["0", "7", "18446744073709551615"]),
        );
        let seek = format!(
            r#"{{"keys":[{}],"ties":{ties},"passed":{passed}}}"#,
            keys.join(",")
        );
        let seek: plan::Seek = serde_json::from_str(&seek).unwrap();
        let first = Object::parse(r#"{"sort":["-created_at"]}"#).unwrap();
        let first = planning::plan(Action::Query, model, &first).unwrap();
        let cursors = &planning::policy().settings.cursors;
        let sealed = cursors.seal(seek, &first.binding(), 60_000).unwrap();
        let next = format!(r#"{{"sort":["-created_at"],"cursor":"{sealed}"}}"#);
        let next = Object::parse(&next).unwrap();
        match planning::planned(Action::Query, model, &next) {
            Ok(()) => planned += 1,
            Err(error) => assert!(!error.kind().is_failure(), "{error}"),
        }
    }
    assert!(planned > tries / 20, "{planned}");
    println!("plans: {planned} of {}", 2 * tries);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cursor_but_our_own_is_taken() {
    let (target, mut dice) = (Target::new().await, Dice::new(3));
    let page = |cursor: &str| {
        let cursor = serde_json::to_string(cursor).unwrap();
        format!(r#"{{"action":"list","model":"users","params":{{"limit":2,"cursor":{cursor}}}}}"#)
    };
    let first = r#"{"action":"list","model":"users","params":{"limit":2}}"#;
    let answer: Value = serde_json::from_str(&target.answer(first).await.1).unwrap();
    let real = answer["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(target.answer(&page(&real)).await.0, "ok");
    let mut refused = 0;
    for _ in 0..inputs() {
        let odd = dice.mutate(&real);
        let code = target.answer(&page(&odd)).await.0;
        match code {
            "ok" => assert_eq!(odd, real),
            _ => assert!(
                matches!(code, "invalid_parameter" | "invalid_json"),
                "{odd}: {code}"
            ),
        }
        refused += usize::from(code != "ok");
    }
    println!("cursors: {refused} refused of {}", inputs());
}
