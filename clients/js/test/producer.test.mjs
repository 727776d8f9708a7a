import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import test from 'node:test';
import { agent, AgentError, Refused, textOf } from '../dist/producer.js';
import { settled } from './fake_gateway.mjs';
import { FakeRuns, seeded } from './fake_runs.mjs';

const envelope = (format = 'text', protocol = null) => ({ message_id: 'm', channel: 'guide', message: {}, run: { run_id: 'run_1', thread_id: null, format, protocol } });

async function until(holds) {
  while (!holds()) await settled();
}

/** An agent at a fake gateway, closed at the test's end. */
function started(t, chance) {
  const runs = new FakeRuns(chance), gateway = agent('http://host', { key: 'k', fetch: runs.fetch, producer: 'p' });
  t.after(() => gateway.close());
  return { runs, gateway };
}

const appends = (runs) => runs.calls.filter(({ verb }) => verb === 'append' || verb === 'end');

test('what comes at once is one batch, and the end goes with the last', async (t) => {
  const { runs, gateway } = started(t);
  await gateway.run(envelope(), async (run) => {
    for (const word of ['Once ', 'upon ', 'a time']) await run.append(word);
  });
  assert.deepEqual(appends(runs).map(({ text, seq, end }) => [text, seq, end?.status]), [['Once upon a time', 0, 'completed']]);
});

test('flush resolves when it is in the log, and 4 KiB go at once', async (t) => {
  const { runs, gateway } = started(t);
  const run = await gateway.run(envelope());
  await run.append('first');
  await run.flush();
  assert.equal(runs.run.text, 'first');
  await run.append('x'.repeat(4096));
  await run.flush();
  await run.end('completed', { result: { n: 1 } });
  assert.deepEqual(appends(runs).map(({ seq }) => seq), [0, 1, 2]);
  assert.deepEqual(runs.run.ended, { status: 'completed', result: { n: 1 } });
  await assert.rejects(run.append('more'), /has been ended/);
});

test('what is thrown fails the run, and is thrown on', async (t) => {
  const { runs, gateway } = started(t);
  await assert.rejects(gateway.run(envelope(), async (run) => {
    await run.append('half');
    throw new Error('no money');
  }), /no money/);
  assert.equal(runs.run.text, 'half');
  assert.deepEqual(runs.run.ended, { status: 'failed', error: { code: 'agent_error', message: 'Error' } });
});

test('what is thrown for its user to read is read', async (t) => {
  const { runs, gateway } = started(t);
  await assert.rejects(gateway.run(envelope(), () => { throw new AgentError('Ask me later', 'too_busy'); }), /Ask me later/);
  assert.deepEqual(runs.run.ended, { status: 'failed', error: { code: 'too_busy', message: 'Ask me later' } });
});

test('a cancel fires the signal, stops the pipe and ends it as cancelled', async (t) => {
  const { runs, gateway } = started(t);
  const stopped = Promise.withResolvers();
  async function* model() {
    try {
      yield 'first';
      await until(() => runs.waiting.size);
      runs.cancel();
      for (;;) {
        await settled();
        yield '.';
      }
    } finally {
      stopped.resolve();
    }
  }
  const run = await gateway.run(envelope(), (run) => run.pipe(model()));
  assert.equal(run.cancelled, true);
  assert.equal(run.signal.aborted, true);
  assert.equal(runs.run.status, 'cancelled');
  await stopped.promise;
});

test('a model that throws over its signal is no failure', async (t) => {
  const { runs, gateway } = started(t);
  await gateway.run(envelope(), async (run) => {
    until(() => runs.waiting.size).then(() => runs.cancel());
    await new Promise((_, reject) => run.signal.addEventListener('abort', () => reject(run.signal.reason)));
  });
  assert.equal(runs.run.status, 'cancelled');
});

test('a run that is over needs no answer, and another agent\'s is left to it', async (t) => {
  const { runs, gateway } = started(t);
  runs.run.status = 'abandoned';
  await gateway.run(envelope(), () => assert.fail('asked'));
  runs.claim = () => [409, { code: 'run_held', retry_after_ms: 100 }];
  await assert.rejects(gateway.run(envelope(), () => assert.fail('asked')), (error) => error instanceof Refused && error.code === 'run_held');
});

