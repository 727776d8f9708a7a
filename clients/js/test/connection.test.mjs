import assert from 'node:assert/strict';
import test from 'node:test';
import { connect } from '../dist/index.js';
import { FakeSocket, asked, claimed, delta, hashOf, nextSocket, of, settled, started } from './fake_gateway.mjs';

test('the address, the token and the name', async (t) => {
  const { socket } = await started(t, { token: () => 'a b(c)', runs: true });
  assert.equal(socket.url, 'wss://host/ws?runs=1&client_id=c');
  assert.deepEqual(socket.protocols, ['gateway.v1', 'bearer.a%20b%28c%29']);
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

const sentOn = (socket) => {
  socket.say({ type: 'system', event: 'draining', leave_in_ms: 9000, retry_after_ms: 1000 });
  socket.say({ type: 'system', event: 'draining', leave_in_ms: 0, retry_after_ms: 0, ticket: 'T-_' });
  socket.end(1012); // nobody listens any more
};

test('sent on to others it comes at once, with its ticket beside its token, once', async (t) => {
  const { socket, clock } = await started(t, { token: () => 'same' });
  socket.welcome();
  sentOn(socket);
  const second = await nextSocket(socket);
  assert.equal(second.url, 'wss://host/ws?client_id=c&ticket=T-_');
  assert.equal(second.protocols[1], 'bearer.same');
  second.welcome();
  second.end(1006);
  clock.tick(250);
  assert.equal((await nextSocket(second)).url, 'wss://host/ws?client_id=c');
});

test('sent on to one that does not take it, it goes on with backoff from its beginning', async (t) => {
  t.mock.method(Math, 'random', () => 0.999);
  const { socket, clock } = await started(t);
  socket.welcome();
  sentOn(socket);
  let at = await nextSocket(socket);
  for (const wait of [250, 500, 1000]) {
    at.end(1006);
    clock.tick(wait - 5);
    await settled();
    assert.equal(FakeSocket.all.at(-1), at);
    clock.tick(5);
    at = await nextSocket(at);
  }
});

test('cut before it was its turn, it waits as the gateway has asked', async (t) => {
  const { socket, clock } = await started(t);
  socket.welcome();
  socket.say({ type: 'system', event: 'draining', leave_in_ms: 9000, retry_after_ms: 1000 });
  socket.end(1006);
  clock.tick(999);
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
