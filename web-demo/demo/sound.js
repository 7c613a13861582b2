// The noises of the game, made from oscillators and filtered noise; no files. Off until switched on, and
// that is remembered. Which noise when, how loud and from which side is decided by others.

import { remember, remembered } from './settings.js';

/** @typedef {'throw' | 'hit' | 'join'} Cue */

/** Of one kind, in seconds: a snowball fight of a hundred must not become one roar. */
const APART = 0.045;
const VOLUME = 0.5;

export class Sound {
  constructor() {
    this.on = remembered('sound', 'off') === 'on';
    /** Made at the first gesture after switching on: browsers allow none before. @type {AudioContext | null} */
    this.context = null;
    /** @type {AudioBuffer | null} */
    this.hiss = null;
    /** When each was last heard. @type {Map<Cue, number>} */
    this.heard = new Map();
    const wake = () => { if (this.on) this.wake(); };
    for (const gesture of ['pointerdown', 'keydown']) window.addEventListener(gesture, wake);
  }

  switch() {
    this.on = !this.on;
    remember('sound', this.on ? 'on' : 'off');
    if (this.on) {
      this.wake();
      this.play('join', 1, 0);
    } else void this.context?.suspend();
  }

  wake() {
    this.context ??= new AudioContext({ latencyHint: 'interactive' });
    if (this.context.state === 'suspended') void this.context.resume();
  }

  /** @param {Cue} cue @param {number} gain 0 to 1 @param {number} pan -1 left to 1 right */
  play(cue, gain, pan) {
    const { context } = this;
    if (!this.on || !context || document.hidden || gain < 0.02) return;
    const now = context.currentTime;
    if (now - (this.heard.get(cue) ?? -1) < APART) return;
    this.heard.set(cue, now);
    const out = new GainNode(context, { gain: gain * VOLUME });
    out.connect(new StereoPannerNode(context, { pan })).connect(context.destination);
    if (cue === 'throw') {
      this.noise(out, { type: 'bandpass', from: 500, to: 2400, peak: 0.4, lasts: 0.14 });
    } else if (cue === 'hit') {
      this.noise(out, { type: 'lowpass', from: 3200, to: 300, peak: 0.8, lasts: 0.2 });
      this.tone(out, { type: 'sine', from: 170, to: 55, peak: 0.9, at: 0, lasts: 0.18 });
    } else {
      this.tone(out, { type: 'triangle', from: 659, to: 659, peak: 0.3, at: 0, lasts: 0.22 });
      this.tone(out, { type: 'triangle', from: 880, to: 880, peak: 0.3, at: 0.1, lasts: 0.3 });
    }
  }

  /** @param {AudioNode} out @param {{type: OscillatorType, from: number, to: number, peak: number, at: number, lasts: number}} shape Hz, seconds from now */
  tone(out, { type, from, to, peak, at, lasts }) {
    const context = /** @type {AudioContext} */ (this.context);
    const start = context.currentTime + at;
    const source = new OscillatorNode(context, { type, frequency: from });
    source.frequency.setValueAtTime(from, start);
    source.frequency.exponentialRampToValueAtTime(to, start + lasts);
    source.connect(this.fade(out, peak, start, lasts));
    source.start(start);
    source.stop(start + lasts);
  }

  /** @param {AudioNode} out @param {{type: BiquadFilterType, from: number, to: number, peak: number, lasts: number}} shape Hz, seconds */
  noise(out, { type, from, to, peak, lasts }) {
    const context = /** @type {AudioContext} */ (this.context);
    const start = context.currentTime;
    const filter = new BiquadFilterNode(context, { type, frequency: from, Q: 1.2 });
    filter.frequency.setValueAtTime(from, start);
    filter.frequency.exponentialRampToValueAtTime(to, start + lasts);
    const source = new AudioBufferSourceNode(context, { buffer: this.hissing(context) });
    source.connect(filter).connect(this.fade(out, peak, start, lasts));
    source.start(start, Math.random() * 0.2, lasts);
  }

  /** Swells at once and dies away. @param {AudioNode} out @param {number} peak @param {number} start @param {number} lasts @returns {AudioNode} */
  fade(out, peak, start, lasts) {
    const fade = new GainNode(out.context, { gain: 0 });
    fade.gain.setValueAtTime(0.0001, start);
    fade.gain.exponentialRampToValueAtTime(peak, start + 0.015);
    fade.gain.exponentialRampToValueAtTime(0.0001, start + lasts);
    fade.connect(out);
    return fade;
  }

  /** @param {AudioContext} context @returns {AudioBuffer} half a second of white noise */
  hissing(context) {
    if (!this.hiss) {
      this.hiss = context.createBuffer(1, context.sampleRate / 2, context.sampleRate);
      const samples = this.hiss.getChannelData(0);
      for (let at = 0; at < samples.length; at += 1) samples[at] = Math.random() * 2 - 1;
    }
    return this.hiss;
  }
}