test('another owner ends what is written here', async (t) => {
  const { runs, gateway } = started(t);
  await assert.rejects(gateway.run(envelope(), async (run) => {
    await run.append('mine');
    await run.flush();
    runs.lapse();
    runs.claim({ producer: 'another', token: 'x', keep: 0 });
    await run.append('mine, too');
    await run.flush();
  }), { code: 'fenced' });
  assert.equal(runs.run.text, '');
});

test('a character in two halves waits for the other one', async (t) => {
  const { runs, gateway } = started(t);
  const run = await gateway.run(envelope());
  await run.append('a\ud83d');
  await run.flush();
  assert.equal(runs.run.text, 'a');
  await run.append('\ude00b');
  await run.flush();
  assert.equal(runs.run.text, 'a😀b');
  await run.append('\ud83d');
  await run.end();
  assert.equal(runs.run.text, 'a😀b\ufffd');
});

test('items are a line each', async (t) => {
  const { runs, gateway } = started(t);
  await gateway.run(envelope('json'), (run) => run.pipe([{ n: 1 }, { s: 'ü\n' }]));
  assert.equal(runs.run.text, '{"n":1}\n{"s":"ü\\n"}\n');
});

test('a log that is not what was written is cut to what is common, and written on', async (t) => {
  for (const [format, pieces, spoilt] of [
    ['text', ['Grüße ', 'aus ', 'Köln'], 'Grüß\u00fe '], // the same first byte, inside of a character
    ['json', [{ n: 1 }, { n: 2 }, { n: 3 }], '{"n":1}\n{"n":9}\n'],
  ]) {
    const { runs, gateway } = started(t);
    const run = await gateway.run(envelope(format));
    for (const piece of pieces.slice(0, -1)) await run.append(piece);
    await run.flush();
    const before = runs.run.text;
    runs.run.text = spoilt;
    await run.append(pieces.at(-1));
    await run.flush();
    assert.equal(runs.run.text, before + (format === 'json' ? '{"n":3}\n' : 'Köln'));
    assert.ok(runs.run.epoch > 1);
    runs.run.text = 'x';
    await assert.rejects(run.end(), /cannot be healed/); // an end cannot be taken back
  }
});

test('a claim that the engine has lost is made again in a new epoch', async (t) => {
  const { runs, gateway } = started(t);
  runs.claim({ producer: 'before', token: 'b', keep: 'all' });
  runs.lapse();
  const run = await gateway.run(envelope());
  await run.append('said ');
  await run.flush();
  assert.equal(run.epoch, 2);
  runs.loseTail(2);
  assert.equal(runs.run.epoch, 1);
  await run.append('and on');
  await run.flush();
  assert.equal(run.epoch, 3); // readers have heard of 2
  assert.equal(runs.run.text, 'said and on');
});

test('of a framed run only a second attempt is said to be one', async (t) => {
  const { runs, gateway } = started(t);
  await (await gateway.run(envelope('ai-sdk', 'ai-sdk'))).append('first');
  gateway.close();
  runs.run.text = '{"type":"start"}\n';
  runs.lapse();
  const another = agent('http://host', { fetch: runs.fetch, producer: 'q' });
  t.after(() => another.close());
  assert.equal((await another.run(envelope('ai-sdk', 'ai-sdk'))).kept, '');
  assert.deepEqual(runs.calls.filter(({ verb }) => verb === 'claim').map(({ producer, keep }) => [producer, keep]), [['p', 'all'], ['q', 'all'], ['q', 0]]);
});

test('an event that ends a framed stream goes with the end', async (t) => {
  const { runs, gateway } = started(t);
  const run = await gateway.run(envelope('ai-sdk', 'ai-sdk')), part = { type: 'data-x', data: 1 };
  const finish = { type: 'finish', messageMetadata: { tokens: 5 } };
  for (const item of [part, finish, part, { type: 'abort' }, finish]) await run.append(item);
  await run.flush();
  await run.end();
  assert.deepEqual(appends(runs).map(({ items, end }) => [items, end?.status]), [
    [[part, { type: 'message-metadata', messageMetadata: { tokens: 5 } }, part], undefined],
    [[{ type: 'abort' }, finish], 'completed'],
  ]);
});

