import assert from 'node:assert/strict';
import test from 'node:test';
import { connect } from '../dist/index.js';
import { encode, fold, hex } from '../src/fold.ts';
import { FakeSocket, nextSocket, settled } from './fake_gateway.mjs';

const hashOf = (text) => hex(fold(encode(text)));

/** A client, its socket, and timers that a test moves. */
async function started(t, options = {}) {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1e12 });
  const before = FakeSocket.all.at(-1);
  const gateway = connect('https://host', { WebSocket: FakeSocket, clientId: 'c', ...options });
  t.after(() => gateway.close());
  return { gateway, socket: await nextSocket(before), clock: t.mock.timers };
}

/** A run that was acknowledged. */
function asked({ gateway, socket }) {
  const run = gateway.ask('guide', { message: 'hello' });
  socket.say({ type: 'ack', id: socket.sent.at(-1).id, status: 'published', run_id: 'run_1' });
  return run;
}

const of = (event, fields) => ({ type: 'run', event, run_id: 'run_1', ...fields });

/** A delta onto `before`. */
const delta = (before, text, epoch = 1) =>
  of('delta', { epoch, from: encode(before).length, pos: encode(before + text).length, hash: hashOf(before + text), text });

const claimed = of('reset', { epoch: 1, pos: 0, hash: hashOf(''), cause: 'claimed' });
const top = (text, fields) => of('top', { epoch: 1, pos: encode(text).length, hash: hashOf(text), status: 'in_progress', owner: 'live', idle_ms: 0, ...fields });

test('the address, the token and the name', async (t) => {
  const { socket } = await started(t, { token: () => 'a b(c)', runs: true });
  assert.equal(socket.url, 'wss://host/ws?runs=1&client_id=c');
  assert.deepEqual(socket.protocols, ['gateway.v1', 'bearer.a%20b%28c%29']);
});

test('a question is said once it is welcome, and its answer read', async (t) => {
  const { gateway, socket } = await started(t);
  const run = gateway.ask('guide', { message: 'hello' }, { thread_id: 't' });
  assert.deepEqual(socket.sent, []);
  socket.welcome();
  const [{ id, ...said }] = socket.sent;
  assert.deepEqual(said, { channel: 'guide', payload: { message: 'hello' }, run: { thread_id: 't' } });
  assert.match(id, /^[0-9a-f]{32}$/);
  socket.say({ type: 'ack', id, status: 'published', run_id: 'run_1' });
  assert.equal(await run.ready, 'run_1');
  for (const message of [claimed, delta('', 'Hé'), delta('Hé', 'llo')]) socket.say(message);
  assert.equal(run.text, 'Héllo');
  assert.equal(run.cursor(), `1.6.${hashOf('Héllo')}`);
  socket.say(of('end', { epoch: 1, pos: 6, hash: hashOf('Héllo'), status: 'completed', error: null, result: { n: 1 } }));
  assert.equal((await run.done).status, 'completed');
  assert.equal(run.verified, true);
  assert.deepEqual(run.result, { n: 1 });
});

test('a question that was not acknowledged is said again with the same id, but not after it may be forgotten', async (t) => {
  const { gateway, socket, clock } = await started(t);
  socket.welcome();
  const run = gateway.ask('guide', {});
  const { id } = socket.sent[0];
  socket.end(1006);
  clock.tick(250);
  const second = await nextSocket(socket);
  second.welcome();
  assert.equal(second.sent[0].id, id);
  clock.setTime(1e12 + 101_000);
  second.end(1006);
  clock.tick(250);
  const third = await nextSocket(second);
  third.welcome();
  assert.deepEqual(third.sent, []);
  await assert.rejects(run.ready, { code: 'outcome_unknown' });
});

