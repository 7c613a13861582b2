// The views to draw: one reused view per entity, filled from its history or, for the own avatar, from the prediction.

/**
 * @typedef {import('./entity.js').View & Record<string, any>} AnyView
 * @typedef {import('./state.js').State} State
 */

export class ViewCache {
  constructor() {
    /** @type {Map<import('./state.js').AnyEntity, AnyView>} */
    this.views = new Map();
    /** @type {AnyView[]} */
    this.list = [];
    this.shows = 0;
  }

  /**
   * @param {State} state
   * @param {number} tick the moment at which to show others, in ticks since the welcome
   * @param {import('./prediction.js').Prediction | null} prediction
   * @param {number} now
   * @returns {AnyView[]}
   */
  show(state, tick, prediction, now) {
    this.shows += 1;
    let count = 0;
    for (const entity of state.entities.values()) {
      const view = this.views.get(entity) ?? this.#add(state, entity);
      if (prediction?.entity === entity) prediction.show(now, view.values);
      else entity.history.sample(tick, view.values);
      view.seen = this.shows;
      this.list[count++] = view;
    }
    this.list.length = count;
    if (this.views.size > count) {
      for (const [entity, view] of this.views) if (view.seen !== this.shows) this.views.delete(entity);
    }
    return this.list;
  }

  /** @param {State} state @param {import('./state.js').AnyEntity} entity */
  #add(state, entity) {
    const view = /** @type {AnyView} */ (new state.classes[entity.plan.index].View(entity));
    this.views.set(entity, view);
    return view;
  }
}
