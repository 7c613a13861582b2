// Phaser: a game object for each entity, moved in the scene's update.

import { AUTO, Game, Scene } from 'phaser';
import type { GameObjects } from 'phaser';
import { client, pixel, steerByKeys } from '../game/client.js';

const room = await client.joinOrCreate('dots', { name: 'Phaser' });
steerByKeys(room);

class Board extends Scene {
  readonly dots = new Map<number, GameObjects.Rectangle>();

  create(): void {
    // Entities that are there already are told at once.
    room.onAdd('dot', ({ id }) => {
      this.dots.set(id, this.add.rectangle(0, 0, 16, 16, id === room.entity ? 0xdc143c : 0x4682b4));
    });
    room.onRemove('dot', ({ id }) => {
      this.dots.get(id)?.destroy();
      this.dots.delete(id);
    });
  }

  override update(now: number): void {
    for (const { id, x, y } of room.view(now)) this.dots.get(id)?.setPosition(pixel(x), pixel(y));
  }
}

new Game({ type: AUTO, width: 640, height: 640, backgroundColor: '#f5f5f5', scene: Board, parent: document.body });
