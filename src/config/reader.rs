//! The variables of one configuration while it is read.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::de::DeserializeOwned;

use super::change::Settings;
use super::check::Check;
use super::fault::Faults;
use super::files::{FileState, Wait};
use super::secrets::{self, Secret};
use super::variables;

use crate::advice::Advice;

/// The variable whose empty value is a fault and not the default: an emptied whitelist must not
/// expose the default one.
const EMPTY_IS_SET: &str = "MCP_ALLOWED_MODELS";

/// What the readers of each concern share: the variables, and what was found wrong with them.
///
/// It holds secrets, so it has no `Debug`.
pub(super) struct Reader {
    pub(super) check: Check,
    /// What only an enabled service needs: missing or faulty while it is off, it stops nothing.
    pub(super) needed: Check,
    /// Whether the service is enabled.
    pub(super) enabled: bool,
    settings: Settings,
    /// All variables, known and unknown.
    pub(super) vars: Vec<(String, String)>,
    /// The variables that misspelt names stand for, which are thus not missing.
    meant: Vec<String>,
    files: Vec<(PathBuf, FileState)>,
    wait: Wait,
}

impl Reader {
    /// Secret files that are no regular ones are waited for so long.
    pub(super) fn new(vars: Vec<(String, String)>, wait: Wait) -> Self {
        let mut check = Check::default();
        Self {
            meant: names(&mut check, &vars),
            check,
            needed: Check::default(),
            enabled: true,
            settings: Settings::read(&vars),
            files: Vec::new(),
            wait,
            vars,
        }
    }

    /// The variables of a concern, as text: of one given twice the first that is not empty, else
    /// its default.
    ///
    /// Numbers are text here because envy stops at the first value that it cannot read and repeats
    /// it.
    pub(super) fn typed<T: DeserializeOwned>(&self) -> Result<T, Faults> {
        let mut typed: HashMap<&str, &str> = HashMap::new();
        for (name, value) in &self.vars {
            if variables::is_known(name) && (!value.is_empty() || name == EMPTY_IS_SET) {
                typed.entry(name).or_insert(value);
            }
        }
        for variable in variables::all() {
            if let Some(default) = variable.default {
                typed.entry(variable.name).or_insert(default);
            }
        }
        let pairs = typed.into_iter();
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        // Every field is text and those without a default are optional, so nothing can fail here
        // that a person typed.
        envy::from_iter(pairs).map_err(|_| {
            Faults::one(Advice::new("cannot be read", "report this as a defect").of("environment"))
        })
    }

    /// Whether a variable has a value that is not its default's alone.
    pub(super) fn is_set(&self, name: &str) -> bool {
        let mut vars = self.vars.iter();
        vars.any(|var| var.0 == name && !var.1.is_empty())
    }

    /// Whether tokens and databases can be those of a store.
    pub(super) fn has_store(&self) -> bool {
        self.is_set("MCP_STORE") || self.is_set("MCP_STORE_FILE")
    }

    /// A secret whose faults count at any time, with the form that was set.
    pub(super) fn secret(&mut self, name: &str, forms: Forms) -> Option<(String, String)> {
        let mut of_file = Check::default();
        let found = self.find(name, forms, &mut of_file);
        self.check.faults.extend(of_file.faults);
        match found {
            Secret::Found { variable, text } => Some((variable, text)),
            Secret::Missing | Secret::Faulty => None,
        }
    }

    /// A secret whose faults count when the service is enabled.
    pub(super) fn needed(&mut self, name: &str, forms: Forms) -> Secret {
        let mut needed = std::mem::take(&mut self.needed);
        let found = self.find(name, forms, &mut needed);
        self.needed = needed;
        found
    }

    fn find(&mut self, name: &str, (typed, file): Forms, of_file: &mut Check) -> Secret {
        let file = file.map(PathBuf::from);
        // What changes from here on is read again.
        let state = file.as_deref().map(FileState::of);
        let forms = (typed, file.as_ref());
        let found = secrets::find(&mut self.check, of_file, name, forms, self.wait);
        self.files.extend(file.zip(state));
        match found {
            // Whoever copies the example has not chosen yet.
            Secret::Found { text, .. } if !self.enabled && secrets::is_placeholder(&text) => {
                Secret::Missing
            }
            Secret::Found { variable, text } => {
                self.settings.note(name, &text);
                Secret::Found { variable, text }
            }
            other => other,
        }
    }

    /// Notes that a variable is missing which an enabled service without a store needs.
    pub(super) fn missing(&mut self, name: &str, help: &str) {
        let is_meant = self.meant.iter().any(|meant| meant.starts_with(name));
        if self.enabled && !self.has_store() && !is_meant {
            let reason = Advice::new("missing, and needed when MCP_ENABLED=true", help);
            self.needed.fault(name, reason);
        }
    }

