//! What the macros say about types that they refuse.

use proc_macro2::TokenStream;
use syn::DeriveInput;

fn error(expand: fn(DeriveInput) -> syn::Result<TokenStream>, code: &str) -> String {
    let input = syn::parse_str(code).expect("Rust");
    expand(input).expect_err("it must be refused").to_string()
}

fn row(field: &str) -> String {
    error(crate::row::expand, &format!("struct Dot {{ {field} }}"))
}

#[test]
fn what_is_wrong_with_a_field_of_a_row_is_said() {
    for (field, said) in [
        (
            "#[row(rang = 0..=9)] x: i32",
            "unknown key: a field has range, step, angle, colours, name, unit, motion or skip",
        ),
        ("#[row(range = 0..9)] x: i32", "a range has both ends and includes them: range = 0..=9"),
        ("#[row(range = ..=9)] x: i32", "a range has both ends and includes them: range = 0..=9"),
        ("#[row(range = 9)] x: i32", "a range has both ends and includes them: range = 0..=9"),
        ("#[row(range = 9..=-1)] x: i32", "the range 9..=-1 is empty: its first end must be the smaller one"),
        ("#[row(range = 0..=)] x: i32", "unexpected end of input, a value is missing"),
        ("#[row(step = 1/64)] x: f32", "a step belongs to a range: range = -64..=64, step = 1/64"),
        (
            "#[row(range = 0..=9, step = 2)] x: f32",
            "a step is one unit divided by a whole number of 1 to 65535: step = 1/64 or step = 0.01",
        ),
        (
            "#[row(range = 0..=9, step = 1/0)] x: f32",
            "a step is one unit divided by a whole number of 1 to 65535: step = 1/64 or step = 0.01",
        ),
        (
            "#[row(range = 0..=9, step = 0.3)] x: f32",
            "a step is one unit divided by a whole number of 1 to 65535: step = 1/64 or step = 0.01",
        ),
        ("#[row(angle = 17)] x: f32", "an angle of 17 bits: 1 to 16"),
        ("#[row(angle = 8, range = 0..=9)] x: f32", "a field has one of range, angle and colours"),
        (
            "#[row(motion = fast)] x: bool",
            "no motion is called `fast`: hold, linear, smooth, fade, along(heading) or across(heading)",
        ),
        ("#[row(motion = along)] x: bool", "the motion `along` needs the field of its heading"),
        ("#[row(motion = linear(y))] x: bool", "the motion `linear` has no heading"),
        ("#[row(motion = along(z))] x: bool, y: bool", "no field `z`: there are x, y"),
        ("#[row(motion = along(y))] x: bool, y: bool", "the heading `y` must be an angle: #[row(angle = 8)]"),
        ("#[row(name = \"\")] x: bool", "a name has 1 to 32 bytes"),
        ("#[row(skip = 3)] x: bool", "expected `,`"),
    ] {
        assert_eq!(row(field), said, "{field}");
    }
    let many: String = (0..17).map(|n| format!("f{n}: bool,")).collect();
    assert_eq!(row(&many), "a row has at most 16 fields: give the rest #[row(skip)] or another row");
}

#[test]
fn what_is_wrong_with_a_type_is_said() {
    let row = |code| error(crate::row::expand, code);
    assert_eq!(
        row("struct Dot(i32);"),
        "a row has named fields, as clients know them by their names: struct Dot { x: i32 }"
    );
    assert_eq!(row("enum Dot { A }"), "a row is a struct with named fields");
    assert_eq!(row("struct Dot<T> { x: T }"), "a row cannot be generic");
    assert_eq!(row("#[row(position(x, z))] struct Dot { x: u8 }"), "no field `z` in this row");
    assert_eq!(
        row("#[row(at = 3)] struct Dot { x: u8 }"),
        "unknown key: a row has name, position(x, y) or without_past"
    );
    let input = |code| error(crate::input::expand, code);
    assert_eq!(
        input("struct Steer { #[input(motion = linear)] x: u8 }"),
        "unknown key: a field has range, step, angle, colours, name or unit"
    );
    let many: String = (0..9).map(|n| format!("f{n}: bool,")).collect();
    assert_eq!(
        input(&format!("struct S {{ {many} }}")),
        "an input has at most 8 fields: send what is rare as a command"
    );
    let labels = |code| error(crate::labels::expand, code);
    assert_eq!(labels("struct Mood;"), "labels are the variants of an enum without fields");
    assert_eq!(labels("enum Mood { Idle, Run(u8) }"), "the label `Run` cannot have fields");
    assert_eq!(labels("enum Mood {}"), "0 labels: 1 to 64");
    let message = |code| error(crate::message::expand, code);
    assert_eq!(message("enum Event {}"), "a message without variants is never sent: use `Nothing`");
    assert_eq!(message("enum Event<T> { A(T) }"), "a message cannot be generic");
    let options = |code| error(crate::options::expand, code);
    assert_eq!(
        options("struct Team { #[option(min = 3)] team: u8 }"),
        "unknown key: an option has range, default or name"
    );
}

#[test]
fn a_game_gets_the_types_that_it_leaves_out() {
    let expand = |code: &str| crate::game::expand(TokenStream::new(), code.parse().expect("Rust"));
    let text = expand("impl TypedGame for Dots { type Rows = Dot; type Event = Event; fn f() { type Input = u8; } }");
    let text = text.expect("an implementation").to_string();
    assert_eq!(text.matches("type Event").count(), 1, "{text}");
    assert!(
        text.contains("type Input = ()") && text.contains("type Command = :: tickwire :: typed :: Nothing"),
        "{text}"
    );
    for wrong in ["struct Dots;", "impl Game for Dots {}"] {
        let error = expand(wrong).expect_err("it must be refused").to_string();
        assert_eq!(error, "#[game] stands above an `impl TypedGame for ...`");
    }
    let error = crate::game::expand("x".parse().expect("a token"), TokenStream::new()).expect_err("it has none");
    assert_eq!(error.to_string(), "#[game] has no arguments");
}

#[test]
fn names_are_those_of_pages() {
    let name = |ident: &str| crate::names::camel_case(&syn::parse_str(ident).expect("an identifier"));
    let names = ["x", "PowerUp", "power_up", "_private", "r#type", "HTTP", "a1_b2"].map(name);
    assert_eq!(names, ["x", "powerUp", "powerUp", "private", "type", "hTTP", "a1B2"]);
}
