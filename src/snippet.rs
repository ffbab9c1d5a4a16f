//! The blocks that connect an agent's client to the service, each without a secret.

mod client;
mod text;

pub use client::Client;

const DATABASE: &str = "DATABASE_URL";

/// How the client reaches the service.
#[derive(Debug)]
pub enum Reach {
    /// MCP over HTTP, at a URL.
    Http(String),
    /// MCP by WebSocket, at a URL.
    WebSocket(String),
    /// As a process of the client's own.
    Stdio(Child),
}

/// The service as the client starts it.
#[derive(Debug)]
pub struct Child {
    /// The program.
    pub command: String,
    /// What is set here and no secret: clients hand on little of their own environment.
    pub variables: Vec<(String, String)>,
}

impl Child {
    /// What the service is started with: all that is no secret, and by `reference` the database's
    /// URL, unless a file holds it.
    fn environment(&self, reference: Option<String>) -> Vec<(&str, String)> {
        let mut all = vec![("MCP_ENABLED", "true".to_owned())];
        let reference = reference.filter(|_| self.secret().is_some());
        all.extend(reference.map(|reference| (DATABASE, reference)));
        let plain = self.variables.iter();
        all.extend(plain.map(|(name, value)| (name.as_str(), value.clone())));
        all
    }

    /// The secret that the client must have.
    fn secret(&self) -> Option<&'static str> {
        let in_file = self
            .variables
            .iter()
            .any(|(name, _)| name == "DATABASE_URL_FILE");
        (!in_file).then_some(DATABASE)
    }
}

impl Reach {
    /// The variable of the secret that the block refers to.
    fn secret(&self) -> Option<&'static str> {
        match self {
            Self::Http(_) | Self::WebSocket(_) => Some("MCP_TOKEN"),
            Self::Stdio(child) => child.secret(),
        }
    }
}
