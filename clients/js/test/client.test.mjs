import assert from 'node:assert/strict';
import test from 'node:test';
import { asked, claimed, delta, hashOf, nextSocket, of, started, top } from './fake_gateway.mjs';

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
