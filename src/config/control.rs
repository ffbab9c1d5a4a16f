//! The socket by which whoever owns the service speaks to it.

use std::path::{Path, PathBuf};

use super::check::Check;
use super::client::value;
use super::fault::{Faults, quoted};

use crate::advice::Advice;

const NAME: &str = "MCP_CONTROL_SOCKET";
/// What systemd calls the folder that it makes for a service, for as long as that runs.
const FOLDER: &str = "RUNTIME_DIRECTORY";
/// The longest path that every Unix takes for a socket, in bytes.
const MAX_PATH: usize = 103;

/// The socket of a service with these variables: what `MCP_CONTROL_SOCKET` names, else the file
/// `control.sock` in the folder of systemd; none where there is neither, or where it is `off`.
///
/// # Errors
/// A path that cannot be one of a socket.
pub(crate) fn control_socket(vars: &[(String, String)]) -> Result<Option<PathBuf>, Faults> {
    let mut check = Check::default();
    let socket = read(&mut check, value(vars, NAME), vars);
    Faults::none_or(check.faults)?;
    Ok(socket)
}

pub(super) fn read(
    check: &mut Check,
    named: Option<&str>,
    vars: &[(String, String)],
) -> Option<PathBuf> {
    let path = match named {
        Some("off") => return None,
        Some(path) => PathBuf::from(path),
        // Of several folders the first is the service's own.
        None => Path::new(value(vars, FOLDER)?.split(':').next()?).join("control.sock"),
    };
    let text = path.to_string_lossy();
    if text.len() > MAX_PATH || text.chars().any(char::is_control) {
        let message = format!(
            "expected off, or a path of at most {MAX_PATH} bytes, not {}",
            quoted(&text)
        );
        let help = "for example MCP_CONTROL_SOCKET=/run/lucarne/control.sock";
        check.fault(NAME, Advice::new(message, help));
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(vars: &[(&str, &str)]) -> Result<Option<PathBuf>, Faults> {
        let vars = vars
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        control_socket(&vars.collect::<Vec<_>>())
    }

    #[test]
    fn it_is_named_or_in_the_folder_of_systemd() {
        let of = |vars: &[(&str, &str)]| {
            let socket = socket(vars).unwrap();
            socket.map(|path| path.display().to_string())
        };
        assert_eq!(of(&[]), None);
        let folder = ("RUNTIME_DIRECTORY", "/run/lucarne:/run/other");
        assert_eq!(of(&[folder]).as_deref(), Some("/run/lucarne/control.sock"));
        assert_eq!(of(&[folder, (NAME, "off")]), None);
        assert_eq!(of(&[folder, (NAME, "c.sock")]).as_deref(), Some("c.sock"));
        assert!(socket(&[(NAME, &"x".repeat(104))]).is_err());
    }
}
