// A page of somebody who installed the package: says in its title where the own avatar is.

import { Client } from 'tickwire-client';

const room = await new Client(decodeURIComponent(location.hash.slice(1))).joinOrCreate('toy', { name: 'Bo' });
room.onAdd('avatar', (entity) => { document.title = `${entity.kind} at ${entity.x}`; });
