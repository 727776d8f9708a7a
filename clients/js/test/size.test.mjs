import assert from 'node:assert/strict';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const KB = 1000;

async function sizeOf(contents, external = []) {
  const { outputFiles: [file] } = await build({
    stdin: { contents, resolveDir: new URL('.', import.meta.url).pathname }, bundle: true, minify: true, format: 'esm', write: false, external: ['react', ...external],
  });
  return { minified: file.contents.length, gzipped: gzipSync(file.contents, { level: 9 }).length };
}

test('a page pays at most 4 kB for connect()', async () => {
  const { minified, gzipped } = await sizeOf("import { connect } from '../dist/index.js'; globalThis.connect = connect;", ['./fallback.js']);
  console.log(`connect: ${minified} bytes minified, ${gzipped} gzipped`);
  assert.ok(gzipped <= 4 * KB, `${gzipped} bytes`);
});

test('what stands in for a WebSocket is loaded on its own, and small', async () => {
  const { gzipped } = await sizeOf("import { choose } from '../dist/fallback.js'; globalThis.choose = choose;");
  console.log(`fallback: ${gzipped} bytes gzipped`);
  assert.ok(gzipped <= 1.75 * KB, `${gzipped} bytes`);
});

test('resumable() is small, and brings nothing else', async () => {
  const { gzipped } = await sizeOf("import { resumable } from '../dist/resumable.js'; globalThis.resumable = resumable;");
  console.log(`resumable: ${gzipped} bytes gzipped`);
  assert.ok(gzipped <= 1.5 * KB, `${gzipped} bytes`);
});
