// The types of the game "__NAME__", made by Tickwire. Do not change them here: make them again when the game changes.

/** For `new Client(url, { game: __VALUE__ })`. The index of a name is the number of the message. */
export const __VALUE__ = {
  game: "__NAME__",
  commands: [],
  events: [],
};
