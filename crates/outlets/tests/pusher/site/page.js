// What both pages show: who is here, what is said, and what happens in rooms. All of it is written as text.

export const query = new URLSearchParams(location.search);
export const find = (id) => document.getElementById(id);

export function list(id, texts) {
  find(id).replaceChildren(...texts.map(item));
}

export function add(id, text) {
  find(id).append(item(text));
}

function item(text) {
  const made = document.createElement('li');
  made.textContent = text;
  return made;
}

/** Calls with what the visitor says. */
export function onSay(say) {
  find('say').addEventListener('submit', (event) => {
    event.preventDefault();
    const words = find('words').value.trim();
    if (words) say(words);
    find('words').value = '';
  });
}

/** A thing that happened in a room, in words. */
export function told(kind, { room, seat, result }) {
  const more = result === undefined ? '' : ` ${JSON.stringify(result)}`;
  return `${kind} ${room}${seat === undefined ? '' : ` seat ${seat}`}${more}`;
}
