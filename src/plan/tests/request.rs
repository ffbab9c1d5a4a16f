use super::*;
use crate::error::Speech;

/// The members that a page shows, and the keys that it is sorted by; or the refusal.
fn rows(params: &str) -> Result<(String, String), String> {
    let catalog = shop();
    let plan = planned(&catalog, "orders", params, &limits(None));
    let plan = plan.map_err(|error| error.to_string())?;
    let shown = match &plan.output {
        Output::Rows { fields, expand } => {
            let names = fields.iter().map(|shown| shown.name.to_string());
            let expanded = expand.iter().map(|one| format!("+{}", one.name()));
            names.chain(expanded).collect::<Vec<_>>().join(" ")
        }
        Output::Groups { .. } => "groups".to_owned(),
    };
    let order = plan.order.iter().filter_map(|order| {
        let sign = if order.descending { "-" } else { "" };
        match &order.key {
            OrderKey::Term(term) => Some(format!("{sign}{}", term.name(&plan.joins))),
            // What tells rows apart that share all keys.
            _ => None,
        }
    });
    Ok((shown, order.collect::<Vec<_>>().join(" ")))
}

fn refusal(params: &str) -> String {
    rows(params).unwrap_err()
}

fn many(member: &str, count: usize) -> String {
    let members: Vec<String> = (0..count)
        .map(|at| member.replace('#', &at.to_string()))
        .collect();
    members.join(",")
}

