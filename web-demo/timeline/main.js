// The page of the timeline: where a recording comes from. It is dropped or chosen, in the link itself (a clip), handed over by the
// operators' page, or served by `tickwire replay --open`. What happens then is viewer.js.

import { Film } from '../client/film.js';
import { clipFromText } from '../client/clip-link.js';
import { build, find, write } from './dom.js';
import { GenericStage } from './generic.js';
import { Notes } from './notes.js';
import { Track } from './track.js';
import { Viewer } from './viewer.js';

/** The games that the demo can draw. */
const DEMO = ['arena', 'plaza'];

/** @type {Viewer | null} */
let viewer = null;
/** @type {Track | null} */
let track = null;

/**
 * @param {Uint8Array} bytes
 * @param {string} name
 * @param {import('./notes.js').RawNotes | null} raw
 */
async function show(bytes, name, raw = null) {
  let film;
  try {
    film = Film.read(bytes);
  } catch (error) {
    fail(`${name}: ${error instanceof Error ? error.message : error}`);
    return;
  }
  viewer?.stop();
  document.body.dataset.screen = 'watch';
  track ??= new Track(find('marks', HTMLCanvasElement), find('seek', HTMLInputElement));
  const notes = new Notes(film, raw);
  const canvas = freshCanvas();
  const stage = await stageFor(film, canvas);
  viewer = new Viewer(film, notes, stage, track);
  const { room, game, rate, reason } = film.header;
  const what = [...new Set([room, `${rate} ticks per second`, reason, name])].filter(Boolean).join(' · ');
  find('about', HTMLElement).replaceChildren(build('strong', '', game), ` ${what}`);
  document.title = `${game}, ${name} · Tickwire timeline`;
  viewer.readAddress();
  viewer.start();
  /** @type {any} */ (window).timeline = viewer;
}

/** A canvas keeps the kind of context that it had first. */
function freshCanvas() {
  const old = find('canvas', HTMLCanvasElement);
  const canvas = /** @type {HTMLCanvasElement} */ (old.cloneNode());
  old.replaceWith(canvas);
  return canvas;
}

/** @param {Film} film @param {HTMLCanvasElement} canvas */
async function stageFor(film, canvas) {
  if (!DEMO.includes(film.game)) return new GenericStage(canvas, film);
  try {
    const { ArenaStage } = await import('./arena-stage.js');
    return await ArenaStage.load(canvas, film);
  } catch {
    // Servers without the demo's pages have no drawing and no maps for it.
    return new GenericStage(freshCanvas(), film);
  }
}

/** @param {string} text */
function fail(text) {
  const problem = find('problem', HTMLElement);
  write(problem, text);
  problem.hidden = false;
  if (!viewer) document.body.dataset.screen = 'empty';
  else window.alert(text);
}

/** @param {File | null | undefined} file */
async function take(file) {
  if (!file) return;
  history.replaceState(null, '', location.pathname);
  await show(new Uint8Array(await file.arrayBuffer()), file.name);
}

/** From the command that serves this page. */
async function openServed() {
  const [recording, notes] = await Promise.all(['recording', 'notes'].map((name) => fetch(name, { cache: 'no-store' })));
  if (!recording.ok) {
    fail(`the recording is not there: ${recording.status}`);
    return;
  }
  await show(new Uint8Array(await recording.arrayBuffer()), 'tickwire replay', notes.ok ? await notes.json() : null);
}

/** The film of a match that has ended, from the server of this page. @param {string} id */
async function openMatch(id) {
  const film = await fetch(`../api/matches/${encodeURIComponent(id)}/film`);
  if (!film.ok) {
    fail(`the film of match ${id} is not there any more`);
    return;
  }
  await show(new Uint8Array(await film.arrayBuffer()), `match ${id}`);
  viewer?.film.play();
}

/** From the operators' page, which has the token and opened this window. */
function openHandedOver() {
  window.addEventListener('message', ({ origin, source, data }) => {
    if (origin !== location.origin || source !== window.opener || !(data?.recording instanceof ArrayBuffer)) return;
    void show(new Uint8Array(data.recording), String(data.name));
  });
  window.opener?.postMessage('timeline ready', location.origin);
}

for (const id of ['file', 'another']) {
  const input = find(id, HTMLInputElement);
  input.addEventListener('change', () => { void take(input.files?.[0]); });
}
window.addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.dataset.drop = '';
});
window.addEventListener('dragleave', (event) => { if (!event.relatedTarget) delete document.body.dataset.drop; });
window.addEventListener('drop', (event) => {
  event.preventDefault();
  delete document.body.dataset.drop;
  void take(event.dataTransfer?.files[0]);
});

const clip = new URLSearchParams(location.hash.slice(1)).get('clip');
const query = new URLSearchParams(location.search);
if (clip !== null) {
  try {
    // Whoever follows the link of a clip wants to see what happened.
    const still = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    void show(clipFromText(clip), 'a shared clip').then(() => { if (!still && !/[#&]tick=/.test(location.hash)) viewer?.film.play(); });
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
} else if (query.has('open')) void openServed();
else if (query.has('match')) void openMatch(query.get('match') ?? '');
else if (query.has('handed')) openHandedOver();
