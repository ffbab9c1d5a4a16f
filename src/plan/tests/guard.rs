use super::*;
use crate::error::Speech;

/// The field that a scan is refused for.
fn refused(model: &str, params: &str, scan_limit: Option<u64>) -> Option<String> {
    let catalog = shop();
    let error = planned(&catalog, model, params, &limits(scan_limit)).err()?;
    match error.kind() {
        ErrorKind::ScanRefused { field, .. } => Some(field.to_string()),
        other => panic!("{params}: {other}"),
    }
}

#[test]
fn what_an_index_finds_is_read() {
    for params in [
        r#"{}"#,
        r#"{"filters":{"id":7}}"#,
        r#"{"filters":{"status":"open","note":"x"}}"#,
        r#"{"filters":{"status":"open"},"sort":["amount"]}"#,
        r#"{"filters":{"status":{"$in":["open","done",null]}},"sort":["amount"]}"#,
        r#"{"filters":{"status":null},"sort":["amount"]}"#,
        r#"{"filters":{"$or":[{"status":"open"},{"id":7}]},"sort":["amount"]}"#,
        r#"{"filters":{"placed":{"$gt":"2026-01-31"}}}"#,
        r#"{"filters":{"placed":{"$gt":"2026-01-31"},"status":"open"},"sort":["amount"]}"#,
        r#"{"filters":{"$or":[]},"sort":["amount"]}"#,
        r#"{"sort":["-placed","amount"]}"#,
        r#"{"group_by":["note"],"aggregate":{"n":{"$count":"*"}}}"#,
        r#"{"filters":{"placed":{"$gt":"2026-01-31"}},"group_by":["note"],"aggregate":{"n":{"$count":"*"}}}"#,
        r#"{"filters":{"buyer.name":"Ada"}}"#,
        r#"{"fields":["id","buyer.name"]}"#,
    ] {
        assert_eq!(refused("orders", params, Some(LARGE)), None, "{params}");
    }
}

#[test]
fn what_reads_a_large_model_whole_is_refused_by_the_first_field() {
    for (params, field) in [
        (r#"{"filters":{"note":"x"}}"#, "note"),
        (r#"{"filters":{"status":{"$ne":"open"}}}"#, "status"),
        (r#"{"filters":{"status":{"$contains":"ope"}}}"#, "status"),
        (
            r#"{"filters":{"$or":[{"status":"open"},{"note":"x"}]}}"#,
            "status",
        ),
        (r#"{"filters":{"buyer.name":null}}"#, "buyer.name"),
        (
            r#"{"filters":{"buyer.name":{"$in":["Ada",null]}}}"#,
            "buyer.name",
        ),
        (
            r#"{"filters":{"note":"x"},"group_by":["status"],"aggregate":{"n":{"$count":"*"}}}"#,
            "note",
        ),
        (r#"{"sort":["note"]}"#, "note"),
        (r#"{"sort":["-amount","placed"]}"#, "amount"),
        (
            r#"{"filters":{"placed":{"$gt":"2026-01-31"}},"sort":["amount"]}"#,
            "amount",
        ),
        (
            r#"{"filters":{"$or":[{"status":"open"},{"placed":{"$gt":"2026-01-31"}}]},"sort":["amount"]}"#,
            "amount",
        ),
    ] {
        let told = refused("orders", params, Some(LARGE));
        assert_eq!(told.as_deref(), Some(field), "{params}");
        assert_eq!(refused("orders", params, Some(LARGE + 1)), None, "{params}");
        assert_eq!(refused("orders", params, None), None, "{params}");
    }
}

#[test]
fn rows_of_a_large_model_are_found_by_an_index_from_a_small_one_too() {
    let lists = r#"{"expand":["lines"]}"#;
    let told = refused("orders", lists, Some(LARGE));
    assert_eq!(told.as_deref(), Some("order_id"));
    assert_eq!(refused("orders", lists, None), None);
    assert_eq!(
        refused("people", r#"{"expand":["orders"]}"#, Some(LARGE)),
        None
    );
}

#[test]
fn a_refusal_names_what_is_indexed() {
    let catalog = shop();
    for (model, params, hint) in [
        (
            "orders",
            r#"{"sort":["note"]}"#,
            "indexed fields: id, buyer_id, status, placed",
        ),
        ("lines", r#"{"sort":["text"]}"#, "indexed fields: id"),
    ] {
        let error = planned(&catalog, model, params, &limits(Some(LARGE))).err();
        let error = error.unwrap();
        assert_eq!(error.hint(Speech::Native), Some(hint), "{params}");
    }
}
