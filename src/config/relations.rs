//! `MCP_RELATIONS`: keys between models that the database does not tell of.

use super::fault::quoted;
use super::models::{split, unquote};

use crate::advice::Advice;

/// Fields of one key at the most.
const MAX_FIELDS: usize = 16;

/// A key of one model that points to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenRelation {
    /// The name that it is followed by, where it has one of its own.
    pub name: Option<String>,
    /// The model that has the key, by the name that clients use.
    pub model: String,
    /// The fields of the key.
    pub fields: Vec<String>,
    /// The model that it points to.
    pub target: String,
    /// The fields there, in the same order.
    pub(crate) target_fields: Vec<String>,
}

/// Reads a comma list such as `buyer:orders.customer_id=customers.id,lines.no+lines.shop=orders.no+orders.shop`.
///
/// A part in double quotes may hold what separates others; a quote in it is doubled.
pub(super) fn parse(text: &str) -> Result<Vec<GivenRelation>, Vec<Advice>> {
    let mut relations = Vec::new();
    let mut faults = Vec::new();
    let entries = split(text, ',').map(str::trim);
    for entry in entries.filter(|entry| !entry.is_empty()) {
        match parse_entry(entry) {
            Ok(relation) if relations.contains(&relation) => {}
            Ok(relation) => relations.push(relation),
            Err(reason) => faults.push(reason),
        }
    }
    match faults.is_empty() {
        true => Ok(relations),
        false => Err(faults),
    }
}

fn parse_entry(entry: &str) -> Result<GivenRelation, Advice> {
    let malformed = || {
        Advice::new(
            format!("expected model.field=model.field, not {}", quoted(entry)),
            r#"for example orders.customer_id=customers.id, buyer:orders.buyer_id=users.id, or lines.no+lines.shop=orders.no+orders.shop; a name that holds one of , : = + . goes into double quotes"#,
        )
    };
    let named: Vec<&str> = split(entry, ':').collect();
    let (name, sides) = match named[..] {
        [sides] => (None, sides),
        [name, sides] => (Some(unquote(name).ok_or_else(malformed)?), sides),
        _ => return Err(malformed()),
    };
    if name
        .as_deref()
        .is_some_and(|name| name.starts_with(['$', '-']))
    {
        return Err(malformed());
    }
    let sides: Vec<&str> = split(sides, '=').collect();
    let [key, pointed] = sides[..] else {
        return Err(malformed());
    };
    let (model, fields) = side(key).ok_or_else(malformed)?;
    let (target, target_fields) = side(pointed).ok_or_else(malformed)?;
    if fields.len() != target_fields.len() {
        let message = format!(
            "{} fields cannot be equal to {} in {}",
            fields.len(),
            target_fields.len(),
            quoted(entry)
        );
        return Err(Advice::new(message, "name as many fields on each side"));
    }
    Ok(GivenRelation {
        name,
        model,
        fields,
        target,
        target_fields,
    })
}

/// A model and some of its fields: `lines.no+lines.shop`.
fn side(text: &str) -> Option<(String, Vec<String>)> {
    let mut model = None;
    let mut fields = Vec::new();
    for reference in split(text, '+') {
        let parts: Option<Vec<String>> = split(reference.trim(), '.').map(unquote).collect();
        let mut parts = parts?;
        let field = parts.pop()?;
        // A model may have a schema in front.
        let of = parts.join(".");
        if of.is_empty() || *model.get_or_insert_with(|| of.clone()) != of {
            return None;
        }
        if fields.contains(&field) || fields.len() == MAX_FIELDS {
            return None;
        }
        fields.push(field);
    }
    Some((model?, fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(
        name: Option<&str>,
        (model, fields): (&str, &[&str]),
        (target, target_fields): (&str, &[&str]),
    ) -> GivenRelation {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        GivenRelation {
            name: name.map(str::to_owned),
            model: model.to_owned(),
            fields: owned(fields),
            target: target.to_owned(),
            target_fields: owned(target_fields),
        }
    }

    #[test]
    fn reads_what_people_write() {
        let text = r#"orders.customer_id=customers.id, lines.no+lines.shop = orders.no + orders.shop,,
            buyer:orders.buyer_id=crm.users.id,"a:b":"x.y"."p+q"="""z""".id,orders.customer_id=customers.id"#;
        let expected = [
            relation(None, ("orders", &["customer_id"]), ("customers", &["id"])),
            relation(
                None,
                ("lines", &["no", "shop"]),
                ("orders", &["no", "shop"]),
            ),
            relation(
                Some("buyer"),
                ("orders", &["buyer_id"]),
                ("crm.users", &["id"]),
            ),
            relation(Some("a:b"), ("x.y", &["p+q"]), ("\"z\"", &["id"])),
        ];
        assert_eq!(parse(text).unwrap(), expected);
        assert_eq!(parse("").unwrap(), []);
    }

    #[test]
    fn refuses_what_could_mean_something_else() {
        for text in [
            "orders",
            "orders.customer_id",
            "orders.customer_id=",
            "orders.customer_id=customers",
            "=customers.id",
            ".a=b.c",
            "a.=b.c",
            "a.b=c.d=e.f",
            "x:y:a.b=c.d",
            ":a.b=c.d",
            "$some:a.b=c.d",
            "a.b+c.d=e.f+e.g",
            "a.b+a.b=e.f+e.g",
            "a.b+a.c=e.f",
            "a.b=e.f+e.g",
            "\"a.b=c.d",
            "a.b==c.d",
        ] {
            assert_eq!(parse(text).unwrap_err().len(), 1, "{text}");
        }
        assert_eq!(parse("a,b.c=d.e,f").unwrap_err().len(), 2);
    }
}
