import { build } from 'vite';

// Builds the inspector's page into the package: one script and one stylesheet, without a dependency at run time.

const root = import.meta.dirname;
await build({
  root,
  configFile: false,
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist/inspector',
    emptyOutDir: false,
    target: 'es2022',
    modulePreload: false,
    cssCodeSplit: false,
    rolldownOptions: {
      input: `${root}/page.tsx`,
      output: { entryFileNames: 'page.js', assetFileNames: 'page.[ext]' },
    },
  },
});
