// What `onAdd` and `onRemove` of one room must hear, beside the client: who is there as of the newest frame, who was told to
// an `onAdd` callback, and who went. Rules are those of client/README.md.

export class EntityOracle {
  /** Who is there, by name. */
  alive = new Map();
  /** Heard by an `onAdd` callback since they came. */
  #announced = new Set();
  /** Went and not told, by name; those of this message may still be told to the callbacks that are there. */
  #gone = new Map();
  #current = null;

  /** @param oracle of the events of the room, which has the handlers */
  constructor(oracle) {
    this.oracle = oracle;
  }

  /** A frame comes. @param {{ kind: string, id: number }[]} entities all that it has */
  becomes(entities) {
    const next = new Map(entities.map((entity) => [`${entity.kind} ${entity.id}`, entity]));
    for (const [name, entity] of this.alive) {
      if (next.has(name)) continue;
      this.#gone.set(name, { ...entity, announced: this.#announced.delete(name), isNew: true });
      for (const handler of this.oracle.handlers) handler.mine.delete(name);
    }
    // A removal that is heard after this would make the page remove the new entity; until `onAdd` is heard, it is right.
    for (const name of next.keys()) if (this.#gone.has(name)) this.#gone.get(name).isBack = true;
    this.alive = next;
  }

  /** "Every callback is called at once for the entities that are there." */
  added(handler, { kind, id }) {
    const name = `${kind} ${id}`;
    this.#heard(handler, name);
    if (!this.alive.has(name) || !handler.matches('add', kind)) this.oracle.fail(`onAdd ${handler.key} hears ${name}, which is not there`);
    if (handler.mine.has(name)) this.oracle.fail(`onAdd hears ${name} twice`);
    handler.mine.add(name);
    this.#gone.delete(name);
    this.#announced.add(name);
  }

  /** "Called at once for entities that an `onAdd` callback received and that went while there was no `onRemove` callback." */
  removed(handler, { kind, id }) {
    const name = `${kind} ${id}`;
    this.#heard(handler, name);
    if (this.#current?.name === name && !this.#current.heard.has(handler)) return void this.#current.heard.add(handler);
    this.#close();
    const gone = this.#gone.get(name);
    if (!gone || !handler.matches('remove', kind)) return this.oracle.fail(`onRemove ${handler.key} hears ${name}: heard before, or never gone`);
    if (!gone.isNew && !gone.announced) this.oracle.fail(`onRemove hears ${name}, which no onAdd heard`);
    this.#gone.delete(name);
    this.#current = { name, heard: new Set([handler]), all: gone.isNew ? this.oracle.handlers.filter((each) => each.matches('remove', kind)) : [] };
    return undefined;
  }

  #heard(handler, name) {
    if (!handler.registered) this.oracle.fail(`${handler.channel} hears ${name} after it was removed`);
    if (this.oracle.left) this.oracle.fail(`${handler.channel} hears ${name} after leave()`);
  }

  #close() {
    if (this.#current && !this.oracle.left) {
      const { name, all, heard } = this.#current;
      for (const handler of all) if (handler.registered && !heard.has(handler)) this.oracle.fail(`onRemove ${handler.key} does not hear ${name}`);
    }
    this.#current = null;
  }

  /** The client has taken the message. */
  taken() {
    this.#close();
    for (const gone of this.#gone.values()) gone.isNew = false;
    for (const [name, { announced, isBack }] of this.#gone) if (!announced || isBack) this.#gone.delete(name);
    this.check();
  }

  check() {
    this.#close();
    const { handlers, left, fail } = this.oracle;
    if (left) return;
    for (const [name, { kind }] of this.#gone) if (this.oracle.has('remove', kind)) fail(`${name} went and onRemove is silent`);
    for (const handler of handlers) {
      if (!handler.registered || handler.channel !== 'add') continue;
      for (const [name, { kind }] of this.alive) {
        if ((handler.key === '*' || handler.key === kind) && !handler.mine.has(name)) fail(`onAdd ${handler.key} does not hear ${name}`);
      }
    }
  }
}
