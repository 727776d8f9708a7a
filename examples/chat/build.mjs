// dist/: the page, and the agent of agent.ts as one file for Node.
//
// The client is taken from this checkout. A project of your own installs the package, and needs no alias.
import { copyFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const client = (name) => fileURLToPath(new URL(`../../clients/js/src/${name}.ts`, import.meta.url));
const alias = {
  'websocket-gateway-client/react': client('react'),
  'websocket-gateway-client/resumable': client('resumable'),
  'websocket-gateway-client/producer': client('producer'),
  'websocket-gateway-client': client('index'),
  react: `${here}node_modules/react`, // one, whoever asks
};

rmSync(`${here}dist`, { recursive: true, force: true });
const common = { absWorkingDir: here, bundle: true, alias, logLevel: 'warning' };
await build({
  ...common,
  entryPoints: { page: 'src/page.jsx' },
  outdir: 'dist',
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  define: { 'process.env.NODE_ENV': '"production"' },
});
await build({ ...common, entryPoints: ['agent.ts'], outfile: 'dist/agent.mjs', format: 'esm', platform: 'node', target: 'node20' });
copyFileSync(`${here}src/index.html`, `${here}dist/index.html`);
