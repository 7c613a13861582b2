// Presence, chat and rooms with pusher-js alone.

import { add, find, list, onSay, query, told } from './page.js';

const user = query.get('user');
const pusher = new Pusher(query.get('key'), {
  cluster: '', wsHost: query.get('host'), wsPort: Number(query.get('port')), forceTLS: false, enabledTransports: ['ws'], disableStats: true,
  channelAuthorization: { endpoint: 'auth', transport: 'ajax', params: { user } },
});
window.pusher = pusher;
pusher.connection.bind('state_change', ({ current }) => { find('state').textContent = current; });

const here = pusher.subscribe('presence-page');
const showMembers = () => {
  const names = [];
  here.members.each(({ info }) => names.push(info.name));
  list('members', names.sort());
};
for (const event of ['pusher:subscription_succeeded', 'pusher:member_added', 'pusher:member_removed']) here.bind(event, showMembers);
here.bind('client-said', ({ words }, { user_id: from }) => add('said', `${from}: ${words}`));
onSay((words) => {
  here.trigger('client-said', { words, from: user });
  add('said', `${user}: ${words}`);
});

const rooms = pusher.subscribe('rooms');
rooms.bind_global((event, data) => { if (!event.startsWith('pusher:')) add('rooms', told(event, data)); });
