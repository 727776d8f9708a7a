import assert from 'node:assert/strict';
import test from 'node:test';
import { backoff, isOurFault, verdict, watch } from '../src/policy.ts';

test('every close code has its way', () => {
  const ways = { end: [4010], token: [1008, 4001, 4003], slow: [4004, 4029], undefined: [1000, 1001, 1006, 1011, 1012, 4000, 4005, 4008, 4009] };
  for (const [way, codes] of Object.entries(ways)) for (const code of codes) assert.equal(String(verdict(code)), way, String(code));
  assert.deepEqual([1002, 1003, 1007, 1009, 1012].map(isOurFault), [true, true, true, true, false]);
});

test('backoff is full jitter up to 20 s', () => {
  assert.equal(backoff(0, false, 0, 0), 0);
  assert.equal(backoff(0, false, 0, 1), 250);
  assert.equal(backoff(3, false, 0, 1), 2000);
  assert.equal(backoff(3, false, 0, 0.5), 1000);
  assert.equal(backoff(50, false, 0, 1), 20_000);
});

test('what draining asks for is waited in any case', () => {
  assert.equal(backoff(0, false, 3000, 0), 3000);
  assert.equal(backoff(0, false, 3000, 1), 3250);
});

test('at the limit of connections it takes 5 to 60 s', () => {
  assert.equal(backoff(0, true, 0, 0), 5000);
  assert.equal(backoff(0, true, 0, 1), 10_000);
  assert.equal(backoff(50, true, 0, 1), 60_000);
});

test('silence is asked about, and then it is death', () => {
  assert.equal(watch(6000, 0, 0, true), false);
  assert.equal(watch(6001, 0, 0, true), 'ask');
  assert.equal(watch(6001, 0, 0, false), false);
  assert.equal(watch(45_001, 0, 0, false), 'ask');
  assert.equal(watch(16_000, 0, 6001, true), false);
  assert.equal(watch(16_002, 0, 6001, true), 1);
});
