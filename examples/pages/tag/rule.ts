// The rule for one runner, as `Runner::run` in `examples/tag/rules.rs` has it. `steps.json` keeps the two equal.

import type { Predictor } from 'tickwire-client';
import type { Tag } from './game/tag.js';

interface State { x: number; y: number; boost: number; stuck: number }

export function runnerAt(rate: number): Predictor<State, Tag> {
  const within = (at: number) => Math.min(Math.max(at, 0), 640);
  return {
    read: (own) => ({ x: own.raw('x'), y: own.raw('y'), boost: own.raw('boost'), stuck: own.raw('stuck') }),
    step: (own, { right, down }) => {
      const speed = own.boost > 0 ? 400 : 240;
      const pace = own.stuck > 0 ? 0 : Math.trunc(speed / rate);
      own.boost = Math.max(own.boost - 1, 0);
      own.stuck = Math.max(own.stuck - 1, 0);
      own.x = within(own.x + pace * right);
      own.y = within(own.y + pace * down);
    },
  };
}
