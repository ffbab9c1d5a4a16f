use secrecy::{ExposeSecret, SecretString};

use super::*;

#[test]
fn enabled_needs_a_token_and_a_database() {
    assert_eq!(
        faulty(&[("MCP_ENABLED", "true")]),
        ["MCP_TOKEN", "DATABASE_URL"]
    );
    for token in ["your-secret-token-here", "ChangeMe"] {
        let vars = [
            ("MCP_ENABLED", "1"),
            ("MCP_TOKEN", token),
            ("DATABASE_URL", token),
        ];
        assert_eq!(faulty(&vars), ["MCP_TOKEN", "DATABASE_URL"]);
    }
    let config = enabled(&[]);
    assert_eq!(
        config.service.tokens[0].expose_secret(),
        "a-token-that-is-long"
    );
    assert_eq!(
        config
            .data
            .database
            .as_ref()
            .map(ToString::to_string)
            .as_deref(),
        Some("SQLite file shop.db")
    );
    assert!(config.warnings.is_empty());
    let missing = faults(&[
        ("MCP_ENABLED", "true"),
        ("MCP_TOKEN", "a-token-that-is-long"),
        ("DATABASE_URI", "x"),
    ]);
    assert!(
        missing[0].1.contains("DATABASE_URI is set"),
        "{}",
        missing[0].1
    );
}

#[test]
fn disabled_forgives_what_only_an_enabled_service_needs() {
    for vars in [
        &[("MCP_TOKEN", "changeme")][..],
        &[("MCP_TOKEN", "")],
        &[("DATABASE_URL", "your-database-url-here")],
    ] {
        let config = config(vars);
        assert!(
            config.service.tokens.is_empty()
                && config.data.database.is_none()
                && config.warnings.is_empty()
        );
    }
    for vars in [
        &[("MCP_TOKEN", "a b")][..],
        &[("DATABASE_URL", "mssql+pyodbc://db/shop")],
        &[("MCP_TOKEN_FILE", "/no/such/file")],
        &[("MCP_CURSOR_KEY", "short")],
    ] {
        let config = config(vars);
        assert_eq!(warned(&config), [vars[0].0]);
        assert!(config.service.tokens.is_empty() && config.data.database.is_none());
    }
    let kept = config(&ENABLED[1..]);
    assert!(kept.service.tokens.len() == 1 && kept.data.database.is_some());
    assert_eq!(faulty(&[("MCP_RATE_LIMIT", "x")]), ["MCP_RATE_LIMIT"]);
    assert_eq!(faulty(&[("MCP_TOKNE", "x")]), ["MCP_TOKNE"]);
    assert_eq!(
        faulty(&[("MCP_TOKEN", "x"), ("MCP_TOKEN_FILE", "y")]),
        ["MCP_TOKEN_FILE"]
    );
}

#[test]
fn secrets_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let token = write("token", "a-token-that-is-long\n");
    let url = write("url", "postgres://u:s3same@db/shop\r\n");
    let config = config(&[
        ("MCP_ENABLED", "true"),
        ("MCP_TOKEN_FILE", &token),
        ("DATABASE_URL_FILE", &url),
    ]);
    assert_eq!(
        config.service.tokens[0].expose_secret(),
        "a-token-that-is-long"
    );
    assert_eq!(
        config.data.database.as_ref().unwrap().to_string(),
        "PostgreSQL at db:5432/shop"
    );
    assert_eq!(
        config
            .secret_files
            .iter()
            .map(|(file, _)| file)
            .collect::<Vec<_>>(),
        [&PathBuf::from(&token), &PathBuf::from(&url)]
    );

    let both = [ENABLED, &[("MCP_TOKEN_FILE", &token)]].concat();
    assert_eq!(faulty(&both), ["MCP_TOKEN_FILE"]);
    let absent = folder.path().join("absent").display().to_string();
    let empty = write("empty", "\n");
    for path in [&absent, &empty] {
        let found = faults(&[
            ("MCP_ENABLED", "true"),
            ("MCP_TOKEN_FILE", path),
            ("DATABASE_URL_FILE", &url),
        ]);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].0 == "MCP_TOKEN_FILE" && found[0].1.contains(path.as_str()),
            "{}",
            found[0].1
        );
    }
}

#[test]
fn nothing_shows_a_secret() {
    let config = enabled(&[
        ("MCP_TOKEN", "s3same-s3same-s3same"),
        (
            "DATABASE_URL",
            "postgres://knownuser:s3same@db/shop?password=s3same",
        ),
        (
            "MCP_CURSOR_KEY",
            "s3sames3sames3sames3sames3sames3sames3sameA",
        ),
    ]);
    let shown = format!("{config:?} {config:#?}");
    assert!(
        !shown.contains("s3same") && !shown.contains("knownuser"),
        "{shown}"
    );
}

