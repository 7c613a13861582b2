// The types of the game "dots", made by Tickwire. Do not change them here: make them again when the game changes.

/** For `new Client(url, { game: dots })`. The index of a name is the number of the message. */
export const dots = {
  game: "dots",
  commands: [],
  events: [],
};