#[test]
fn members_are_shown_once_and_sorted_by_once() {
    let all = "id buyer_id status amount note placed document";
    for (params, shown, order) in [
        ("{}", all, "id"),
        (r#"{"fields":[]}"#, all, "id"),
        (r#"{"fields":["id","note","id"]}"#, "id note", "id"),
        (r#"{"fields":["id"],"compute":{"n":"note"}}"#, "id n", "id"),
        (r#"{"fields":["id"],"expand":["buyer"]}"#, "id +buyer", "id"),
        (
            r#"{"fields":["id"],"sort":["-note","note","-id"]}"#,
            "id",
            "-note -id",
        ),
        (
            r#"{"fields":["id"],"compute":{"-n":"note"},"sort":["-n"]}"#,
            "id -n",
            "note id",
        ),
        (
            r#"{"fields":["id"],"sort":["buyer.name"]}"#,
            "id",
            "buyer.name id",
        ),
    ] {
        let expected = (shown.to_owned(), order.to_owned());
        assert_eq!(rows(params), Ok(expected), "{params}");
    }
    assert!(refusal(r#"{"fields":["id"],"compute":{"id":"note"}}"#).contains("names two members"));
    let doubled = r#"{"fields":["buyer.name"],"compute":{"buyer":"note"},"expand":["buyer"]}"#;
    assert!(refusal(doubled).contains("names two members"));
    assert!(refusal(r#"{"sort":["document"]}"#).contains("document"));
}

#[test]
fn lists_of_names_have_their_most() {
    let computed = |count| format!(r#"{{"compute":{{{}}}}}"#, many(r##""n#":"note""##, count));
    let sorted = |count| format!(r#"{{"sort":[{}]}}"#, many(r#""note""#, count));
    let grouped = |count: usize| {
        let members = many(r##""n#":{"$count":"*"}"##, count);
        format!(r#"{{"group_by":["note"],"aggregate":{{{members}}}}}"#)
    };
    for (within, beyond) in [
        (computed(16), computed(17)),
        (sorted(16), sorted(17)),
        (grouped(15), grouped(17)),
    ] {
        assert!(rows(&within).is_ok(), "{within}");
        assert!(rows(&beyond).is_err(), "{beyond}");
    }
    let alias = |name: &str| format!(r#"{{"compute":{{"{name}":"note"}}}}"#);
    assert!(rows(&alias(&"x".repeat(128))).is_ok());
    for wrong in ["", &"x".repeat(129), r"a\u0001"] {
        assert!(refusal(&alias(wrong)).contains("1 to 128"), "{wrong}");
    }
    for (params, what) in [
        (
            r#"{"group_by":["note"],"aggregate":{"note":{"$count":"*"}}}"#,
            "names two members",
        ),
        (r#"{"aggregate":{}}"#, "at least one"),
        (r#"{"group_by":[]}"#, "at least one"),
    ] {
        assert!(
            refusal(params).contains(what),
            "{params}: {}",
            refusal(params)
        );
    }
}

#[test]
fn expressions_of_numbers_have_their_most() {
    let number = |expression: &str| rows(&format!(r#"{{"compute":{{"n":{expression}}}}}"#));
    let sum = |count: usize| format!(r#"{{"$add":[{}]}}"#, many("1", count));
    let nested = |count: usize| {
        let sums = vec![sum(8); count].join(",");
        format!(r#"{{"$add":[{sums}]}}"#)
    };
    let deep = |count: usize| format!("{}1{}", r#"{"$sub":[1,"#.repeat(count), "]}".repeat(count));
    for within in [
        sum(8),
        nested(2),
        deep(4),
        "123456789012345678.123456789012".to_owned(),
    ] {
        let within = if within.starts_with('{') {
            within
        } else {
            format!(r#"{{"$add":[1,{within}]}}"#)
        };
        assert!(number(&within).is_ok(), "{within} {:?}", number(&within));
    }
    for (beyond, what) in [
        (sum(1), "2 to 8"),
        (sum(9), "2 to 8"),
        (r#"{"$sub":[1,2,3]}"#.to_owned(), "list of 2"),
        (
            format!(r#"{{"$add":[{},1]}}"#, nested(2)),
            "16 fields and constants",
        ),
        (deep(5), "4 deep"),
        (
            r#"{"$add":[1,1234567890123456789.123456789012]}"#.to_owned(),
            "30 digits",
        ),
        (r#"{"$add":[1,1.1234567890123]}"#.to_owned(), "12 after"),
        (r#"{"$add":[1,"note"]}"#.to_owned(), "no number"),
    ] {
        let refused = number(&beyond).unwrap_err();
        assert!(refused.contains(what), "{beyond}: {refused}");
    }
}

#[test]
fn the_scale_of_a_product_is_that_of_its_factors_together() {
    let catalog = shop();
    let scale = |expression: &str| {
        let params = format!(r#"{{"fields":["id"],"compute":{{"n":{expression}}}}}"#);
        let plan = planned(&catalog, "orders", &params, &limits(None)).unwrap();
        match &plan.output {
            Output::Rows { fields, .. } => match &fields[1].term {
                Term::Number(number) => number.scale(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(scale(r#"{"$mul":["amount","amount",1.5]}"#), 5);
    assert_eq!(scale(r#"{"$add":["amount","amount",1.234]}"#), 3);
    assert_eq!(scale(r#"{"$div":["amount",3]}"#), 12);
}

/// Whether a cursor of one request goes on in another.
fn goes_on(one: &str, other: &str) -> bool {
    let catalog = shop();
    let cursors = CursorKey::new(&[7; 32]);
    let plan = planned(&catalog, "orders", one, &limits(None)).unwrap();
    let keys = vec![Some(Value::Int(1)); plan.order.len()];
    let seek = Seek {
        keys,
        ..Seek::default()
    };
    let cursor = cursors
        .seal(seek, &plan.binding(), cursor::MAX_LENGTH)
        .unwrap();
    let separator = if other == "{}" { "" } else { "," };
    let other = other.strip_suffix('}').unwrap();
    let params = format!(r#"{other}{separator}"cursor":"{cursor}"}}"#);
    match planned(&catalog, "orders", &params, &limits(None)) {
        Ok(plan) => plan.page.seek.is_some(),
        Err(error) => {
            assert_eq!(error.kind(), &ErrorKind::InvalidCursor);
            assert!(error.hint(Speech::Native).is_some());
            false
        }
    }
}

#[test]
fn a_cursor_goes_on_in_the_request_that_it_is_of() {
    for (one, other) in [
        ("{}", r#"{"limit":7}"#),
        ("{}", r#"{"fields":["id"]}"#),
        (
            r#"{"filters":{"id":1,"note":"x"}}"#,
            r#"{"filters":{"note":"x","id":1}}"#,
        ),
    ] {
        assert!(goes_on(one, other) && goes_on(other, one), "{one} {other}");
    }
    for (one, other) in [
        ("{}", r#"{"filters":{"id":1}}"#),
        (r#"{"filters":{"id":1}}"#, r#"{"filters":{"id":2}}"#),
        (r#"{"filters":{"id":1}}"#, r#"{"filters":{"id":{"$ne":1}}}"#),
        (r#"{"sort":["note"]}"#, r#"{"sort":["-note"]}"#),
        (r#"{"sort":["note"]}"#, r#"{"sort":["status"]}"#),
        (
            r#"{"filters":{"$or":[{"id":1},{"note":"x"}]}}"#,
            r#"{"filters":{"id":1,"note":"x"}}"#,
        ),
    ] {
        assert!(
            !goes_on(one, other) && !goes_on(other, one),
            "{one} {other}"
        );
    }
}

#[test]
fn conditions_tell_what_they_compare() {
    let catalog = shop();
    let of = |filters: &str| {
        let params = format!(r#"{{"filters":{filters}}}"#);
        let plan = planned(&catalog, "orders", &params, &limits(None)).unwrap();
        let filter = &plan.filter;
        (
            filter.is_equality(),
            filter.looks_into_text(),
            filter.foreign_texts().len(),
        )
    };
    for (filters, told) in [
        ("{}", (true, false, 0)),
        (r#"{"id":1,"note":null}"#, (true, false, 0)),
        (r#"{"id":{"$ne":1}}"#, (false, false, 0)),
        (r#"{"id":{"$gt":1},"note":"x"}"#, (false, false, 0)),
        (r#"{"$or":[{"id":1},{"id":2}]}"#, (false, false, 0)),
        (r#"{"note":{"$contains":"x"},"id":1}"#, (false, true, 0)),
        (r#"{"note":"ä"}"#, (true, false, 1)),
        (r#"{"note":{"$in":["a","ä"]}}"#, (false, false, 1)),
        (r#"{"note":{"$contains":"ä"}}"#, (false, true, 1)),
        // What holds always or never is left out.
        (r#"{"$and":[{},{"id":1}]}"#, (true, false, 0)),
        (r#"{"$or":[{"$not":{}},{"id":1}]}"#, (true, false, 0)),
    ] {
        assert_eq!(of(filters), told, "{filters}");
    }
}
