// @durable-streams/client, unmodified: `read URL LIVE` prints what it has read once the stream is closed, `write URL`
// writes the lines of JSON on its standard input, and closes. What the client leaves to its caller is done as its types
// have it: a read that failed goes on from the offset of the last batch, and the producer's fetch insists.
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { DurableStream, IdempotentProducer, stream } from '@durable-streams/client';

const [verb, url, live] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${process.env.GATEWAY_API_KEY}` };

async function readOnce(told) {
  const response = await stream({ url, headers, live, offset: told.offset });
  console.log('reading');
  // `closed` tells of the last response, which may still have to become a batch.
  await new Promise((resolve, reject) => {
    response.subscribeText((batch) => {
      told.text += batch.text;
      told.offset = batch.offset;
      told.closed = batch.streamClosed;
      if (told.closed) resolve();
    });
    response.closed.then(() => sleep(2000)).then(() => reject(new Error('it ended without an end')), reject);
  });
}

async function read() {
  const told = { text: '', offset: '-1', closed: false, failures: 0 };
  while (!told.closed) {
    try {
      await readOnce(told);
    } catch {
      told.failures += 1;
      await sleep(20);
    }
  }
  console.log(JSON.stringify(told));
}

async function insistentFetch(...request) {
  for (;;) {
    try {
      return await fetch(...request);
    } catch {
      await sleep(20);
    }
  }
}

async function write() {
  const target = await DurableStream.connect({ url, headers });
  let failed;
  const producer = new IdempotentProducer(target, 'writer', { fetch: insistentFetch, onError: (error) => { failed = error; } });
  console.log('writing');
  for await (const line of createInterface({ input: process.stdin })) producer.append(JSON.parse(line));
  await producer.flush();
  if (failed) throw failed;
  const { finalOffset } = await producer.close();
  console.log(JSON.stringify({ offset: finalOffset }));
}

await (verb === 'read' ? read() : write());
process.exit();
