// Avatars as small pictures, drawn once per colour, direction and scale: body, face and hat, which are most of
// an avatar and many shapes each. Feet, scarf and mood move and are drawn anew every time (sprites.js).

const DIRECTIONS = 32;
/** Colours times the directions that people mostly face; beyond, the oldest go. */
const KEPT = 320;
/** What a picture covers around the feet, in metres. */
const LEFT = 0.46;
const TOP = 1;
const WIDTH = 0.92;
const HEIGHT = 1.08;

/** @typedef {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} Brush */
/** @typedef {(ctx: Brush, colour: number, heading: number, dizzy: boolean) => void} Painter draws around the feet, in metres */

export class Portraits {
  /** @param {Painter} paint */
  constructor(paint) {
    this.paint = paint;
    /** Pixels per metre. */
    this.scale = 1;
    /** @type {Map<number, ImageBitmap>} */
    this.pictures = new Map();
  }

  /** @param {number} scale device pixels per metre */
  setScale(scale) {
    if (scale === this.scale) return;
    this.scale = scale;
    this.pictures.clear();
  }

  /**
   * At the origin of the context, which draws in metres.
   * @param {CanvasRenderingContext2D} ctx @param {number} colour @param {number} heading radians @param {boolean} dizzy
   */
  draw(ctx, colour, heading, dizzy) {
    const direction = Math.round((heading / (2 * Math.PI)) * DIRECTIONS) & (DIRECTIONS - 1);
    const key = (colour * DIRECTIONS + direction) * 2 + (dizzy ? 1 : 0);
    let picture = this.pictures.get(key);
    if (!picture) {
      const oldest = this.pictures.keys().next();
      if (this.pictures.size >= KEPT && !oldest.done) this.pictures.delete(oldest.value);
      picture = this.picture(colour, (direction * 2 * Math.PI) / DIRECTIONS, dizzy);
      this.pictures.set(key, picture);
    }
    ctx.drawImage(picture, -LEFT, -TOP, picture.width / this.scale, picture.height / this.scale);
  }

  /** @param {number} colour @param {number} heading @param {boolean} dizzy @returns {ImageBitmap} */
  picture(colour, heading, dizzy) {
    const canvas = new OffscreenCanvas(Math.ceil(WIDTH * this.scale), Math.ceil(HEIGHT * this.scale));
    const ctx = canvas.getContext('2d');
    if (!ctx) throw new Error('no 2D canvas');
    ctx.setTransform(this.scale, 0, 0, this.scale, LEFT * this.scale, TOP * this.scale);
    this.paint(ctx, colour, heading, dizzy);
    return canvas.transferToImageBitmap();
  }
}