test('what can never be taken fails the run', async (t) => {
  const { runs, gateway } = started(t), append = runs.append;
  runs.append = (asked) => asked.text?.length > 10 ? runs.refuse(413, 'run_too_large') : append.call(runs, asked);
  const acked = t.mock.method(gateway, 'ack');
  await assert.rejects(gateway.run(envelope(), async (run) => {
    await run.append('short');
    await run.flush();
    await run.append('longer than it may be');
  }), { code: 'run_too_large' });
  assert.equal(runs.run.text, 'short');
  assert.equal(runs.run.ended.status, 'failed');
  assert.equal(runs.run.ended.error.code, 'run_too_large');
  assert.equal(acked.mock.callCount(), 1);
});

test('what a proxy finds too large fails the run', async (t) => {
  const { runs } = started(t), inner = runs.fetch;
  const large = agent('http://host', { producer: 'p', fetch: async (url, init) =>
    init.body.length > 1000 ? new Response('<h1>413</h1>', { status: 413 }) : inner(url, init) });
  t.after(() => large.close());
  await assert.rejects(large.run(envelope(), (run) => run.append('x'.repeat(1000))), { status: 413 });
  assert.equal(runs.run.ended.error.code, 'agent_error');
});

test('an agent holds nothing of what it has answered', async (t) => {
  const { runs, gateway } = started(t);
  const listeners = () => getEventListeners(life, 'abort').length;
  let life;
  const inner = AbortSignal.prototype.addEventListener;
  t.mock.method(AbortSignal.prototype, 'addEventListener', function (...given) {
    life ??= this; // the first that is listened to is the agent's own
    return inner.apply(this, given);
  });
  await gateway.run(envelope(), async (run) => {
    for (let n = 0; n < 5; n++) {
      await run.append('word ');
      await run.flush();
    }
  });
  assert.equal(listeners(), 0);
  await assert.rejects(gateway.run(envelope()), { code: 'run_ended' });
  assert.equal(listeners(), 0);
  assert.equal(runs.run.status, 'completed');
});

test('one message is answered once at a time', async (t) => {
  const { gateway } = started(t);
  const run = await gateway.run(envelope());
  await assert.rejects(gateway.run(envelope()), { code: 'run_held' });
  await run.end();
  await assert.rejects(gateway.run(envelope()), { code: 'run_ended' });
});

/** An answer in pieces while answers are lost, and now and then the engine's tail; the log at the end. */
async function tortured(t, seed, format) {
  const chance = seeded(seed), { runs, gateway } = started(t, chance);
  runs.losses = 0.15;
  let said = '';
  await gateway.run(envelope(format), async (run) => {
    for (let piece = 0; piece < 12; piece++) {
      const text = ['word ', 'ünï ', '😀 ', '漢字 '][Math.floor(chance() * 4)].repeat(1 + Math.floor(chance() * 5));
      said += format === 'json' ? `${JSON.stringify({ text })}\n` : text;
      await run.append(format === 'json' ? { text } : text);
      if (chance() < 0.7) await run.flush();
      if (chance() < 0.25) runs.loseTail(1 + Math.floor(chance() * 4));
    }
  });
  assert.equal(runs.run.text, said, `seed ${seed}`);
  assert.equal(runs.run.status, 'completed', `seed ${seed}`);
}

for (const format of ['text', 'json']) {
  test(`nothing is lost or said twice by lost answers and lost tails, ${format}`, async (t) => {
    t.mock.method(Math, 'random', () => 0); // no waiting between attempts
    await Promise.all(Array.from({ length: 150 }, (_, seed) => tortured(t, seed + 1, format)));
  });
}

test('what cannot be appended is refused, and the run fails visibly', async (t) => {
  const circular = {};
  circular.self = circular;
  for (const [format, piece, why] of [['text', undefined, /given undefined/], ['text', null, /given null/], ['json', undefined, /given undefined/],
    ['json', circular, /circular/i], ['json', { n: 1n }, /BigInt/], ['json', () => {}, /given a function/]]) {
    const { runs, gateway } = started(t), acked = t.mock.method(gateway, 'ack');
    await assert.rejects(gateway.run(envelope(format), async (run) => {
      await run.append(format === 'json' ? { first: 1 } : 'first');
      await run.append(piece);
    }), why);
    assert.equal(runs.run.text, format === 'json' ? '{"first":1}\n' : 'first');
    assert.match(runs.run.ended.error.message, /Error$/, 'what was thrown is for its author');
    assert.equal(acked.mock.callCount(), 1);
  }
});

