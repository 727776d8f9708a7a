// The JavaScript client behind JSON Lines: {"n":1,"do":"ask",…} on stdin, {"n":1,"ok":true,…} on stdout, in any order.
//
//     scripts/lib/js_client.sh && build/js-client/node tests/clients/drivers/js.mjs
import { createInterface } from 'node:readline';

const dist = new URL('../../../build/js-client/dist/', import.meta.url);
const { connect } = await import(new URL('index.js', dist));
const { agent } = await import(new URL('producer.js', dist));
const { FallbackSocket } = await import(new URL('fallback.js', dist));
const byEvents = process.argv.includes('--by-events');

const runs = new Map(); // the caller's name -> what is read, or written
const written = new Map();
const envelopes = []; // arrived
const waiting = []; // for an envelope
let gateway, producer, envelope;

const stateOf = (run) => ({
  run_id: run.run_id, text: run.text, status: run.status, error: run.error, verified: run.verified, cursor: run.cursor(),
  epoch: run.epoch, pos: run.pos, result: run.result,
});

function coded(code, message = code) {
  return Object.assign(new Error(message), { code });
}

/** Whether `when()` came to hold in time, which is looked at whenever `listen` says that something has changed. */
function until(when, listen, timeout_s = 30) {
  return new Promise((resolve) => {
    const off = [];
    const end = (held) => {
      clearTimeout(timer);
      off.forEach((stop) => stop());
      resolve(held);
    };
    const timer = setTimeout(() => end(false), timeout_s * 1000);
    const look = () => { if (when()) end(true); };
    off.push(...listen(look));
    look();
  });
}

const client = {
  async connect({ url, token, tokens, client_id, timeout_s }) {
    const asked = tokens ? [...tokens] : undefined;
    gateway = connect(url, { token: asked ? () => asked.shift() ?? tokens.at(-1) : token, clientId: client_id ?? undefined, ...byEvents ? { WebSocket: FallbackSocket } : {} });
    const told = await until(() => gateway.state === 'open' || gateway.error, (look) => [gateway.on('state', look)], timeout_s);
    if (!told) throw coded('timeout', `not connected within ${timeout_s} s`);
    if (gateway.error) throw gateway.error;
  },
  async ask({ run, channel, payload, thread_id, format, id }) {
    const asked = gateway.ask(channel, payload, { thread_id, format, ...id ? { id } : {} });
    runs.set(run, asked);
    return { run_id: await asked.ready };
  },
  async attach({ run, run_id, cursor, thread_id, text }) {
    const attached = gateway.attach({ run_id, cursor, thread_id, text });
    runs.set(run, attached);
    return { run_id: await attached.ready };
  },
  async state({ run }) { return stateOf(runs.get(run)); },
  async wait({ run, bytes, end, timeout_s }) {
    const read = runs.get(run);
    let over = false;
    await until(() => over || (!end && read.pos >= bytes), (look) => {
      read.done.then(() => {
        over = true;
        look();
      });
      return [read.on('text', look)];
    }, timeout_s);
    return stateOf(read);
  },
  async cancel({ run, reason }) { return { status: await runs.get(run).cancel(reason) }; },
  async detach({ run }) { runs.get(run).detach(); },
  async send({ channel, payload }) { return { ack: await gateway.send(channel, payload) }; },
  async status() { return { state: gateway.state, error: gateway.error?.code ?? null }; },
};

/** An agent acknowledges what it has answered. */
async function ended(run, end) {
  const { opened, envelope } = written.get(run);
  await end(opened);
  await producer.ack(envelope);
}

const writer = {
  async agent({ url, key, producer: name }) {
    producer = agent(url, { key, producer: name ?? undefined });
    envelopes.length = waiting.length = 0;
  },
  async subscribe({ channel, group }) {
    const subscribed = producer; // another one may come after close
    (async () => {
      for await (const one of subscribed.subscribe(channel, { group: group ?? undefined })) {
        const next = waiting.shift();
        if (next) next(one);
        else envelopes.push(one);
      }
    })().catch((error) => process.stderr.write(`${error.stack}\n`));
  },
  async next({ timeout_s = 30 }) {
    envelope = envelopes.shift() ?? await new Promise((resolve, reject) => {
      const take = (one) => { clearTimeout(timer); resolve(one); };
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(take), 1);
        reject(coded('timeout', `no envelope within ${timeout_s} s`));
      }, timeout_s * 1000);
      waiting.push(take);
    });
    return { envelope };
  },
  async open({ run, keep, lease_ms, envelope: given }) {
    const asked = given ?? envelope;
    const opened = await producer.run(asked, undefined, { keep: keep ?? 0, lease_ms });
    written.set(run, { opened, envelope: asked });
    return { run_id: opened.run_id, epoch: opened.epoch, kept: opened.kept };
  },
  async append({ run, text, item }) { await written.get(run).opened.append(item ?? text); },
  async flush({ run }) { await written.get(run).opened.flush(); },
  async end({ run, status, result }) { await ended(run, (opened) => opened.end(status ?? undefined, { result })); },
  async fail({ run, message }) { await ended(run, (opened) => opened.fail(message)); },
  async cancelled({ run }) { return { cancelled: written.get(run).opened.cancelled }; },
  async ack() { await producer.ack(envelope); },
  async working() { await producer.working(envelope); },
};

async function close() {
  gateway?.close();
  producer?.close();
}

const verbs = { ...client, ...writer, close };
const lines = createInterface({ input: process.stdin });
const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
lines.on('line', async (line) => {
  const { n, do: verb, ...asked } = JSON.parse(line);
  try {
    if (!verbs[verb]) throw coded('unknown_verb', verb);
    say({ n, ok: true, ...await verbs[verb](asked) });
  } catch (error) {
    say({ n, ok: false, error: error.code || error.name, message: error.message });
  }
});
lines.on('close', () => void close());
