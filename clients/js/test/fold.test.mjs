import assert from 'node:assert/strict';
import test from 'node:test';
import { decode, EMPTY, encode, fold, hex, unhex } from '../src/fold.ts';

/** The definition, in whole numbers. */
function slowly(bytes) {
  let [a, b] = [0n, 0n];
  for (const byte of bytes) {
    a = (a * 31415927n + BigInt(byte) + 1n) % 67108859n;
    b = (b * 27182819n + BigInt(byte) + 1n) % 67108837n;
  }
  return a.toString(16).padStart(7, '0') + b.toString(16).padStart(7, '0');
}

test('the empty log', () => assert.equal(hex(EMPTY), '00000000000000'));

test('is what the protocol says, of any bytes', () => {
  const bytes = Uint8Array.from({ length: 5000 }, (_, at) => (at * 7919 + (at >> 3)) & 255);
  assert.equal(hex(fold(bytes)), slowly(bytes));
  assert.equal(hex(fold(new Uint8Array(3000).fill(255))), slowly(new Uint8Array(3000).fill(255)));
});

test('folds however the text was cut', () => {
  const bytes = encode('Once upon a time — 日本 😀 — there was a log.');
  for (let at = 0; at <= bytes.length; at++) {
    assert.equal(hex(fold(bytes.subarray(at), fold(bytes.subarray(0, at)))), slowly(bytes));
  }
});

test('goes on from its text', () => {
  const half = fold(encode('Once '));
  assert.deepEqual(unhex(hex(half)), [...half]);
  assert.equal(hex(fold(encode('upon'), unhex(hex(half)))), slowly(encode('Once upon')));
});

test('a byte order mark is a character as any other', () => assert.equal(decode(encode('\ufeffa')), '\ufeffa'));
