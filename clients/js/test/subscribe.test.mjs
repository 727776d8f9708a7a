import assert from 'node:assert/strict';
import test from 'node:test';
import { agent } from '../dist/producer.js';

/** A gateway whose answers to GET are these, one after another; a text is a stream that breaks behind it. */
function started(t, answers) {
  t.mock.method(Math, 'random', () => 0);
  const asked = [];
  const gateway = agent('http://host/', {
    key: 'k',
    fetch: async (url, { method = 'GET', headers, body, signal }) => {
      asked.push({ method, url, last: headers['last-event-id'], key: headers.authorization, body: body && JSON.parse(body) });
      const answer = method === 'GET' ? answers.shift() : new Response('{}');
      if (answer instanceof Error) throw answer;
      return typeof answer === 'string' ? new Response(streamOf(answer, signal)) : answer;
    },
  });
  t.after(() => gateway.close());
  return { gateway, asked };
}

const bytes = (text) => new TextEncoder().encode(text);

/** In pieces of 7 bytes, and then it breaks, or with "…" at the end stays open. */
const streamOf = (text, signal) => new ReadableStream({
  start(controller) {
    const all = bytes(text.replace(/…$/, ''));
    for (let at = 0; at < all.length; at += 7) controller.enqueue(all.subarray(at, at + 7));
    if (!text.endsWith('…')) setImmediate(() => controller.error(new TypeError('it broke')));
    signal.addEventListener('abort', () => controller.error(signal.reason));
  },
});

const event = (id, more = {}) => `id: ${id}\r\ndata: ${JSON.stringify({ message_id: `m${id}`, channel: 'guide', message: 'ü \u2028 😀', ...more })}\r\n\r\n`;

test('comes back behind its last event, and tells of gaps', async (t) => {
  const { gateway, asked } = started(t, [
    ': ka\n\n' + event(1) + event(2).slice(0, 20), new TypeError('nobody there'), new Response('', { status: 503 }),
    'event: gap\ndata: {"reason":"gone"}\n\n' + event(2) + '…',
  ]);
  const gaps = [], heard = [];
  for await (const { message_id } of gateway.subscribe('guide', { onGap: (reason) => gaps.push(reason) })) {
    heard.push(message_id);
    if (heard.length === 2) break;
  }
  assert.deepEqual(heard, ['m1', 'm2']);
  assert.deepEqual(gaps, ['{"reason":"gone"}']);
  assert.deepEqual(asked.map(({ url, last, key }) => [url, last, key]), [undefined, '1', '1', '1'].map((last) =>
    ['http://host/api/post-office/websocket/subscribe?channel=guide', last, 'Bearer k']));
});

test('of a group each message is acknowledged by its id', async (t) => {
  const { gateway, asked } = started(t, [event('1-0'), event('2-0') + '…']);
  let count = 0;
  for await (const envelope of gateway.subscribe('guide', { group: 'g' })) {
    await gateway.working(envelope);
    await gateway.ack(envelope);
    if (++count === 2) break;
  }
  assert.deepEqual(asked.filter(({ method }) => method === 'POST').map(({ url, body }) => [url.split('/').at(-1), body]), ['1-0', '2-0'].flatMap((id) =>
    ['working', 'ack'].map((verb) => [verb, { channel: 'guide', group: 'g', ids: [id] }])));
  assert.deepEqual(asked.map(({ last }) => last).filter(Boolean), []); // what is not acknowledged comes again by itself
});

test('a refusal is thrown', async (t) => {
  const { gateway } = started(t, [new Response('{"code":"permission_denied","error":"no"}', { status: 403 })]);
  await assert.rejects(gateway.subscribe('guide').next(), { name: 'Refused', status: 403, code: 'permission_denied' });
});

test('close ends it', async (t) => {
  const { gateway } = started(t, [event(1) + '…']), heard = gateway.subscribe('guide');
  await heard.next();
  setImmediate(() => gateway.close());
  assert.deepEqual(await heard.next(), { value: undefined, done: true });
});

test('messages without a run go to who takes them, and are acknowledged after', async (t) => {
  const { gateway, asked } = started(t, [event('1-0') + '…']);
  const heard = [];
  void gateway.serve('guide', () => assert.fail('no run'), { group: 'g', onMessage: ({ message }) => heard.push(message) });
  while (!asked.some(({ url }) => url.endsWith('/ack'))) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(heard, ['ü \u2028 😀']);
});

test('an answer to who asks for no run goes to his connection', async (t) => {
  const { gateway, asked } = started(t, [event(1, { connection_id: 'ws_1' }) + '…']);
  const { value } = await gateway.subscribe('guide').next();
  await assert.rejects(gateway.run(value), TypeError);
  await gateway.reply(value, { type: 'agent_response' });
  assert.deepEqual(asked.at(-1).body, { connection_id: 'ws_1', message: { type: 'agent_response' } });
});
