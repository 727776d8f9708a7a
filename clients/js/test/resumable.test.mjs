import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import test from 'node:test';
import { resumable } from '../dist/resumable.js';

const EVENTS = ['eins ü', 'zwei\ndata: noch', 'drei 😀', 'vier'].map((data, id) => `id: ${id}\ndata: ${data}\n\n`);
const STREAM = { 'content-type': 'text/event-stream' };

/** A server of a test's own; `serve` is given what was asked, and how often something was. */
async function served(t, serve) {
  const asked = [];
  const server = createServer((request, response) => {
    asked.push({ method: request.method, url: request.url, headers: request.headers });
    request.resume();
    serve(request, response, asked.length);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { asked, url: `http://127.0.0.1:${server.address().port}` };
}

let missing = 0, breakNow = () => {}; // bytes that the reader has not been given

/** Says a text, and breaks when its reader has all of it. */
function breaking(response, text) {
  missing = Buffer.byteLength(text);
  breakNow = () => response.destroy();
  response.write(text);
}

/** A fetch that tells breaking() what its reader was given. */
async function heard(...asked) {
  const response = await fetch(...asked), reader = response.body?.getReader();
  if (!reader) return response;
  const body = new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) return controller.close();
      controller.enqueue(value);
      missing -= value.length;
      if (missing === 0) breakNow();
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
  return Object.defineProperty(new Response(body, response), 'url', { value: response.url });
}

const fetching = resumable(heard, { delay: () => 0 });

test('a POST goes on at its Location, after the last whole event', async (t) => {
  const { asked, url } = await served(t, (request, response, count) => {
    if (request.method === 'POST') {
      response.writeHead(200, { ...STREAM, location: '/runs/1' });
      breaking(response, ': ka\n\n' + EVENTS[0] + EVENTS[1] + EVENTS[2].slice(0, 9)); // in the middle of an event
    } else if (count === 2) {
      response.writeHead(503).end();
    } else if (count === 3) {
      response.writeHead(200, STREAM);
      breaking(response, Buffer.from(EVENTS[2]).subarray(0, -5)); // in the middle of a character
    } else {
      response.writeHead(200, STREAM).end(EVENTS[2] + EVENTS[3]);
    }
  });
  const response = await fetching(`${url}/chat`, { method: 'POST', body: '{}', headers: { authorization: 'Bearer t', 'content-type': 'application/json' } });
  assert.equal(response.url, `${url}/chat`);
  assert.equal(await response.text(), ': ka\n\n' + EVENTS.join(''));
  assert.deepEqual(asked.map(({ method, url }) => `${method} ${url}`), ['POST /chat', 'GET /runs/1', 'GET /runs/1', 'GET /runs/1']);
  assert.deepEqual(asked.map(({ headers }) => headers['last-event-id']), [undefined, '1', '1', '1']);
  assert.equal(asked[1].headers.authorization, 'Bearer t');
  assert.equal(asked[1].headers['content-type'], undefined);
});

test('a Request is asked as it is', async (t) => {
  const { asked, url } = await served(t, (request, response, count) => {
    response.writeHead(200, { ...STREAM, location: `${url}/elsewhere` });
    if (count === 1) breaking(response, EVENTS[0]);
    else response.end(EVENTS[1]);
  });
  const request = new Request(`${url}/chat`, { method: 'post', body: 'all of it', headers: { authorization: 'Bearer t' } });
  assert.equal(await (await fetching(request)).text(), EVENTS[0] + EVENTS[1]);
  assert.deepEqual(asked.map(({ method, url, headers }) => [method, url, headers.authorization]), [['POST', '/chat', 'Bearer t'], ['GET', '/elsewhere', 'Bearer t']]);
});

test('a GET goes on where it was; 204 is the end', async (t) => {
  const { asked, url } = await served(t, (request, response, count) => {
    if (count > 1) return response.writeHead(204).end();
    response.writeHead(200, STREAM);
    breaking(response, EVENTS[0]);
  });
  assert.equal(await (await fetching(`${url}/stream`)).text(), EVENTS[0]);
  assert.equal(asked[1].headers['last-event-id'], '0');
});

test('what cannot go on breaks as it would have', async (t) => {
  const { asked, url } = await served(t, (request, response, count) => {
    if (count > 1) return response.writeHead(404).end();
    response.writeHead(200, STREAM);
    breaking(response, EVENTS[0]);
  });
  await assert.rejects((await fetching(url)).text(), TypeError);
  assert.equal(asked.length, 2);
});

test('without ids nothing is read twice', async (t) => {
  const { asked, url } = await served(t, (request, response) => {
    response.writeHead(200, STREAM);
    breaking(response, 'data: no id\n\n');
  });
  await assert.rejects((await fetching(url)).text(), TypeError);
  assert.equal(asked.length, 1);
});

test('attempts that bring nothing are counted', async (t) => {
  const { asked, url } = await served(t, (request, response, count) => {
    if (count > 1) return response.destroy();
    response.writeHead(200, STREAM);
    breaking(response, EVENTS[0]);
  });
  await assert.rejects((await resumable(heard, { attempts: 3, delay: () => 0 })(url)).text(), TypeError);
  assert.equal(asked.length, 4);
});

test('who stops it is not asked again', async (t) => {
  const { asked, url } = await served(t, (request, response) => response.writeHead(200, STREAM).write(EVENTS[0]));
  const stop = new AbortController(), reader = (await fetching(url, { signal: stop.signal })).body.getReader();
  await reader.read();
  stop.abort();
  await assert.rejects(reader.read(), { name: 'AbortError' });
  const other = (await fetching(url)).body.getReader();
  await other.read();
  await other.cancel();
  assert.equal(asked.length, 2);
});

test('who stops it does not wait for the next attempt', async (t) => {
  const { url } = await served(t, (request, response) => {
    response.writeHead(200, STREAM);
    breaking(response, EVENTS[0]);
  });
  const stop = new AbortController(), waiting = Promise.withResolvers();
  const delay = () => {
    waiting.resolve();
    return 1e6;
  };
  const reader = (await resumable(heard, { delay })(url, { signal: stop.signal })).body.getReader();
  await reader.read();
  const next = reader.read();
  await waiting.promise;
  stop.abort();
  await assert.rejects(next, { name: 'AbortError' });
});

test('a page that is no stream does not end one', async (t) => {
  const { asked, url } = await served(t, (request, response, count) => {
    if (count === 2) return response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Log in</h1>');
    response.writeHead(200, STREAM);
    if (count === 1) breaking(response, EVENTS[0]);
    else response.end(EVENTS[1]);
  });
  assert.equal(await (await fetching(url)).text(), EVENTS[0] + EVENTS[1]);
  assert.equal(asked.length, 3);
});

test('who cancels between two attempts hears nothing more, and no stream is left open', async (t) => {
  for (const late of [false, true]) {
    const body = (text) => new ReadableStream({
      start(controller) { controller.enqueue(new TextEncoder().encode(text)); },
      pull(controller) { if (text) controller.error(new TypeError('it broke')); },
      cancel() { closed++; },
    });
    const waiting = Promise.withResolvers(), answer = Promise.withResolvers();
    let asked = 0, closed = 0;
    const inner = () => {
      if (!asked++) return Promise.resolve(new Response(body(EVENTS[0]), { headers: STREAM }));
      waiting.resolve();
      return answer.promise;
    };
    const delay = () => {
      if (late) return 0;
      waiting.resolve();
      return 1e6;
    };
    const reader = (await resumable(inner, { delay })('http://host/')).body.getReader();
    await reader.read();
    const next = reader.read();
    await waiting.promise;
    await reader.cancel();
    assert.equal((await next).done, true);
    answer.resolve(new Response(body(''), { headers: STREAM }));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([asked, closed], late ? [2, 1] : [1, 0]);
  }
});

test('other responses pass as they are', async (t) => {
  const { url } = await served(t, (request, response) => response.writeHead(404, { 'content-type': 'application/json' }).end('{"code":"x"}'));
  const response = await fetching(url);
  assert.equal(response.status, 404);
  assert.deepEqual(await response.json(), { code: 'x' });
});