test('what was counted already is dropped, and a hole is asked for', async (t) => {
  const it = await started(t);
  it.socket.welcome();
  const run = asked(it);
  for (const message of [claimed, delta('', 'one '), delta('', 'one '), delta('one two ', 'three')]) it.socket.say(message);
  assert.equal(run.text, 'one ');
  const { cursor, id } = it.socket.last('attach');
  assert.equal(cursor, `1.4.${hashOf('one ')}`);
  it.socket.say(delta('one ', 'two ')); // of the place before: the answer has it again
  assert.equal(run.text, 'one ');
  it.socket.say({ ...delta('one ', 'two three'), id });
  assert.equal(run.text, 'one two three');
});

test('text with another hash is not shown, and asked for anew', async (t) => {
  const it = await started(t);
  it.socket.welcome();
  const run = asked(it);
  it.socket.say(claimed);
  it.socket.say({ ...delta('', 'right'), text: 'wrong' });
  assert.equal(run.text, '');
  assert.equal(run.verified, false);
  const { cursor, id } = it.socket.last('attach');
  assert.equal(cursor, undefined);
  it.socket.say(of('snapshot', { id, epoch: 1, pos: 5, hash: hashOf('right'), text: 'right', status: 'in_progress' }));
  assert.equal(run.text, 'right');
  assert.equal(run.verified, true);
});

test('a top that is ahead for one beat is gone after', async (t) => {
  const it = await started(t);
  it.socket.welcome();
  asked(it);
  for (const message of [claimed, delta('', 'one '), top('one two ')]) it.socket.say(message);
  assert.equal(it.socket.last('attach'), undefined);
  it.socket.say(delta('one ', 'two '));
  it.socket.say(top('one two three'));
  assert.equal(it.socket.last('attach'), undefined);
  it.socket.say(top('one two three'));
  assert.equal(it.socket.last('attach').cursor, `1.8.${hashOf('one two ')}`);
});

test('an end that is ahead is no end yet', async (t) => {
  const it = await started(t);
  it.socket.welcome();
  const run = asked(it);
  const end = of('end', { epoch: 1, pos: 8, hash: hashOf('one two '), status: 'completed', error: null });
  for (const message of [claimed, delta('', 'one '), end]) it.socket.say(message);
  assert.equal(run.status, 'in_progress');
  const { id } = it.socket.last('attach');
  it.socket.say({ ...delta('one ', 'two '), id });
  it.socket.say(end);
  assert.equal(run.status, 'completed');
});

test('a new epoch cuts', async (t) => {
  const it = await started(t);
  it.socket.welcome();
  const run = asked(it);
  it.socket.say(claimed);
  it.socket.say(delta('', 'Grüße '));
  it.socket.say(of('reset', { epoch: 2, pos: 4, hash: hashOf('Grü'), cause: 'superseded' }));
  assert.equal(run.text, 'Grü');
  assert.equal(run.cursor(), `2.4.${hashOf('Grü')}`);
  it.socket.say(delta('Grü', 'n', 2));
  it.socket.say(delta('Grün', ' (late)', 1));
  assert.equal(run.text, 'Grün');
  it.socket.say(of('reset', { epoch: 3, pos: 5, hash: hashOf('Grün'), cause: 'claimed' }));
  assert.equal(run.text, 'Grün');
  assert.equal(run.verified, true);
  assert.equal(it.socket.last('attach'), undefined);
});

test('readers are told when what they were given counts no more', async (t) => {
  const it = await started(t);
  it.socket.welcome();
  const run = asked(it), pieces = run[Symbol.asyncIterator]();
  it.socket.say(claimed);
  it.socket.say(delta('', 'first'));
  assert.equal((await pieces.next()).value, 'first');
  it.socket.say(of('reset', { epoch: 2, pos: 0, hash: hashOf(''), cause: 'superseded' }));
  it.socket.say(delta('', 'second', 2));
  await assert.rejects(pieces.next(), { code: 'replaced' });
  assert.equal((await run[Symbol.asyncIterator]().next()).value, 'second');
});

