// Joins that can be given up: by an AbortSignal, as `fetch` is.

/**
 * What is used of an AbortSignal; its own type is not known everywhere.
 * @typedef {{
 *   readonly aborted: boolean,
 *   readonly reason?: any,
 *   addEventListener(type: 'abort', listener: () => void): void,
 *   removeEventListener(type: 'abort', listener: () => void): void,
 * }} JoinSignal
 */

/**
 * @template T
 * @param {JoinSignal | undefined} signal
 * @param {(resolve: (value: T, undo?: () => void) => void, reject: (error: Error) => void) => () => void} start begins and
 *   returns what gives up; `undo` gives up what was reached, should the signal come before anybody could know of it
 * @returns {Promise<T>} rejects with the signal's reason when it comes first
 */
export function abortable(signal, start) {
  if (signal?.aborted) return Promise.reject(reasonOf(signal));
  return new Promise((resolve, reject) => {
    let undo = () => {};
    const abort = () => {
      end();
      undo();
      reject(reasonOf(signal));
    };
    const end = () => signal?.removeEventListener('abort', abort);
    signal?.addEventListener('abort', abort);
    undo = start(
      (value, undoValue) => {
        if (undoValue) undo = undoValue;
        queueMicrotask(() => {
          end();
          resolve(value);
        });
      },
      (error) => {
        end();
        reject(error);
      },
    );
  });
}

/** @param {JoinSignal | undefined} signal */
function reasonOf(signal) {
  // Old browsers give none.
  return signal?.reason ?? new DOMException('the join was aborted', 'AbortError');
}
