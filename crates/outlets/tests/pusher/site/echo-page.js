// Presence, chat and rooms with Laravel Echo.

import { add, find, list, onSay, query, told } from './page.js';

const user = query.get('user');
const echo = new Echo.default({
  broadcaster: 'pusher', key: query.get('key'), cluster: '', wsHost: query.get('host'), wsPort: Number(query.get('port')), forceTLS: false,
  enabledTransports: ['ws'], disableStats: true, authEndpoint: 'auth', auth: { params: { user } },
});
window.pusher = echo.connector.pusher;
window.pusher.connection.bind('state_change', ({ current }) => { find('state').textContent = current; });

let names = [];
const showMembers = () => list('members', [...names].sort());
const here = echo.join('page')
  .here((members) => { names = members.map(({ name }) => name); showMembers(); })
  .joining(({ name }) => { names.push(name); showMembers(); })
  .leaving(({ name }) => { names = names.filter((other) => other !== name); showMembers(); })
  .listenForWhisper('said', ({ words, from }) => add('said', `${from}: ${words}`));
onSay((words) => {
  here.whisper('said', { words, from: user });
  add('said', `${user}: ${words}`);
});

const rooms = echo.channel('rooms');
for (const kind of ['room.made', 'player.joined', 'player.left', 'match.ended', 'room.ended']) rooms.listen(`.${kind}`, (data) => add('rooms', told(kind, data)));
