// Promises that an AbortSignal cancels, like those of `fetch`.

/**
 * The part of an AbortSignal that is used. TypeScript knows the type itself only with its DOM or Node libraries.
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
 * @param {(resolve: (value: T, undo?: () => void) => void, reject: (error: Error) => void) => () => void} start starts the
 *   operation and returns the function that cancels it; `undo` reverts its result when the signal aborts before the promise
 *   has resolved
 * @returns {Promise<T>} rejects with the signal's reason when the signal aborts first
 */
export function abortable(signal, start) {
  if (signal?.aborted) return Promise.reject(reasonOf(signal));
  return new Promise((resolve, reject) => {
    let cancel = () => {};
    const abort = () => {
      end();
      cancel();
      reject(reasonOf(signal));
    };
    const end = () => signal?.removeEventListener('abort', abort);
    signal?.addEventListener('abort', abort);
    cancel = start(
      (value, undo) => {
        if (undo) cancel = undo;
        // Other handlers of the current event may still abort.
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
  // Old browsers have no `reason`.
  return signal?.reason ?? new DOMException('the join was aborted', 'AbortError');
}
