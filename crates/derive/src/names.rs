//! What a Rust name is called by clients, which use the style of JavaScript.

use syn::Ident;

/// The name of a type, variant or field in camel case: `PowerUp` and `power_up` are both `powerUp`.
pub fn camel_case(ident: &Ident) -> String {
    let text = ident.to_string();
    let text = text.trim_start_matches("r#");
    let mut name = String::with_capacity(text.len());
    let mut raise = false;
    for (index, c) in text.trim_start_matches('_').chars().enumerate() {
        match c {
            '_' => raise = true,
            _ if index == 0 => name.extend(c.to_lowercase()),
            _ if raise => {
                name.extend(c.to_uppercase());
                raise = false;
            }
            _ => name.push(c),
        }
    }
    name
}
