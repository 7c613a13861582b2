//! How a room can be made again after its server has lost it: the welcome tells its clients, and they bring it along when they
//! come back. The first of them makes the room, so that a party meets again that a restart has thrown out.

use serde::{Deserialize, Serialize};

use super::codec::{append, split};
use super::hello::Extension;
use super::limits;

/// The game and the options of a room, as an extension of the welcome and of a hello with [`Join::ById`](super::Join::ById).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomRecipe {
    /// The game's name.
    pub game: String,
    /// The room's options.
    pub options: Vec<(String, String)>,
}

impl RoomRecipe {
    /// The number of the extension.
    pub const EXTENSION: u16 = 1;

    /// The extension; `None` when the options are too long for one.
    pub fn extension(&self) -> Option<Extension> {
        let mut content = Vec::new();
        append(self, &mut content);
        (content.len() <= limits::EXTENSION).then(|| (Self::EXTENSION, content.into()))
    }

    /// Reads the extension, if it is there. Clients pass it on as it is, but may send anything.
    pub fn find(extensions: &[Extension]) -> Option<Self> {
        let (_, content) = extensions.iter().find(|(number, _)| *number == Self::EXTENSION)?;
        let (recipe, rest): (Self, _) = split(content).ok()?;
        (rest.is_empty() && recipe.options.len() <= limits::OPTIONS).then_some(recipe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_is_read_as_it_was_written_and_bounded() {
        let option = |length: usize| ("map".to_owned(), "x".repeat(length));
        let recipe = |options| RoomRecipe { game: "arena".to_owned(), options };
        let short = recipe(vec![option(4)]);
        let (number, content) = short.extension().expect("it is short");
        assert_eq!(RoomRecipe::find(&[(number, content.clone())]), Some(short));
        assert_eq!(RoomRecipe::find(&[(number + 1, content.clone())]), None);
        let cut = content[..content.len() - 1].to_vec();
        assert_eq!(RoomRecipe::find(&[(number, cut.into())]), None);
        assert_eq!(recipe((0..4).map(|_| option(64)).collect()).extension(), None);
        let many = recipe((0..17).map(|_| option(0)).collect()).extension().expect("it is short");
        assert_eq!(RoomRecipe::find(&[many]), None);
    }
}
