// What the page remembers: its switches in this browser, its seat in this tab. A browser that keeps nothing (a
// private window, blocked storage) gives the fallback each time and is not bothered.

/** @param {string} key @param {string} fallback @returns {string} */
export function remembered(key, fallback) {
  try {
    return localStorage.getItem(`tickwire.${key}`) ?? fallback;
  } catch {
    return fallback;
  }
}

/** @param {string} key @param {string | null} value null forgets */
export function remember(key, value) {
  try {
    if (value === null) localStorage.removeItem(`tickwire.${key}`);
    else localStorage.setItem(`tickwire.${key}`, value);
  } catch {
    // Then it holds until the page is closed.
  }
}

/** Where the seat is kept over a reload; without one a reload is a fresh join. @returns {Storage | undefined} */
export function tabStorage() {
  try {
    return sessionStorage;
  } catch {
    return undefined;
  }
}
