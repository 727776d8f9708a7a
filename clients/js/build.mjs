// dist/: each entry as ESM and CommonJS, and its types. Names that begin with "_" are private, and made short.
import { execFileSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const dist = `${here}dist`;
const entries = ['index', 'resumable', 'react', 'producer', 'fallback'];

// An entry that uses another one leaves it where it is: two copies would be two sets of connections, and what is loaded
// only when it is needed would be there at once.
const othersStay = (extension) => ({
  name: 'others-stay',
  setup: (bundle) => bundle.onResolve({ filter: /^\.\/(index|fallback)\.js$/ }, ({ path }) => ({ path: path.replace('.js', extension), external: true })),
});

rmSync(dist, { recursive: true, force: true });
for (const [format, extension] of [['esm', '.js'], ['cjs', '.cjs']]) {
  await build({
    entryPoints: entries.map((name) => `${here}src/${name}.ts`),
    outdir: dist,
    outExtension: { '.js': extension },
    bundle: true,
    format,
    target: 'es2022',
    external: ['react', 'node:*'],
    minifySyntax: true,
    mangleProps: /^_[a-z]/i,
    plugins: [othersStay(extension)],
  });
}

// For a page without modules or a bundler, and for the gateway's own console: all in one global.
await build({
  entryPoints: [`${here}src/index.ts`],
  outfile: `${dist}/index.global.js`,
  bundle: true,
  format: 'iife',
  globalName: 'gatewayClient',
  target: 'es2022',
  mangleProps: /^_[a-z]/i,
  banner: { js: '// Built from clients/js/src by its build.mjs: not to be edited.' },
});

// TypeScript 7 is a program, not a module.
execFileSync(process.execPath, [fileURLToPath(new URL('bin/tsc', import.meta.resolve('typescript/package.json'))), '-p', here], { stdio: 'inherit' });
for (const file of readdirSync(dist).filter((name) => name.endsWith('.d.ts'))) {
  const types = readFileSync(`${dist}/${file}`, 'utf8');
  writeFileSync(`${dist}/${file.replace('.d.ts', '.d.cts')}`, types.replaceAll(/(from ['"]\.\/[\w-]+)\.js(['"])/g, '$1.cjs$2'));
}
// For who builds in the checkout.
try {
  copyFileSync(`${here}../../LICENSE`, `${here}LICENSE`);
} catch { /* it is beside the package already */ }
