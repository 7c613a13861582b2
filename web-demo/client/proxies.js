// Pages keep rooms in the stores of frameworks, which may wrap objects in a Proxy. Private members exist on the object itself and
// not on its Proxy, so members of public objects are bound to the object. Vue is told to wrap none of them: it would wrap everything
// inside as well, and observe each value of each frame.

/**
 * Binds the methods and getters of an object to it, so that they also work when they are called on a Proxy.
 * @param {object} object
 */
export function bindMembers(object) {
  for (let from = Object.getPrototypeOf(object); from !== Object.prototype; from = Object.getPrototypeOf(from)) {
    for (const [name, { value, get }] of Object.entries(Object.getOwnPropertyDescriptors(from))) {
      if (name === 'constructor' || Object.hasOwn(object, name)) continue;
      if (typeof value === 'function') Object.defineProperty(object, name, { value: value.bind(object), writable: true, configurable: true });
      else if (get) Object.defineProperty(object, name, { get: get.bind(object), configurable: true });
    }
  }
}

/**
 * Marks objects of a class as what Vue calls raw.
 * @param {{ prototype: object }} made
 */
export function markRaw({ prototype }) {
  Object.defineProperty(prototype, '__v_skip', { value: true });
}