test('a new attempt that says the same disturbs no reader', async (t) => {
  const it = await started(t);
  it.socket.welcome();
  const run = asked(it), pieces = run[Symbol.asyncIterator]();
  it.socket.say(claimed);
  it.socket.say(delta('', 'same'));
  assert.equal((await pieces.next()).value, 'same');
  it.socket.say(of('reset', { epoch: 2, pos: 0, hash: hashOf(''), cause: 'superseded' }));
  it.socket.say(delta('', 'same', 2));
  it.socket.say(delta('same', ' again', 2));
  assert.equal((await pieces.next()).value, ' again');
});

test('after a reconnect it goes on from its cursor, before the welcome', async (t) => {
  const it = await started(t);
  it.socket.welcome();
  const run = asked(it);
  it.socket.say(claimed);
  it.socket.say(delta('', 'one '));
  it.socket.end(1006);
  assert.equal(it.gateway.state, 'waiting');
  it.clock.tick(250);
  const second = await nextSocket(it.socket);
  second.open();
  const { cursor, id } = second.last('attach');
  assert.equal(cursor, run.cursor());
  second.say({ type: 'error', code: 'unknown_run', message: 'There is no such run', id, run_id: 'run_1' });
  assert.equal((await run.done).status, 'failed');
  assert.equal(run.error.code, 'gateway_lost');
});

test('a run that was never known is unknown', async (t) => {
  const { gateway, socket } = await started(t);
  socket.welcome();
  const run = gateway.attach('run_1');
  socket.say({ type: 'error', code: 'unknown_run', message: 'no', id: socket.last('attach').id, run_id: 'run_1' });
  await assert.rejects(run.ready, { code: 'unknown_run' });
  await assert.rejects(run[Symbol.asyncIterator]().next(), { code: 'unknown_run' });
});

test('silence with an open run is asked about, and then it reconnects', async (t) => {
  const it = await started(t);
  it.socket.welcome();
  asked(it);
  it.clock.tick(6000);
  assert.equal(it.socket.last('ping'), undefined);
  it.clock.tick(1000);
  assert.notEqual(it.socket.last('ping'), undefined);
  it.socket.say({ type: 'pong' });
  it.clock.tick(7000);
  it.clock.tick(11_000);
  assert.equal(it.gateway.state, 'waiting');
});

test('a page that comes into sight tries at once, but not before a gateway that drains has asked for', async (t) => {
  globalThis.document = new EventTarget();
  t.after(() => { delete globalThis.document; });
  t.mock.method(Math, 'random', () => 0.999);
  const { gateway, socket, clock } = await started(t);
  socket.welcome();
  socket.end(1006);
  document.hidden = true;
  document.dispatchEvent(new Event('visibilitychange'));
  assert.equal(gateway.state, 'waiting');
  document.hidden = false;
  document.dispatchEvent(new Event('visibilitychange'));
  const second = await nextSocket(socket);
  second.welcome();
  document.dispatchEvent(new Event('visibilitychange')); // is the connection still one?
  assert.deepEqual(second.sent, [{ type: 'ping' }]);
  second.say({ type: 'system', event: 'draining', retry_after_ms: 3000 });
  second.end(1012);
  document.dispatchEvent(new Event('visibilitychange'));
  assert.equal(gateway.state, 'waiting');
  clock.tick(3250);
  await nextSocket(second);
});

test('draining is waited for', async (t) => {
  const { socket, clock } = await started(t);
  socket.welcome();
  socket.say({ type: 'system', event: 'draining', retry_after_ms: 3000 });
  socket.end(1012);
  clock.tick(2999);
  await settled();
  assert.equal(FakeSocket.all.at(-1), socket);
  clock.tick(251);
  await nextSocket(socket);
});

test('without the right to be there it ends, after token() was asked once more', async (t) => {
  const tokens = ['old', 'new', 'never'];
  const { gateway, socket, clock } = await started(t, { token: () => tokens.shift() });
  socket.open();
  socket.end(4001);
  clock.tick(250);
  const second = await nextSocket(socket);
  assert.deepEqual(second.protocols[1], 'bearer.new');
  second.open();
  second.end(4001);
  assert.equal(gateway.state, 'closed');
  assert.equal(gateway.error.code, '4001');
  assert.deepEqual(tokens, ['never']);
});

