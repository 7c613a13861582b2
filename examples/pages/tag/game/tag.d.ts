// The types of the game "tag", made by Tickwire. Do not change them here: make them again when the game changes.

/** The types of the game. */
export interface Tag {
  /** What clients see, by kind. */
  rows: {
    /** Somebody who plays. */
    runner: {
      /** 0 to 640. */
      readonly x: number;
      /** 0 to 640. */
      readonly y: number;
      readonly team: "red" | "blue";
      /** Ticks for which the runner is fast. 0 to 360. */
      readonly boost: number;
      /** Ticks for which the runner is stuck in a trap. 0 to 240. */
      readonly stuck: number;
    };
    /** A trap, which only the team sees that has laid it. */
    trap: {
      /** 0 to 640. */
      readonly x: number;
      /** 0 to 640. */
      readonly y: number;
      readonly team: "red" | "blue";
    };
    /** Makes the runner fast who finds it. */
    star: {
      /** 0 to 640. */
      readonly x: number;
      /** 0 to 640. */
      readonly y: number;
    };
  };
  /** For `setInput` and `pressInput`. */
  input: {
    /** -1 to 1. */
    right: number;
    /** -1 to 1. */
    down: number;
  };
  /** For `send` and `call`. */
  commands: {
    /** Lay a trap here. */
    lay: null;
  };
  /** What `call` returns. */
  replies: {
  };
  /** For `onMessage`. */
  events: {
    tagged: { by: number; whom: number };
    trapped: { who: number };
    over: { red: number; blue: number };
  };
  /** What a player joins with. */
  player: Record<string, string | number | boolean>;
}

/** For `new Client(url, { game: tag })`. */
export declare const tag: {
  readonly game: "tag";
  readonly commands: readonly string[];
  readonly events: readonly string[];
  readonly types?: Tag;
};
