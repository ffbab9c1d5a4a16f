//! What an operator is told to look at again in a tool that is sound.

use super::Tool;

/// What of a description a model may take for more than a description: addresses, and words that
/// others use to turn it around.
pub(crate) fn of_description(tool: &Tool) -> Option<&'static str> {
    let text = tool.description.to_lowercase();
    let mut words = text.split(|letter: char| !letter.is_alphanumeric());
    if ["http:", "https:", "www."]
        .iter()
        .any(|it| text.contains(it))
    {
        return Some("an address");
    }
    words
        .any(|word| matches!(word, "ignore" | "ignores" | "ignoring"))
        .then_some("the word ignore")
}
