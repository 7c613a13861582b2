// The types of the game "tag", made by Tickwire. Do not change them here: make them again when the game changes.

export type Part = "all" | { some: { ofThem: number } };

export type PowerUps = { firstOne: string; others: Array<number | null> };

/** The types of the game. */
export interface Tag {
  /** What clients see, by kind. */
  rows: {
    /** Somebody who runs. */
    runner: {
      /** 0 to 48 in steps of 1/64. */
      readonly x: number;
      /** 0 to 32 in steps of 1/100. */
      readonly y: number;
      /** In radians, in 1/256 of a turn. */
      readonly heading: number;
      /** -100 to 1000000. */
      readonly score: number;
      /** In 64ths of a metre. 0 to 2 in steps of 1/64. */
      readonly reach: number;
      /** A colour, 0 to 11. */
      readonly colour: number;
      readonly powerUp: "none" | "doubleSpeed" | "ghost";
      readonly isIt: boolean;
      /** 0 to 255. */
      readonly lives: number;
      /** 0 to 65535. */
      readonly owner: number;
    };
    pit: {
      /** 0 to 48. */
      readonly x: number;
      /** 0 to 32. */
      readonly y: number;
    };
  };
  /** For `setInput` and `pressInput`. */
  input: {
    /** -1 to 1 in steps of 1/100. */
    right: number;
    /** In radians, in 1/65536 of a turn. */
    aim: number;
    dash: boolean;
    pick: "none" | "doubleSpeed" | "ghost";
  };
  /** For `send` and `call`. */
  commands: {
    tag: { target: number; hard: boolean };
    buy: PowerUps;
    surrender: null;
    /** Who has how many points. */
    standings: null;
  };
  /** What `call` returns. */
  replies: {
    /** Who has how many points. */
    standings: Array<[string, number]>;
  };
  /** For `onMessage`. */
  events: {
    tagged: { byWhom: number; whom: number };
    bought: [number, Part];
    over: null;
  };
  /** What a player joins with. */
  player: {
    team?: number;
    start?: "none" | "doubleSpeed" | "ghost";
    nick?: string;
    level: number;
  };
}

/** For `new Client(url, { game: tag })`. */
export declare const tag: {
  readonly game: "tag";
  readonly commands: readonly string[];
  readonly events: readonly string[];
  readonly types?: Tag;
};
