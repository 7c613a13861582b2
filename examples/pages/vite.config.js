// One build for all pages: `dist/pixi/`, `dist/tag/` and so on.

import { defineConfig } from 'vite';

const pages = ['tag', 'pixi', 'phaser', 'three', 'react', 'vue'];

export default defineConfig({
  base: '/',
  build: {
    target: 'es2022',
    chunkSizeWarningLimit: 2000,
    rolldownOptions: { input: Object.fromEntries(pages.map((page) => [page, `${page}/index.html`])) },
  },
});
