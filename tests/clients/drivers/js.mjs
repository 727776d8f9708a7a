// The JavaScript client behind JSON Lines: {"n":1,"do":"ask",…} on stdin, {"n":1,"ok":true,…} on stdout, in any order.
//
//     scripts/lib/js_client.sh && build/js-client/node tests/clients/drivers/js.mjs
import { createInterface } from 'node:readline';

const dist = new URL('../../../build/js-client/dist/', import.meta.url);
const { connect } = await import(new URL('index.js', dist));
const { agent } = await import(new URL('producer.js', dist));

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

/** Resolves when `when()` holds, which is looked at whenever `listen` says that something has changed. */
function until(when, listen, timeout_s = 30) {
  return new Promise((resolve, reject) => {
    const off = [];
    const end = (how, value) => {
      clearTimeout(timer);
      off.forEach((stop) => stop());
      how(value);
    };
    const timer = setTimeout(() => end(reject, coded('timeout', `not within ${timeout_s} s`)), timeout_s * 1000);
    const look = () => { if (when()) end(resolve); };
    off.push(...listen(look));
    look();
  });
}

/** Frames of the client and of its runs as they are said to the caller: the text is the log. */
const client = {
  async connect({ url, token, tokens, client_id, timeout_s }) {
    const asked = tokens ? [...tokens] : undefined;
    gateway = connect(url, { token: asked ? () => asked.shift() ?? tokens.at(-1) : token, clientId: client_id ?? undefined });
    await until(() => gateway.state === 'open' || gateway.error, (look) => [gateway.on('state', look)], timeout_s);
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
    read.done.then(() => { over = true; });
    await until(() => over || (!end && bytes !== undefined && read.pos >= bytes),
      (look) => { read.done.then(look); return [read.on('text', look), read.on('end', look)]; }, timeout_s);
    return stateOf(read);
  },
  async cancel({ run, reason }) { return { status: await runs.get(run).cancel(reason) }; },
  async detach({ run }) { runs.get(run).detach(); },
  async send({ channel, payload }) { return { ack: await gateway.send(channel, payload) }; },
  async status() { return { state: gateway.state, error: gateway.error?.code ?? null }; },
};

const writer = {
  async agent({ url, key, producer: name }) { producer = agent(url, { key, producer: name ?? undefined }); },
  async subscribe({ channel, group }) {
    (async () => {
      for await (const one of producer.subscribe(channel, { group: group ?? undefined })) {
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
  async open({ run, keep }) {
    const opened = await producer.run(envelope, undefined, keep === undefined ? {} : { keep });
    written.set(run, opened);
    return { run_id: opened.run_id, epoch: opened.epoch, kept: opened.kept };
  },
  async append({ run, text }) { await written.get(run).append(text); },
  async flush({ run }) { await written.get(run).flush(); },
  async end({ run, status, result }) { await written.get(run).end(status, { result }); },
  async fail({ run, message }) { await written.get(run).fail(message); },
  async cancelled({ run }) { return { cancelled: written.get(run).cancelled }; },
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
