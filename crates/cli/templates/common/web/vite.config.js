import { defineConfig } from 'vite';

// Where the game listens: what the page asks for below these paths is passed on to it.
const game = globalThis.process?.env.GAME ?? 'http://127.0.0.1:8080';
const paths = ['/play', '/api', '/login'];

export default defineConfig({
  base: './',
  build: { target: 'es2022' },
  server: { proxy: Object.fromEntries(paths.map((path) => [path, { target: game, ws: true }])) },
});
