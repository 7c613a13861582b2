import { defineNitroConfig } from 'nitropack/config';

export default defineNitroConfig({
  compatibilityDate: '2026-11-01',
  srcDir: 'server',
  experimental: { websocket: true },
  // NITRO_TICKWIRE_URL and NITRO_TICKWIRE_GAME of the environment replace these.
  runtimeConfig: { tickwire: { url: 'ws://127.0.0.1:8080/play', game: 'arena' } },
});
