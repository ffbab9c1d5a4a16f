use super::*;

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn taken(accepted: &Accepted, text: &str) -> Result<Argument, String> {
    accepted.check(&raw(text), None)
}

const INTEGER: FieldType = FieldType::Integer {
    unsigned: false,
    wide: true,
};
const DECIMAL: FieldType = FieldType::Decimal { scale: None };

#[test]
fn a_value_is_of_its_type() {
    for (class, good, bad) in [
        (INTEGER, "7", "7.5"),
        (INTEGER, "\"7\"", "\"seven\""),
        (DECIMAL, "1.50", "true"),
        (FieldType::Float, "1e3", "[]"),
        (FieldType::Boolean, "true", "1"),
        (FieldType::Boolean, "\"false\"", "\"no\""),
        (FieldType::Text, "\"x\"", "7"),
        (FieldType::Text, "\"\"", "\"a\\u0000b\""),
        (
            FieldType::Uuid,
            "\"0123abcd-4567-89ef-0123-456789abcdef\"",
            "\"0123\"",
        ),
        (FieldType::Date, "\"2026-02-28\"", "\"2026-02-30\""),
        (FieldType::Time, "\"13:05:00\"", "\"25:00:00\""),
        (
            FieldType::Timestamp,
            "\"2026-02-28T10:00:00+02:00\"",
            "\"yesterday\"",
        ),
    ] {
        assert!(
            taken(&Accepted::any(class), good).is_ok(),
            "{class:?} {good}"
        );
        assert_eq!(
            taken(&Accepted::any(class), bad),
            Err(words(class).to_owned()),
            "{bad}"
        );
        assert!(taken(&Accepted::any(class), "null").is_err(), "{class:?}");
    }
}

#[test]
fn bounds_hold_for_numbers_moments_and_lengths() {
    for (class, min, max, inside, outside) in [
        (INTEGER, "-3", "10", ["-3", "10"], ["-4", "11"]),
        (
            DECIMAL,
            "0.5",
            "1000000000000000000000.01",
            ["0.50", "1000000000000000000000.0100"],
            ["0.4999", "1000000000000000000000.011"],
        ),
        (DECIMAL, "-2.5", "-1", ["-2.5", "-1.0"], ["-2.51", "-0.999"]),
        (FieldType::Float, "0", "1", ["0", "1"], ["-0.1", "1.1"]),
        (
            FieldType::Text,
            "1",
            "3",
            ["\"a\"", "\"äöü\""],
            ["\"\"", "\"abcd\""],
        ),
        (
            FieldType::Date,
            "\"2026-01-01\"",
            "\"2026-12-31\"",
            ["\"2026-01-01\"", "\"2026-12-31\""],
            ["\"2025-12-31\"", "\"2027-01-01\""],
        ),
        (
            FieldType::Timestamp,
            "\"2026-01-01T00:00:00Z\"",
            "\"2026-01-01T01:00:00Z\"",
            [
                "\"2026-01-01T00:00:00.5Z\"",
                "\"2026-01-01T02:00:00+01:00\"",
            ],
            ["\"2025-12-31T23:59:59.9Z\"", "\"2026-01-01T01:00:00.1Z\""],
        ),
    ] {
        let bounded = Accepted {
            min: Some(raw(min)),
            max: Some(raw(max)),
            ..Accepted::any(class)
        };
        for text in inside {
            assert!(
                taken(&bounded, text).is_ok(),
                "{class:?} {text}: {:?}",
                taken(&bounded, text)
            );
        }
        for text in outside {
            let expected = taken(&bounded, text).unwrap_err();
            assert!(expected.contains(" from "), "{class:?} {text}: {expected}");
        }
    }
}

#[test]
fn a_list_has_values_and_not_too_many() {
    let list = Accepted {
        is_list: true,
        ..Accepted::any(INTEGER)
    };
    assert_eq!(
        taken(&list, "[1,2]"),
        Ok(Argument::Many(vec![Value::Int(1), Value::Int(2)]))
    );
    let many = format!("[{}1]", "1,".repeat(MAX_VALUES));
    for text in ["[]", "1", "null", &many] {
        assert_eq!(
            taken(&list, text),
            Err("a list of 1 to 100 values".to_owned()),
            "{text}"
        );
    }
    assert_eq!(
        taken(&list, "[1,\"x\"]"),
        Err("a list of 1 to 100 values, each an integer".to_owned())
    );
}

#[test]
fn choices_and_patterns_hold_whole() {
    let chosen = Accepted {
        choices: Some(vec![raw("\"open\""), raw("\"pending\"")]),
        ..Accepted::any(FieldType::Text)
    };
    assert!(taken(&chosen, "\"open\"").is_ok());
    assert_eq!(
        taken(&chosen, "\"Open\""),
        Err("one of open, pending".to_owned())
    );
    let rates = Accepted {
        choices: Some(vec![raw("0.5"), raw("\"0.75\"")]),
        ..Accepted::any(DECIMAL)
    };
    assert!(taken(&rates, "0.50").is_ok() && taken(&rates, "\"0.750\"").is_ok());
    assert!(taken(&rates, "0.51").is_err());
    let pattern = Accepted {
        pattern: Some(Arc::new(whole("[A-Z]{2}|x").unwrap())),
        ..Accepted::any(FieldType::Text)
    };
    assert!(taken(&pattern, "\"AB\"").is_ok());
    for text in ["\"ABC\"", "\"zAB\"", "\"AB\\n\"", "\"xy\""] {
        assert_eq!(
            taken(&pattern, text),
            Err("text that matches [A-Z]{2}|x".to_owned()),
            "{text}"
        );
    }
    for text in ["(", "a)|(b", "\\1", "(?=a)"] {
        assert!(whole(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_not_given_is_the_default_or_nothing() {
    let now = Utc::now();
    assert_eq!(Accepted::any(INTEGER).fallback(None, now), None);
    let free = Accepted {
        is_required: false,
        ..Accepted::any(INTEGER)
    };
    assert_eq!(free.fallback(None, now), Some(Ok(Argument::Null)));
    let given = Accepted {
        default: Some(Fallback::Value(raw("3"))),
        is_required: false,
        ..Accepted::any(INTEGER)
    };
    assert_eq!(
        given.fallback(None, now),
        Some(Ok(Argument::One(Value::Int(3))))
    );
    let moment = Fallback::Moment(Relative::parse("now-7d").unwrap());
    let moment = Accepted {
        default: Some(moment),
        ..Accepted::any(FieldType::Timestamp)
    };
    let Some(Ok(Argument::One(Value::Text(text)))) = moment.fallback(None, now) else {
        panic!()
    };
    assert!(text.ends_with("+00:00"), "{text}");
}
