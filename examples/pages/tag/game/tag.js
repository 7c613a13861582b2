// The types of the game "tag", made by Tickwire. Do not change them here: make them again when the game changes.

/** For `new Client(url, { game: tag })`. The index of a name is the number of the message. */
export const tag = {
  game: "tag",
  commands: ['lay'],
  events: ['tagged', 'trapped', 'over'],
};
