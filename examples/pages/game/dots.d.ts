// The types of the game "dots", made by Tickwire. Do not change them here: make them again when the game changes.

/** The types of the game. */
export interface Dots {
  /** What clients see, by kind. */
  rows: {
    /** What clients see of a dot: where it is. */
    dot: {
      /** How far right of the middle. -64 to 64 in steps of 1/64. */
      readonly x: number;
      /** How far below the middle. -64 to 64 in steps of 1/64. */
      readonly y: number;
    };
  };
  /** For `setInput` and `pressInput`. */
  input: {
    /** To the left (-1) or to the right (1). -1 to 1. */
    x: number;
    /** Up (-1) or down (1). -1 to 1. */
    y: number;
  };
  /** For `send` and `call`. */
  commands: {
  };
  /** What `call` returns. */
  replies: {
  };
  /** For `onMessage`. */
  events: {
  };
  /** What a player joins with. */
  player: Record<string, string | number | boolean>;
}

/** For `new Client(url, { game: dots })`. */
export declare const dots: {
  readonly game: "dots";
  readonly commands: readonly string[];
  readonly events: readonly string[];
  readonly types?: Dots;
};
