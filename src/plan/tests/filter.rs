use super::*;

/// A condition as a reader would say it.
fn said(condition: &Condition<'_>, joins: &Joins<'_>) -> String {
    let all = |word: &str, parts: &[Condition<'_>]| {
        let parts: Vec<String> = parts.iter().map(|part| said(part, joins)).collect();
        format!("{word}({})", parts.join(", "))
    };
    match condition {
        Condition::All(parts) => all("all", parts),
        Condition::Any(parts) => all("any", parts),
        Condition::Test {
            term,
            comparison,
            negated,
        } => {
            let not = if *negated { "not " } else { "" };
            format!("{not}{} {comparison:?}", term.name(joins))
        }
        Condition::Some {
            filter, negated, ..
        } => {
            let word = if *negated { "none" } else { "some" };
            format!("{word}({})", said(filter, joins))
        }
    }
}

fn filter(filters: &str) -> Result<String, Error> {
    let catalog = shop();
    let params = format!(r#"{{"filters":{filters}}}"#);
    let plan = planned(&catalog, "orders", &params, &limits(None))?;
    Ok(said(&plan.filter, &plan.joins))
}

#[test]
fn each_operator_is_the_test_of_its_name() {
    for (filters, expected) in [
        (r#"{}"#, "all()"),
        (r#"{"id":1}"#, "id Equal(Int(1))"),
        (r#"{"id":null}"#, "id Null"),
        (r#"{"id":{"$eq":1}}"#, "id Equal(Int(1))"),
        (r#"{"id":{"$ne":1}}"#, "not id Equal(Int(1))"),
        (r#"{"id":{"$ne":null}}"#, "not id Null"),
        (r#"{"id":{"$gt":1}}"#, "id Greater(Int(1))"),
        (r#"{"id":{"$gte":1}}"#, "id GreaterOrEqual(Int(1))"),
        (r#"{"id":{"$lt":1}}"#, "id Less(Int(1))"),
        (r#"{"id":{"$lte":1}}"#, "id LessOrEqual(Int(1))"),
        (
            r#"{"id":{"$in":[1,null]}}"#,
            "id In { values: [Int(1)], null: true }",
        ),
        (
            r#"{"id":{"$nin":[1]}}"#,
            "not id In { values: [Int(1)], null: false }",
        ),
        (r#"{"id":{"$in":[]}}"#, "id In { values: [], null: false }"),
        (
            r#"{"id":{"$between":[1,5]}}"#,
            "all(id GreaterOrEqual(Int(1)), id LessOrEqual(Int(5)))",
        ),
        (r#"{"id":{"$null":true}}"#, "id Null"),
        (r#"{"id":{"$null":false}}"#, "not id Null"),
        (
            r#"{"id":{"$gt":1,"$lt":5}}"#,
            "all(id Greater(Int(1)), id Less(Int(5)))",
        ),
        (
            r#"{"lines":{"$some":{"text":"x"}}}"#,
            r#"some(lines.text Equal(Text("x")))"#,
        ),
        (r#"{"lines":{"$none":{}}}"#, "none(all())"),
    ] {
        assert_eq!(filter(filters).unwrap(), expected, "{filters}");
    }
    for (operator, place, fold) in [
        ("$contains", "Anywhere", false),
        ("$icontains", "Anywhere", true),
        ("$startswith", "Start", false),
        ("$istartswith", "Start", true),
        ("$endswith", "End", false),
        ("$iendswith", "End", true),
    ] {
        let filters = format!(r#"{{"note":{{"{operator}":"x"}}}}"#);
        let pattern = format!(r#"Pattern {{ place: {place}, text: "x", fold: {fold} }}"#);
        assert_eq!(
            filter(&filters).unwrap(),
            format!("note Text({pattern})"),
            "{operator}"
        );
    }
}

#[test]
fn negations_move_down_to_the_tests() {
    let (one, two) = ("id Equal(Int(1))", "status Null");
    for (filters, expected) in [
        (r#"{"id":1,"status":null}"#, format!("all({one}, {two})")),
        (
            r#"{"$and":[{"id":1},{"status":null}]}"#,
            format!("all({one}, {two})"),
        ),
        (
            r#"{"$or":[{"id":1},{"status":null}]}"#,
            format!("any({one}, {two})"),
        ),
        (
            r#"{"$not":{"id":1,"status":null}}"#,
            format!("any(not {one}, not {two})"),
        ),
        (
            r#"{"$not":{"$and":[{"id":1},{"status":null}]}}"#,
            format!("any(not {one}, not {two})"),
        ),
        (
            r#"{"$not":{"$or":[{"id":1},{"status":null}]}}"#,
            format!("all(not {one}, not {two})"),
        ),
        (r#"{"$not":{"$not":{"id":1}}}"#, one.to_owned()),
        (r#"{"$not":{"id":{"$ne":1}}}"#, one.to_owned()),
        (
            r#"{"$not":{"id":{"$nin":[1]}}}"#,
            "id In { values: [Int(1)], null: false }".to_owned(),
        ),
        (r#"{"$not":{"id":{"$null":false}}}"#, "id Null".to_owned()),
        (
            r#"{"$not":{"id":{"$between":[1,5]}}}"#,
            "any(not id GreaterOrEqual(Int(1)), not id LessOrEqual(Int(5)))".to_owned(),
        ),
        (r#"{"$and":[]}"#, "all()".to_owned()),
        (r#"{"$or":[]}"#, "any()".to_owned()),
        (r#"{"$not":{}}"#, "any()".to_owned()),
        (r#"{"$not":{"$or":[]}}"#, "all()".to_owned()),
        (r#"{"$or":[{},{"id":1}]}"#, "all()".to_owned()),
        (r#"{"id":1,"$or":[]}"#, "any()".to_owned()),
        (
            r#"{"$not":{"lines":{"$some":{}}}}"#,
            "none(all())".to_owned(),
        ),
    ] {
        assert_eq!(filter(filters).unwrap(), expected, "{filters}");
    }
}

#[test]
fn what_is_no_filter_is_refused_with_its_text() {
    for (filters, text) in [
        ("[]", "Filters must be an object of field/value pairs"),
        (
            r#"{"$and":{}}"#,
            "Filters must be an object of field/value pairs",
        ),
        (
            r#"{"nope":1}"#,
            "Filter field 'nope' is not allowed for model 'orders'",
        ),
        (r#"{"a b":1}"#, "Invalid filter field name: a b"),
        (
            r#"{"id":[1]}"#,
            "Invalid value for field 'id': expected a plain value",
        ),
        (
            r#"{"id":{}}"#,
            "Invalid value for field 'id': expected a plain value or operators",
        ),
        (
            r#"{"id":{"$in":1}}"#,
            "Invalid value for field 'id': expected a list of values",
        ),
        (
            r#"{"id":{"$between":[1]}}"#,
            "Invalid value for field 'id': expected a list of two values",
        ),
        (
            r#"{"id":{"$null":1}}"#,
            "Invalid value for field 'id': expected true or false for $null",
        ),
        (
            r#"{"id":{"$contains":"x"}}"#,
            "Invalid filter operator: $contains",
        ),
        (r#"{"document":{"$gt":1}}"#, "Invalid filter operator: $gt"),
        (r#"{"document":{"$eq":1}}"#, "Invalid filter operator: $eq"),
        (
            r#"{"note":{"$contains":1}}"#,
            "Invalid value for field 'note': expected text",
        ),
        (
            r#"{"note":{"$contains":"a\u0000"}}"#,
            "Invalid value for field 'note': expected text",
        ),
    ] {
        assert_eq!(filter(filters).unwrap_err().to_string(), text, "{filters}");
    }
}

#[test]
fn a_request_has_so_many_tests_levels_and_values() {
    let tests = |count: usize| format!(r#"{{"$and":[{}]}}"#, vec![r#"{"id":1}"#; count].join(","));
    let levels = |count: usize| {
        format!(
            "{}{{\"id\":1}}{}",
            r#"{"$not":"#.repeat(count),
            "}".repeat(count)
        )
    };
    let values = |count: usize| format!(r#"{{"id":{{"$in":[{}]}}}}"#, vec!["1"; count].join(","));
    let lists = |count: usize| {
        let list = values(1_000);
        format!(r#"{{"$and":[{}]}}"#, vec![list.as_str(); count].join(","))
    };
    let text = |length: usize| format!(r#"{{"note":{{"$contains":"{}"}}}}"#, "x".repeat(length));
    let name = |length: usize| format!(r#"{{"{}":1}}"#, "x".repeat(length));
    for (within, beyond, error) in [
        (tests(64), tests(65), "Too many conditions: at most 64"),
        (
            levels(8),
            levels(9),
            "Filters nest too deep: at most 8 levels",
        ),
        (
            values(1_000),
            values(1_001),
            "Invalid value for field 'id': expected a list of at most 1000 values",
        ),
        (
            lists(10),
            lists(11),
            "Invalid value for field 'id': expected at most 10000 values in all lists of a request",
        ),
        (
            text(4_096),
            text(4_097),
            "Invalid value for field 'note': expected text of at most 4096 characters",
        ),
    ] {
        assert!(filter(&within).is_ok(), "{error}");
        assert_eq!(filter(&beyond).unwrap_err().to_string(), error);
    }
    assert_eq!(filter(&name(128)).unwrap_err().code(), "invalid_filter");
    let long = filter(&name(129)).unwrap_err();
    assert!(matches!(long.kind(), ErrorKind::FilterName(_)), "{long}");
}

#[test]
fn a_key_is_matched_whole() {
    let catalog = shop();
    let get = |params: &str| {
        let params = Object::parse(params).unwrap();
        let plan = get(&params, catalog.model("orders").unwrap())?;
        Ok::<_, Error>(said(&plan.filter, &plan.joins))
    };
    assert_eq!(get(r#"{"id":"7"}"#).unwrap(), "id Equal(Int(7))");
    let missing = get("{}").unwrap_err();
    assert_eq!(missing.to_string(), "Missing required parameter: id");
    assert_eq!(get(r#"{"id":"x"}"#).unwrap_err().code(), "invalid_value");
}