test('a token that was taken may be refused again later', async (t) => {
  const { gateway, socket, clock } = await started(t, { token: () => 'any' });
  for (let at = socket, round = 0; round < 3; round++) {
    at.welcome();
    at.end(4003);
    assert.equal(gateway.state, 'waiting');
    clock.tick(250 << round);
    at = await nextSocket(at);
  }
});

test('replaced by another one it never comes back, nor with a token that does not change', async (t) => {
  for (const code of [4010, 1008, 4001, 4003]) {
    const { gateway, socket } = await started(t, { token: 'fixed' });
    socket.welcome();
    const run = asked({ gateway, socket }), sent = gateway.send('guide', {});
    socket.end(code);
    assert.equal(gateway.state, 'closed');
    await assert.rejects(sent, { code: String(code) });
    assert.equal((await run.done).error.code, String(code));
    assert.equal(run.status, 'queued');
    t.mock.timers.reset();
  }
});

test('what the gateway closed over is not sent again', async (t) => {
  const { gateway, socket, clock } = await started(t);
  socket.welcome();
  const large = gateway.send('guide', { message: 'large' });
  socket.end(1009);
  await assert.rejects(large, { code: '1009' });
  clock.tick(250);
  const second = await nextSocket(socket);
  second.welcome();
  assert.deepEqual(second.sent, []);
});

test('a reset of an epoch that is over is none', async (t) => {
  const it = await started(t);
  it.socket.welcome();
  const run = asked(it);
  it.socket.say(of('reset', { epoch: 2, pos: 0, hash: hashOf(''), cause: 'claimed' }));
  it.socket.say(delta('', 'kept', 2));
  it.socket.say(claimed);
  assert.equal(run.text, 'kept');
  assert.equal(run.epoch, 2);
});

test('what could not be attached is attached later', async (t) => {
  const { gateway, socket, clock } = await started(t);
  socket.welcome();
  const run = gateway.ask('guide', {});
  socket.say({ type: 'ack', id: socket.sent[0].id, status: 'published', run_id: 'run_1', attached: false });
  const first = socket.last('attach').id;
  socket.say({ type: 'error', code: 'overloaded', message: 'no room', id: first, run_id: 'run_1' });
  clock.tick(20_000);
  const second = socket.last('attach').id;
  assert.notEqual(second, first);
  socket.say(of('snapshot', { id: second, epoch: 1, pos: 4, hash: hashOf('late'), text: 'late', status: 'in_progress' }));
  assert.equal(run.text, 'late');
});

test('of a log that has gone there is the end, and it is not verified', async (t) => {
  const { gateway, socket } = await started(t);
  socket.welcome();
  const run = gateway.attach('run_1');
  const { id } = socket.last('attach');
  socket.say(of('end', { id, epoch: 1, pos: 4, hash: hashOf('gone'), status: 'completed', error: null, result: null }));
  const { status, text, verified, error } = await run.done;
  assert.deepEqual([status, text, verified, error.code], ['completed', '', false, 'expired']);
  await assert.rejects(run[Symbol.asyncIterator]().next(), { code: 'expired' });
});

test('a run that may be read no more says so', async (t) => {
  const it = await started(t);
  it.socket.welcome();
  const run = asked(it);
  it.socket.say({ type: 'detach', run_id: 'run_1' }); // the answer to a detach of before
  assert.equal(run.error, null);
  it.socket.say({ type: 'detach', run_id: 'run_1', reason: 'forbidden' });
  assert.deepEqual([(await run.done).status, run.error.code], ['queued', 'forbidden']); // the run goes on
});

test('a question that is refused is a run that failed', async (t) => {
  const { gateway, socket } = await started(t);
  socket.welcome();
  const run = gateway.ask('nowhere', {});
  socket.say({ type: 'error', code: 'unknown_channel', message: 'no such channel', id: socket.sent[0].id });
  await assert.rejects(run.ready, { code: 'unknown_channel', message: 'no such channel' });
  assert.deepEqual([run.status, run.error], ['failed', { code: 'unknown_channel', message: 'no such channel' }]);
});

