// Watches the room for as long as this server runs.

export default defineNitroPlugin((nitro) => {
  const stop = new AbortController();
  void watchRoom(useRuntimeConfig().tickwire, stop.signal);
  nitro.hooks.hook('close', () => stop.abort());
});
