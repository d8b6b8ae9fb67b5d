import { defineConfig } from 'vite';

export default defineConfig({
  // Relative addresses: the page works behind any path prefix.
  base: './',
  resolve: { alias: { react: 'preact/compat', 'react-dom': 'preact/compat' } },
  build: {
    outDir: 'built',
    // Beside the page at `/board` its files are in `/board/`. Their names tell their content: browsers keep them.
    assetsDir: 'board',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2023',
    license: { fileName: 'LICENSES.md' },
  },
  // `npm run dev` beside `make demo`.
  server: { proxy: { '/graphql': process.env.GRAPH ?? 'http://127.0.0.1:8000' } },
});