test('the id of a message without a run has none', async (t) => {
  const { gateway, socket } = await started(t);
  socket.welcome();
  const run = gateway.ask('guide', {}, { id: 'sent-before' }), other = gateway.attach('run_1');
  socket.say({ type: 'ack', id: 'sent-before', status: 'duplicate' });
  await assert.rejects(run.ready, { code: 'no_run' });
  socket.say(of('snapshot', { id: socket.last('attach').id, epoch: 1, pos: 1, hash: hashOf('x'), text: 'x' }));
  assert.deepEqual([run.text, other.text], ['', 'x']);
});

test('a cancel is answered', async (t) => {
  const it = await started(t);
  it.socket.welcome();
  const answer = asked(it).cancel('changed my mind');
  await settled();
  const { id, ...said } = it.socket.last('cancel');
  assert.deepEqual(said, { type: 'cancel', run_id: 'run_1', reason: 'changed my mind' });
  it.socket.say({ type: 'ack', id, status: 'asked' });
  assert.equal(await answer, 'asked');
});

test('items are whole lines', async (t) => {
  const it = await started(t);
  it.socket.welcome();
  const run = asked(it);
  it.socket.say(claimed);
  it.socket.say(delta('', '{"n":1}\n{"n":2}\n'));
  assert.deepEqual(run.items, [{ n: 1 }, { n: 2 }]);
  it.socket.say(delta('{"n":1}\n{"n":2}\n', '{"n":3}\n'));
  assert.deepEqual(run.items.at(-1), { n: 3 });
  assert.equal(run.items.length, 3);
});

test('a page goes on from what another one has kept', async (t) => {
  const { gateway, socket } = await started(t);
  socket.welcome();
  const cursor = `1.4.${hashOf('one ')}`;
  const run = gateway.attach({ run_id: 'run_1', cursor, text: 'one ' });
  const attach = socket.last('attach');
  assert.equal(attach.cursor, cursor);
  socket.say({ ...delta('one ', 'two'), id: attach.id });
  assert.equal(run.text, 'one two');
  assert.equal(gateway.attach('run_1'), run);
  gateway.attach({ run_id: 'run_2', cursor, text: 'other' });
  assert.equal(socket.last('attach').cursor, undefined); // that is not its text
});

test('a pushed run is told', async (t) => {
  const { gateway, socket } = await started(t, { runs: true });
  socket.welcome();
  const pushed = [];
  gateway.on('run', (run) => pushed.push(run));
  socket.say(of('snapshot', { epoch: 1, pos: 2, hash: hashOf('hi'), text: 'hi', status: 'in_progress', channel: 'guide' }));
  socket.say(delta('hi', '!'));
  assert.equal(pushed[0].text, 'hi!');
  assert.equal(pushed.length, 1);
});

test('a failure without an error is one for its reader, too', async (t) => {
  for (const status of ['failed', 'abandoned']) {
    const it = await started(t);
    it.socket.welcome();
    const run = asked(it), pieces = run[Symbol.asyncIterator]();
    it.socket.say(claimed);
    it.socket.say(delta('', 'half'));
    it.socket.say(of('end', { epoch: 1, pos: 4, hash: hashOf('half'), status, error: null, result: null }));
    assert.equal((await pieces.next()).value, 'half');
    await assert.rejects(pieces.next(), { code: status });
    t.mock.timers.reset();
  }
});

test('a log that went while half of it was read is no end', async (t) => {
  const it = await started(t);
  it.socket.welcome();
  const run = asked(it), pieces = run[Symbol.asyncIterator]();
  it.socket.say(claimed);
  it.socket.say(delta('', 'half'));
  await pieces.next();
  it.socket.end(1006);
  it.clock.tick(250);
  const second = await nextSocket(it.socket);
  second.welcome();
  second.say(of('end', { id: second.last('attach').id, epoch: 1, pos: 8, hash: hashOf('half and'), status: 'completed', error: null, result: null }));
  await assert.rejects(pieces.next(), { code: 'expired' });
});

