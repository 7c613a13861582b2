// The types of the game "__NAME__", made by Tickwire. Do not change them here: make them again when the game changes.

/** The types of the game. */
export interface __TYPE__ {
  /** What clients see, by kind. */
  rows: {
    /** Somebody who runs. */
    runner: {
      /** 0 to 640. */
      readonly x: number;
      /** 0 to 640. */
      readonly y: number;
    };
  };
  /** For `setInput` and `pressInput`. */
  input: {
    /** To the left (-1) or to the right (1). -1 to 1. */
    right: number;
    /** Up (-1) or down (1). -1 to 1. */
    down: number;
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

/** For `new Client(url, { game: __VALUE__ })`. */
export declare const __VALUE__: {
  readonly game: "__NAME__";
  readonly commands: readonly string[];
  readonly events: readonly string[];
  readonly types?: __TYPE__;
};