test('a result that cannot be said fails the run', async (t) => {
  const { runs, gateway } = started(t);
  await assert.rejects(gateway.run(envelope(), (run) => run.end('completed', { result: 1n })), /BigInt/);
  assert.equal(runs.run.status, 'failed');
});

test('what is sent again has the bytes of before, whatever became of the object', async (t) => {
  const { runs, gateway } = started(t, seeded(7));
  t.mock.method(Math, 'random', () => 0);
  runs.losses = 0.5;
  const item = { n: 1 }, result = { n: 1 };
  await gateway.run(envelope('json'), async (run) => {
    await run.append(item);
    item.n = 2;
    const ended = run.end('completed', { result });
    result.n = 2;
    await ended;
  });
  assert.equal(runs.run.text, '{"n":1}\n');
  assert.deepEqual(runs.run.ended.result, { n: 1 });
  assert.ok(appends(runs).length > 1); // some were lost
  assert.equal(new Set(appends(runs).map(({ seq, body }) => `${seq} ${body}`)).size, new Set(appends(runs).map(({ seq }) => seq)).size);
});

test('half of a character is none, also in an item', async (t) => {
  const { runs, gateway } = started(t);
  await gateway.run(envelope('json'), async (run) => {
    await run.append({ '\ud83d': ['\udc00', '😀', '\\ud83d'] });
    await run.end('failed', { error: { code: 'x', message: 'a\ud83d' } });
  });
  assert.deepEqual(JSON.parse(runs.run.text), { '\ufffd': ['\ufffd', '😀', '\\ud83d'] });
  assert.equal(runs.run.ended.error.message, 'a\ufffd');
});

test('a heartbeat that hangs costs no lease, and until then the run is held', async (t) => {
  const { runs, gateway } = started(t);
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1e12 });
  runs.hung = 1;
  const run = await gateway.run(envelope());
  for (let passed = 0; passed < 30_000; passed += 250) {
    t.mock.timers.tick(250);
    for (let n = 0; n < 5; n++) await settled();
    assert.equal(runs.claim({ producer: 'another', token: 'x', keep: 0 })[1].code, 'run_held', `after ${passed} ms`);
  }
  assert.equal(run.over, false);
  assert.ok(runs.calls.filter(({ verb }) => verb === 'heartbeat').length < 20);
});

test('a page of a proxy is no answer, and a hook hears of it', async (t) => {
  const runs = new FakeRuns(), pages = [new Response('<h1>Not Found</h1>', { status: 404 }), new Response('{"message":"no"}', { status: 403 })];
  const heard = [];
  t.mock.method(Math, 'random', () => 0);
  const gateway = agent('http://host', { fetch: async (...call) => pages.shift() ?? runs.fetch(...call), producer: 'p', onRetry: (error) => heard.push(error.message) });
  t.after(() => gateway.close());
  await gateway.run(envelope(), (run) => run.append('text'));
  assert.equal(runs.run.text, 'text');
  assert.deepEqual(heard, ['404 <h1>Not Found</h1>', '403 {"message":"no"}']);
});

test('the text of every chunk that models stream', () => {
  assert.deepEqual([
    'plain', { choices: [{ delta: { content: 'openai' } }] }, { choices: [] }, { type: 'response.output_text.delta', delta: 'responses' },
    { type: 'content_block_delta', delta: { type: 'text_delta', text: 'anthropic' } }, { type: 'message_start' },
    { content: 'langchain' }, { content: [{ type: 'text', text: 'parts' }, { type: 'image' }] }, { type: 'text-delta', text: 'ai-sdk' }, null,
  ].map(textOf), ['plain', 'openai', '', 'responses', 'anthropic', '', 'langchain', 'parts', 'ai-sdk', '']);
});
