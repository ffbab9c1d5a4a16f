//! What the words of SQL, and of other services, are called here.

/// Words that are sent as parameters, and the parameter that they mean.
const PARAMETERS: [(&str, &str); 24] = [
    ("where", "filters"),
    ("filter", "filters"),
    ("conditions", "filters"),
    ("select", "fields"),
    ("columns", "fields"),
    ("projection", "fields"),
    ("orderby", "sort"),
    ("order", "sort"),
    ("sortby", "sort"),
    ("groupby", "group_by"),
    ("group", "group_by"),
    ("distinct", "group_by"),
    ("aggregates", "aggregate"),
    ("aggregations", "aggregate"),
    ("count", "total"),
    ("join", "expand"),
    ("joins", "expand"),
    ("populate", "expand"),
    ("top", "limit"),
    ("take", "limit"),
    ("pagesize", "limit"),
    ("skip", "offset"),
    ("from", "model"),
    ("table", "model"),
];

/// Words that are sent as operators, and the operators that they mean.
const OPERATORS: [(&str, &str); 28] = [
    ("like", "$contains, $startswith or $endswith"),
    ("ilike", "$icontains, $istartswith or $iendswith"),
    ("regex", "$contains, $startswith or $endswith"),
    ("regexp", "$contains, $startswith or $endswith"),
    ("=", "$eq"),
    ("==", "$eq"),
    ("equals", "$eq"),
    ("is", "$eq"),
    ("!=", "$ne"),
    ("<>", "$ne"),
    ("neq", "$ne"),
    ("isnot", "$ne"),
    (">", "$gt"),
    (">=", "$gte"),
    ("ge", "$gte"),
    ("<", "$lt"),
    ("<=", "$lte"),
    ("le", "$lte"),
    ("after", "$gt"),
    ("before", "$lt"),
    ("from", "$gte"),
    ("to", "$lte"),
    ("oneof", "$in"),
    ("any", "$in"),
    ("notin", "$nin"),
    ("isnull", "$null"),
    ("exists", "$null"),
    ("has", "$contains"),
];

/// Words that are sent as the names of fields, and what joins or negates conditions here.
const JOINTS: [(&str, &str); 3] = [("and", "$and"), ("or", "$or"), ("not", "$not")];

/// The parameter that a word means.
pub(crate) fn parameter(word: &str) -> Option<&'static str> {
    find(word, &PARAMETERS)
}

/// The operators that a word means.
pub(crate) fn operators(word: &str) -> Option<&'static str> {
    find(word, &OPERATORS)
}

/// What joins or negates conditions, by the word for it.
pub(crate) fn joint(word: &str) -> Option<&'static str> {
    find(word, &JOINTS)
}

/// The word's meaning, whatever its case and however its parts are separated.
fn find(word: &str, words: &[(&str, &'static str)]) -> Option<&'static str> {
    let letters = word.chars().take(32);
    let letters = letters.filter(|letter| !matches!(letter, '$' | '_' | '-' | ' '));
    let plain: String = letters.collect::<String>().to_lowercase();
    let (_, ours) = words.iter().find(|(theirs, _)| *theirs == plain)?;
    Some(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_known_in_all_its_spellings() {
        for word in ["order_by", "ORDER BY", "orderBy", "$order-by"] {
            assert_eq!(parameter(word), Some("sort"), "{word}");
        }
        assert_eq!(operators("NOT IN"), Some("$nin"));
        assert_eq!(operators("$like"), operators("LIKE"));
        assert_eq!(joint("AND"), Some("$and"));
        assert_eq!(parameter("limt"), None);
    }
}
