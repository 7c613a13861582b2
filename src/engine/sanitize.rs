//! Sanitizes text that people wrote, before others see it.
//!
//! What scripts and emoji need stays: joiners where Unicode's rules for identifiers (UAX 31) allow them, joined emoji, tag
//! sequences, a few accents. What hides or reorders text goes.

use icu_properties::props::{
    CanonicalCombiningClass, DefaultIgnorableCodePoint, Emoji, EmojiModifier, ExtendedPictographic, GeneralCategory,
    JoiningType,
};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_segmentation::UnicodeSegmentation;

/// Accents on one letter: no language needs more (UTS 39).
const MARKS: usize = 4;
const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';
const BLACK_FLAG: char = '\u{1f3f4}';
const END_OF_TAGS: char = '\u{e007f}';

/// Removes characters that cannot be seen or that reorder others, makes whitespace single spaces, and keeps at most `most`
/// characters as people count them (grapheme clusters) and `bytes` bytes.
pub fn sanitize(raw: &str, most: usize, bytes: usize) -> String {
    let mut text = String::new();
    let mut marks = 0;
    let mut tags = 0;
    for (at, c) in raw.char_indices() {
        let rest = &raw[at + c.len_utf8()..];
        if tags > 0 {
            // The rest of a flag, which was checked as a whole.
            tags -= 1;
            text.push(c);
            continue;
        }
        if c.is_whitespace() {
            if !text.is_empty() && !text.ends_with(' ') {
                text.push(' ');
            }
        } else if is_mark(c) {
            let has_base = text.chars().next_back().is_some_and(|last| last != ' ');
            marks = if text.chars().next_back().is_some_and(is_mark) { marks + 1 } else { 1 };
            if has_base && marks <= MARKS && (!is_hidden(c) || selects(&text, c)) {
                text.push(c);
            }
        } else if !is_hidden(c) || joins(&text, c, rest) {
            text.push(c);
            if c == BLACK_FLAG {
                tags = tags_of_flag(rest);
            }
        }
    }
    cut(&text, most, bytes).trim_end().to_owned()
}

/// The longest beginning of at most `most` grapheme clusters and `bytes` bytes.
fn cut(text: &str, most: usize, bytes: usize) -> &str {
    let ends = text.grapheme_indices(true).take(most).map(|(at, cluster)| at + cluster.len());
    &text[..ends.take_while(|end| *end <= bytes).last().unwrap_or(0)]
}

fn is_mark(c: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    matches!(category, GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark)
}

/// Whether a character shows nothing by itself.
fn is_hidden(c: char) -> bool {
    // Not ignorable by their property: the blank braille pattern and the marks of annotations.
    let blank = matches!(c, '\u{2800}' | '\u{fff9}'..='\u{fffc}');
    c.is_control() || blank || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Whether a variation selector chooses between the forms of an emoji.
fn selects(before: &str, c: char) -> bool {
    let emoji = CodePointSetData::new::<Emoji>();
    matches!(c, '\u{fe0e}' | '\u{fe0f}') && before.chars().next_back().is_some_and(|last| emoji.contains(last))
}

/// Whether a joiner has an effect here that is part of the text's spelling.
fn joins(before: &str, c: char, after: &str) -> bool {
    match c {
        JOINER => joins_emoji(before, after) || is_by_virama(before, after),
        NON_JOINER => separates_letters(before, after) || is_by_virama(before, after),
        _ => false,
    }
}

fn joins_emoji(before: &str, after: &str) -> bool {
    let (pictures, modifiers) =
        (CodePointSetData::new::<ExtendedPictographic>(), CodePointSetData::new::<EmojiModifier>());
    let base = before.chars().rev().find(|c| *c != '\u{fe0f}' && !modifiers.contains(*c));
    base.is_some_and(|c| pictures.contains(c)) && after.chars().next().is_some_and(|c| pictures.contains(c))
}

/// Whether a consonant's virama is on one side, as in the scripts of India and Sri Lanka.
fn is_by_virama(before: &str, after: &str) -> bool {
    let classes = CodePointMapData::<CanonicalCombiningClass>::new();
    let is_virama = |c: char| classes.get(c) == CanonicalCombiningClass::Virama;
    let (last, next) = (before.chars().next_back(), after.chars().next());
    last.is_some_and(is_virama) || (last.is_some_and(char::is_alphabetic) && next.is_some_and(is_virama))
}

/// Whether two letters would join without a non-joiner between them, as in Persian.
fn separates_letters(before: &str, after: &str) -> bool {
    let types = CodePointMapData::<JoiningType>::new();
    let seen = |c: &char| types.get(*c) != JoiningType::Transparent;
    let last = before.chars().rev().find(seen).map(|c| types.get(c));
    let next = after.chars().find(seen).map(|c| types.get(c));
    matches!(last, Some(JoiningType::LeftJoining | JoiningType::DualJoining))
        && matches!(next, Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

/// How many tags after a black flag make it the flag of a region; 0 when they do not.
fn tags_of_flag(rest: &str) -> usize {
    let region = |c: &char| matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}');
    let length = rest.chars().take_while(region).count();
    if (3..=6).contains(&length) && rest.chars().nth(length) == Some(END_OF_TAGS) { length + 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(raw: &str) -> String {
        sanitize(raw, 24, 256)
    }

    #[test]
    fn text_is_sanitized() {
        assert_eq!(name("  Ada \n\t Lovelace "), "Ada Lovelace");
        assert_eq!(name("\u{202e}evil\u{200b}\u{7}"), "evil");
        assert_eq!(name("\u{200b}"), "");
        assert_eq!(name(&"x".repeat(10_000)).len(), 24);
        assert_eq!(name("<b>&amp;</b>"), "<b>&amp;</b>");
        assert_eq!(sanitize("ab cd", 3, 99), "ab");
    }

    #[test]
    fn lengths_are_counted_as_people_do_and_bounded_in_bytes() {
        let family = "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}";
        assert_eq!(sanitize(&family.repeat(5), 3, 999), family.repeat(3));
        assert_eq!(sanitize(&family.repeat(5), 9, 60), family.repeat(2), "no cluster is cut in two");
        assert_eq!(sanitize("e\u{301}e\u{301}", 1, 99), "e\u{301}");
    }
}
