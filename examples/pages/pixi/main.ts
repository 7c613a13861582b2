// PixiJS: an object of the stage for each entity, moved in the ticker.

import 'pixi.js/unsafe-eval'; // the server's content security policy allows no code made of text
import { Application, Graphics } from 'pixi.js';
import { client, pixel, steerByKeys } from '../game/client.js';

const app = new Application();
await app.init({ width: 640, height: 640, background: 'whitesmoke' });
document.body.append(app.canvas);

const room = await client.joinOrCreate('dots', { name: 'Pixi' });
steerByKeys(room);
const dots = new Map<number, Graphics>();
room.onAdd('dot', ({ id }) => {
  const dot = new Graphics().rect(-8, -8, 16, 16).fill(id === room.entity ? 'crimson' : 'steelblue');
  dots.set(id, app.stage.addChild(dot));
});
room.onRemove('dot', ({ id }) => {
  dots.get(id)?.destroy();
  dots.delete(id);
});
app.ticker.add(() => {
  for (const { id, x, y } of room.view()) dots.get(id)?.position.set(pixel(x), pixel(y));
});