test('what came before a cursor is not told as if it came after', async (t) => {
  const { gateway, socket } = await started(t);
  socket.welcome();
  const run = gateway.attach({ run_id: 'run_1', cursor: `1.4.${hashOf('one ')}` }), pieces = run[Symbol.asyncIterator]();
  const next = pieces.next();
  socket.say(of('snapshot', { id: socket.last('attach').id, epoch: 2, pos: 7, hash: hashOf('another'), text: 'another', status: 'in_progress' }));
  await assert.rejects(next, { code: 'replaced' });
  assert.equal((await run[Symbol.asyncIterator]().next()).value, 'another');
});

test('asked twice with one id, both are answered', async (t) => {
  const { gateway, socket } = await started(t);
  socket.welcome();
  const both = [1, 2].map(() => gateway.ask('guide', {}, { id: 'same' })), heard = [];
  gateway.on('message', (message) => heard.push(message));
  socket.say({ type: 'ack', id: 'same', status: 'published', run_id: 'run_1' });
  socket.say({ type: 'ack', id: 'same', status: 'duplicate', run_id: 'run_1' });
  for (const message of [claimed, delta('', 'text')]) socket.say(message);
  assert.deepEqual(both.map(({ text }) => text), ['text', 'text']);
  assert.deepEqual(heard, []);
});

test('who is gone before his attach is answered is taken away', async (t) => {
  const { gateway, socket } = await started(t);
  socket.welcome();
  const run = gateway.attach({ thread_id: 't' }), { id } = socket.last('attach');
  run.detach();
  assert.equal(socket.last('detach'), undefined);
  socket.say(of('snapshot', { id, epoch: 1, pos: 1, hash: hashOf('x'), text: 'x', status: 'in_progress' }));
  assert.equal(socket.last('detach').run_id, 'run_1');
});

test('a socket that reports an error, or cannot be made, throws nothing', async (t) => {
  const { socket } = await started(t);
  socket.onerror(new Error('refused'));
  const gateway = connect('ws://host', { clientId: 'c', WebSocket: class { constructor() { throw new Error('not from here'); } } });
  await settled();
  assert.deepEqual([gateway.state, gateway.error.code], ['closed', 'no_socket']);
});

test('a question is what it was when it was asked, in whole characters', async (t) => {
  const { gateway, socket } = await started(t), payload = { message: 'a\ud83d', list: [null, 1, '😀'] };
  gateway.ask('guide', payload);
  payload.message = 'changed';
  socket.welcome();
  assert.deepEqual(socket.sent[0].payload, { message: 'a\ufffd', list: [null, 1, '😀'] });
  const circular = {};
  circular.self = circular;
  assert.throws(() => gateway.ask('guide', circular), TypeError);
  await assert.rejects(gateway.send('guide', { n: 1n }), TypeError);
});

test('who hears of a top sees what it has verified', async (t) => {
  const it = await started(t);
  it.socket.welcome();
  const run = asked(it), seen = [];
  run.on('top', () => seen.push(run.verified));
  it.socket.say(top('', { epoch: 0, status: 'queued', owner: 'none' }));
  assert.deepEqual(seen, [true]);
});

test('detach and close cancel nothing', async (t) => {
  const it = await started(t);
  it.socket.welcome();
  const run = asked(it);
  run.detach();
  assert.equal(it.socket.last('detach').run_id, 'run_1');
  const { value, done } = await run[Symbol.asyncIterator]().next();
  assert.deepEqual([value, done], [undefined, true]);
  it.gateway.close();
  assert.equal(it.socket.last('cancel'), undefined);
  await assert.rejects(it.gateway.send('guide', {}), { code: 'closed' });
});

test('a listener that throws disturbs nobody', async (t) => {
  const it = await started(t);
  it.socket.welcome();
  const run = asked(it);
  run.on('delta', () => { throw new Error('of the page'); });
  it.socket.say(claimed);
  it.socket.say(delta('', 'all'));
  assert.equal(run.text, 'all');
  assert.throws(() => it.clock.tick(1), /of the page/);
});