    /// What the variables come to beside the configuration itself, or all that is wrong.
    pub(super) fn finish(self) -> Result<Found, Faults> {
        let Check {
            mut faults,
            mut warnings,
        } = self.check;
        if self.enabled {
            faults.extend(self.needed.faults);
        } else {
            warnings.extend(self.needed.faults);
        }
        warnings.extend(self.needed.warnings);
        let position = |name: &str| variables::all().position(|variable| variable.name == name);
        faults.sort_by_key(|fault| {
            let secret = fault.subject.strip_suffix("_FILE");
            position(&fault.subject).or_else(|| position(secret?))
        });
        Faults::none_or(faults)?;
        Ok((self.settings, self.files, warnings))
    }
}

/// The variables as they count, the files that secrets were read from, and what is weak.
type Found = (Settings, Vec<(PathBuf, FileState)>, Vec<Advice>);

/// A secret in its two forms: the variable's own text, and the file that `…_FILE` names.
pub(super) type Forms = (Option<String>, Option<String>);

/// Looks for misspelt names; gives back the variables that they stand for.
fn names(check: &mut Check, vars: &[(String, String)]) -> Vec<String> {
    let mut unknown: Vec<&str> = vars.iter().map(|var| var.0.as_str()).collect();
    unknown.retain(|name| !variables::is_known(name));
    unknown.sort_unstable();
    unknown.dedup();
    let mut meant = Vec::new();
    for name in unknown {
        if let Some(nearest) = variables::nearest(name) {
            let help = format!("did you mean {nearest}?");
            check.fault(name, Advice::new("there is no such variable", help));
            meant.push(nearest.into_owned());
        } else if name.to_ascii_uppercase().starts_with("MCP_") {
            let help =
                "nothing to do if another tool reads it; .env.example lists what is read here";
            check.warn(name, "there is no such variable here; it is not read", help);
        }
    }
    meant
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde::Serialize;

    use super::super::{admin, audit, data, instances, limits, log, network, pool, service, store};
    use super::*;

    fn reader(vars: &[(&str, &str)]) -> Reader {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Reader::new(vars.iter().map(owned).collect(), Wait::Endless)
    }

    fn fields<T: Serialize + DeserializeOwned>(group: &variables::Group) {
        let typed = serde_json::to_value(reader(&[]).typed::<T>().unwrap()).unwrap();
        let fields = typed.as_object().unwrap().keys();
        let fields: BTreeSet<String> = fields.map(|field| field.to_uppercase()).collect();
        let names: BTreeSet<String> = group.names().map(Into::into).collect();
        assert_eq!(fields, names, "{}", group.title);
    }

    #[test]
    fn each_concern_reads_exactly_its_variables() {
        fields::<service::Texts>(&service::GROUP);
        fields::<data::Texts>(&data::GROUP);
        fields::<limits::Texts>(&limits::GROUP);
        fields::<network::Texts>(&network::GROUP);
        fields::<pool::Texts>(&pool::GROUP);
        fields::<instances::Texts>(&instances::GROUP);
        fields::<store::Texts>(&store::GROUP);
        fields::<admin::Texts>(&admin::GROUP);
        fields::<audit::Texts>(&audit::GROUP);
        fields::<log::Texts>(&log::GROUP);
    }

    fn text(vars: &[(&str, &str)], name: &str) -> Option<String> {
        let typed: HashMap<String, String> = reader(vars).typed().unwrap();
        typed.get(&name.to_lowercase()).cloned()
    }

    #[test]
    fn an_empty_value_is_unset_but_for_the_whitelist() {
        let vars = [
            ("MCP_RATE_LIMIT", ""),
            ("MCP_TOKEN", ""),
            ("MCP_ALLOWED_MODELS", ""),
        ];
        assert_eq!(text(&vars, "MCP_RATE_LIMIT").as_deref(), Some("60"));
        assert_eq!(text(&vars, "MCP_TOKEN"), None);
        assert_eq!(text(&vars, "MCP_ALLOWED_MODELS").as_deref(), Some(""));
    }

    #[test]
    fn the_first_value_that_is_not_empty_wins() {
        let vars = [
            ("MCP_RATE_LIMIT", ""),
            ("MCP_RATE_LIMIT", "5"),
            ("MCP_RATE_LIMIT", "7"),
            ("MCP_ALLOWED_MODELS", ""),
            ("MCP_ALLOWED_MODELS", "users"),
        ];
        assert_eq!(text(&vars, "MCP_RATE_LIMIT").as_deref(), Some("5"));
        // A blank whitelist is not filled from below.
        assert_eq!(text(&vars, "MCP_ALLOWED_MODELS").as_deref(), Some(""));
    }

    #[test]
    fn names_count_in_their_own_case_alone() {
        let vars = [("mcp_rate_limit", "5"), ("PATH", "/bin")];
        assert_eq!(text(&vars, "MCP_RATE_LIMIT").as_deref(), Some("60"));
    }
}
