// The operators' page: sign in, then watch and act. The token lives in memory only; signing out, or
// a token that the server refuses, forgets it.

import { Api } from './api.js';
import { find, write } from './dom.js';
import { Inspector } from './inspector.js';
import { Nodes } from './nodes.js';
import { Overview } from './overview.js';
import { Recordings } from './recordings.js';
import { VitalsFeed } from './vitals-feed.js';

const SAID_FOR = 4000;

/** @type {Api | null} */
let api = null;
let saying = 0;
/** Whether the recordings were listed since signing in. */
let listed = false;

const recordings = new Recordings(say);
const nodes = new Nodes();
const inspector = new Inspector(ask, (text) => {
  say(text);
  // It may have been a recording.
  if (api) void recordings.show(api);
});
const overview = new Overview((id) => {
  if (api) inspector.open(api, id);
  if (matchMedia('(max-width: 860px)').matches) find('room', HTMLElement).scrollIntoView({ behavior: 'smooth' });
});

const feed = new VitalsFeed(hear);

find('sign-in', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  const field = find('token', HTMLInputElement);
  const token = field.value.trim();
  field.value = '';
  signIn(token);
});
find('sign-out', HTMLButtonElement).addEventListener('click', () => signOut(''));
find('ask-cancel', HTMLButtonElement).addEventListener('click', () => find('ask', HTMLDialogElement).close());

/** @param {string} token */
function signIn(token) {
  api = new Api(token);
  listed = false;
  setFeed('connecting', 'connecting');
  feed.open(token);
}

/** @param {import('./vitals-stream.js').Told} told */
function hear(told) {
  switch (told.type) {
    case 'vitals':
      document.body.dataset.screen = 'desk';
      setFeed('live', 'live');
      overview.show(told.vitals);
      inspector.note(told.vitals.rooms);
      if (!listed && api) {
        void recordings.show(api);
        void nodes.open(api);
      }
      listed = true;
      break;
    case 'lost':
      if (document.body.dataset.screen === 'door') signOut('The server cannot be reached.');
      else setFeed('lost', 'connection lost, trying again');
      break;
    case 'refused':
      signOut(explain(told.status));
      break;
  }
}

/** @param {string} why empty when the operator wanted to */
function signOut(why) {
  feed.close();
  nodes.close();
  api = null;
  inspector.leave();
  document.body.dataset.screen = 'door';
  const refusal = find('refusal', HTMLElement);
  write(refusal, why);
  refusal.hidden = why === '';
  find('token', HTMLInputElement).focus();
}

/** @param {number} status @returns {string} */
function explain(status) {
  if (status === 401) return 'The token was refused.';
  return status === 429 ? 'Too many wrong tokens. Wait half a minute.' : 'This server has no operators’ page.';
}

/** @param {'connecting' | 'live' | 'lost'} state @param {string} text */
function setFeed(state, text) {
  const shown = find('feed', HTMLElement);
  shown.dataset.state = state;
  write(shown, text);
}

/** Asks for a reason; null when the operator thought better of it. @param {string} title @param {string} label @param {string} go @returns {Promise<string | null>} */
function ask(title, label, go) {
  const dialog = find('ask', HTMLDialogElement);
  const reason = find('reason', HTMLInputElement);
  write(find('ask-title', HTMLElement), title);
  write(find('ask-label', HTMLElement), label);
  write(find('ask-go', HTMLButtonElement), go);
  reason.value = '';
  dialog.returnValue = '';
  dialog.showModal();
  reason.focus();
  return new Promise((resolve) => {
    const form = find('ask-form', HTMLFormElement);
    let answer = /** @type {string | null} */ (null);
    const submitted = () => { answer = reason.value; };
    form.addEventListener('submit', submitted, { once: true });
    dialog.addEventListener('close', () => {
      form.removeEventListener('submit', submitted);
      resolve(answer);
    }, { once: true });
  });
}

/** @param {string} text */
function say(text) {
  const said = find('said', HTMLElement);
  write(said, text);
  said.hidden = false;
  clearTimeout(saying);
  saying = window.setTimeout(() => { said.hidden = true; }, SAID_FOR);
}
