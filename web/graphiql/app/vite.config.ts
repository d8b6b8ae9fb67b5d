import { defineConfig, type Plugin } from 'vite';

// What the explorer has no property for:
// - fields stand in the schema's own order, where those of gateways are last (src/introspection.ts); sorted by name,
//   `_entities` and `_service` would be first;
// - an argument's input does not take the focus when it appears: after a reload, keys would be typed into it;
// - an argument that is a list, of which it can show nothing, is no error for the console.
const EXPLORER_CHANGES = [
  ['Object.keys(fields).sort()', 'Object.keys(fields)'],
  ['input.focus();', ''],
  ["console.error('arg mismatch", "void ('arg mismatch"],
];

const explorer: Plugin = {
  name: 'explorer',
  transform(code, id) {
    if (!/graphiql-explorer[\\/]dist[\\/]Explorer\.js$/.test(id)) return null;
    for (const [from, to] of EXPLORER_CHANGES) {
      if (!code.includes(from)) throw new Error(`graphiql-explorer has no ${from} any more`);
      code = code.replaceAll(from, to);
    }
    return { code, map: null };
  },
};

// What the page loads, in ../built: a script, a stylesheet, a font, workers, and parts that are loaded when they are
// needed. Their names have a hash of their contents, so that a browser may keep them for ever.
export default defineConfig({
  base: './', // a server may be behind any prefix
  plugins: [explorer],
  worker: { format: 'es' },
  build: {
    outDir: '../built',
    emptyOutDir: true,
    assetsDir: '.',
    assetsInlineLimit: 0, // the page's policy lets nothing but fonts and images be part of a text
    chunkSizeWarningLimit: 3_000,
    modulePreload: { polyfill: false },
    manifest: 'manifest.json',
    license: { fileName: 'LICENSES.md' },
    rolldownOptions: {
      input: 'src/main.tsx',
      onwarn: (warning, warn) => warning.code === 'MODULE_LEVEL_DIRECTIVE' || warn(warning),
    },
  },
});