#[test]
fn what_a_faulty_file_does_not_hold_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (first, second) = ("a-first-token-that-is-long", "a-second-token-that-is-long");
    let held = |tokens: &[SecretString]| -> Vec<String> {
        let tokens = tokens.iter().map(ExposeSecret::expose_secret);
        tokens.map(str::to_owned).collect()
    };
    for variable in ["MCP_TOKEN", "MCP_ADMIN_TOKEN"] {
        let (file, key) = (path(variable), path("key"));
        std::fs::write(&file, format!("{first}, {second}\n")).unwrap();
        std::fs::write(&key, "aB".repeat(32)).unwrap();
        let named = format!("{variable}_FILE");
        let (file_name, key_name) = (file.to_str().unwrap(), key.to_str().unwrap());
        let mut vars = vec![(&*named, file_name), ("MCP_CURSOR_KEY_FILE", key_name)];
        vars.extend([("MCP_ENABLED", "true"), ("DATABASE_URL", "sqlite:shop.db")]);
        if variable != "MCP_TOKEN" {
            vars.push(("MCP_TOKEN", "a-token-that-is-long"));
        }
        let before = config(&vars);
        let tokens = |config: &Config| match variable {
            "MCP_TOKEN" => held(&config.service.tokens),
            _ => held(&config.admin.tokens),
        };
        assert_eq!(tokens(&before), [first, second]);
        for (text, kept) in [
            (format!("{second},changeme"), vec![second]),
            (
                format!("{first},,{second},a-third-token-that-is-long"),
                vec![first, second],
            ),
            (String::new(), vec![]),
            (" \n".to_owned(), vec![]),
            (format!("{first}x,\"{second}\""), vec![]),
        ] {
            std::fs::write(&file, &text).unwrap();
            let Reread {
                config: now,
                faults: told,
                ..
            } = before.reread(|_| Motion::Rests).unwrap();
            assert!(told.iter().all(|fault| fault.subject == named), "{told:?}");
            let gone = "tokens that the file does not hold";
            let is_told = told.iter().any(|fault| fault.what.contains(gone));
            assert_eq!(is_told, kept.len() < 2, "{text}: {told:?}");
            match kept[..] {
                [] => {
                    let nobodys = tokens(&now);
                    assert_eq!(nobodys.len(), 1);
                    assert!(nobodys[0] != first && nobodys[0] != second, "{text}");
                }
                _ => assert_eq!(tokens(&now), kept, "{text}"),
            }
            assert!(!now.has_sound_files());
            // It comes back as it was.
            std::fs::write(&file, format!("{first},{second}")).unwrap();
            assert!(now.has_sound_files());
            assert_eq!(
                tokens(&now.reread(|_| Motion::Rests).unwrap().config),
                [first, second]
            );
        }
        std::fs::remove_file(&file).unwrap();
        assert_eq!(
            tokens(&before.reread(|_| Motion::Rests).unwrap().config).len(),
            1
        );
        std::fs::write(&file, format!("{first},{second}")).unwrap();
        // What takes nobody's rights away stays.
        std::fs::write(&key, "").unwrap();
        let read = before.reread(|_| Motion::Rests).unwrap();
        assert_eq!(tokens(&read.config), [first, second]);
        assert_eq!(read.faults.len(), 1);
    }
}

#[test]
fn what_a_restless_file_does_not_hold_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let (first, second) = ("a-first-token-that-is-long", "a-second-token-that-is-long");
    std::fs::write(&file, format!("{first},{second}")).unwrap();
    let before = config(&[
        ("MCP_ENABLED", "true"),
        ("DATABASE_URL", "sqlite:shop.db"),
        ("MCP_TOKEN_FILE", file.to_str().unwrap()),
    ]);
    let tokens = |config: &Config| -> Vec<String> {
        let tokens = config.service.tokens.iter();
        tokens.map(|it| it.expose_secret().to_owned()).collect()
    };
    std::fs::write(&file, format!("{second},a-third-token-that-is-long")).unwrap();
    for (motion, kept) in [
        (Motion::Changes, vec![first, second]),
        (Motion::Restless, vec![second]),
    ] {
        let read = before.reread(|_| motion).unwrap();
        assert_eq!(tokens(&read.config), kept);
    }
    // Nor is anybody let in by files that do not answer.
    let nobodys = tokens(&before.unread().unwrap().config);
    assert!(nobodys.len() == 1 && nobodys[0] != first && nobodys[0] != second);
}
