//! Sanitizes text that players wrote, before others see it.

/// Removes control and invisible characters, makes whitespace single spaces, and keeps at most `most` characters.
pub fn sanitize(raw: &str, most: usize) -> String {
    let invisible = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
    };
    let visible: String =
        raw.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !invisible(*c)).collect();
    let words: Vec<&str> = visible.split(' ').filter(|word| !word.is_empty()).collect();
    let text: String = words.join(" ").chars().take(most).collect();
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_sanitized() {
        assert_eq!(sanitize("  Ada \n\t Lovelace ", 24), "Ada Lovelace");
        assert_eq!(sanitize("\u{202e}evil\u{200b}\u{7}", 24), "evil");
        assert_eq!(sanitize("\u{200b}", 24), "");
        assert_eq!(sanitize(&"x".repeat(10_000), 24).len(), 24);
        assert_eq!(sanitize("<b>&amp;</b>", 24), "<b>&amp;</b>");
        assert_eq!(sanitize("ab cd", 3), "ab");
    }
}
