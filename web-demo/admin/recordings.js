// The recordings in the server's folder: why they were made, and the timeline that shows them. The timeline gets the file from this
// page, so that it needs no token.

import { Refusal } from './api.js';
import { build, find, write } from './dom.js';

export class Recordings {
  /** @param {(text: string) => void} say */
  constructor(say) {
    this.say = say;
    this.list = find('recordings', HTMLUListElement);
    this.note = find('recordings-note', HTMLElement);
  }

  /** @param {import('./api.js').Api} api */
  async show(api) {
    try {
      const recordings = await api.recordings();
      write(this.note, '');
      this.list.replaceChildren(...recordings.map((recording) => this.row(api, recording)));
    } catch (error) {
      this.list.replaceChildren();
      write(this.note, error instanceof Refusal ? error.message.replace(/^\d+: /, '') : 'the server cannot be reached');
    }
  }

  /** @param {import('./api.js').Api} api @param {import('./api.js').Recording} recording */
  row(api, { file, time, why, bytes, room, game, reason, seconds }) {
    const button = build('button', '', 'Watch');
    button.type = 'button';
    button.setAttribute('aria-label', `Watch the recording ${file}`);
    button.addEventListener('click', () => this.watch(api, file));
    const when = new Date(time * 1000).toLocaleString([], { dateStyle: 'short', timeStyle: 'short' });
    const about = reason === undefined ? 'damaged' : `${game} ${room}, ${seconds} s`;
    const quiet = build('span', 'quiet', ` ${when}, ${about}, ${Math.ceil(bytes / 1024)} KiB`);
    const save = build('button', '', 'Save');
    save.type = 'button';
    save.setAttribute('aria-label', `Save the recording ${file}`);
    save.addEventListener('click', () => this.save(api, file));
    return build('li', '', build('p', '', reason ?? why, build('br'), quiet), button, save);
  }

  /** @param {import('./api.js').Api} api @param {string} name of the file */
  async save(api, name) {
    try {
      const link = build('a');
      link.href = URL.createObjectURL(new Blob([await api.recording(name)]));
      link.download = name;
      link.click();
      URL.revokeObjectURL(link.href);
    } catch (error) {
      this.say(error instanceof Error ? error.message : String(error));
    }
  }

  /** @param {import('./api.js').Api} api @param {string} name of the file */
  watch(api, name) {
    // Opened by the click itself, which browsers allow; the file follows.
    const opened = window.open('../timeline/?handed');
    if (!opened) {
      this.say('The browser does not let this page open a tab.');
      return;
    }
    const ready = new Promise((resolve) => {
      const hear = (/** @type {MessageEvent} */ { source, origin }) => {
        if (source !== opened || origin !== location.origin) return;
        window.removeEventListener('message', hear);
        resolve(null);
      };
      window.addEventListener('message', hear);
    });
    Promise.all([api.recording(name), ready]).then(([recording]) => {
      opened.postMessage({ recording, name }, location.origin, [recording]);
    }, (error) => {
      opened.close();
      this.say(error instanceof Error ? error.message : String(error));
    });
  }
}
