//! Files with secrets that every user of the machine may read.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::Config;

use crate::advice::Advice;

const READ_BY_ALL: u32 = 0o004;
const ENTERED_BY_ALL: u32 = 0o001;

impl Config {
    /// Warns of files with secrets that every user may read: the `.env` file, where it holds one,
    /// those of `…_FILE` variables, and the key of the certificate.
    pub(super) fn warn_of_open_files(&mut self, dotenv: Option<&Path>) {
        let key = self.network.tls.as_ref().map(|tls| tls.key.as_path());
        let files = self.secret_files.iter().map(|(file, _)| file.as_path());
        let files = dotenv.into_iter().chain(files).chain(key);
        let warnings: Vec<Advice> = files.filter(|file| is_open(file)).map(warning).collect();
        self.warnings.extend(warnings);
    }
}

fn warning(file: &Path) -> Advice {
    let shown = file.display().to_string();
    let help = format!("chmod 0640 {shown}, with the group of the service");
    Advice::new("every user of this machine may read its secrets", help).of(&shown)
}

/// Whether every user may read a file, and enter each folder on the way to it.
fn is_open(file: &Path) -> bool {
    let Ok(whole) = file.canonicalize() else {
        return false;
    };
    let has = |path: &Path, right| {
        std::fs::metadata(path).is_ok_and(|there| there.permissions().mode() & right != 0)
    };
    has(&whole, READ_BY_ALL)
        && whole
            .ancestors()
            .skip(1)
            .all(|folder| has(folder, ENTERED_BY_ALL))
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};

    use super::*;

    #[test]
    fn a_file_is_open_where_every_folder_on_the_way_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "x").unwrap();
        for (of_folder, of_file, open) in [
            (0o755, 0o644, true),
            (0o755, 0o640, false),
            (0o750, 0o644, false),
            (0o711, 0o604, true),
        ] {
            set_permissions(folder.path(), Permissions::from_mode(of_folder)).unwrap();
            set_permissions(&file, Permissions::from_mode(of_file)).unwrap();
            assert_eq!(is_open(&file), open, "{of_folder:o} {of_file:o}");
        }
        assert!(!is_open(&folder.path().join("nothing")));
    }
}
