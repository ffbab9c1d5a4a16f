//! Names of Chinook as the scripts of its dialects spell them.

use serde_json::Value;

/// `InvoiceLine` as PostgreSQL's script spells it: `invoice_line`.
pub(crate) fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (index, character) in name.char_indices() {
        if character.is_ascii_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

/// Names as PostgreSQL's script spells them; values within filters stay.
pub(crate) fn snaked(value: &Value, is_value: bool) -> Value {
    match value {
        Value::String(text) if !is_value => {
            let sign = if text.starts_with('-') { "-" } else { "" };
            let steps = text.trim_start_matches('-').split('.');
            let steps: Vec<String> = steps.map(snake).collect();
            Value::String(format!("{sign}{}", steps.join(".")))
        }
        Value::Array(parts) => parts.iter().map(|part| snaked(part, is_value)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| {
                let is_value = is_value || matches!(&**name, "filters" | "where" | "having");
                let name = name.split('.').map(snake).collect::<Vec<_>>().join(".");
                (name, snaked(member, is_value))
            })
            .collect(),
        other => other.clone(),
    }
}
