// Answers questions piece by piece. The producer numbers what it writes: what is sent again stands once.
import { DurableStream, IdempotentProducer, stream } from '@durable-streams/client';

const address = 'http://127.0.0.1:4437/v1/stream';
const contentType = 'application/json';

async function answer({ id, message }) {
  const log = await DurableStream.create({ url: `${address}/answer-${id}`, contentType });
  let refused;
  const producer = new IdempotentProducer(log, 'guide', { onError: (error) => { refused = error; } });
  let last = { end: 'completed' };
  try {
    for await (const text of model.stream(message)) {
      if (refused) throw refused;
      producer.append(JSON.stringify({ text }));
    }
    await producer.flush();
    if (refused) throw refused;
  } catch (error) {
    last = { end: 'failed', error: error.message };
  }
  await producer.close(JSON.stringify(last));
}

await DurableStream.create({ url: `${address}/questions`, contentType });
const questions = await stream({ url: `${address}/questions`, offset: 'now', live: true });
for await (const question of questions.jsonStream()) answer(question).catch(console.error);
