// Asks, and shows the answer while it comes. Questions and answers are streams; the reader goes on from its offset.
import { DurableStream, IdempotentProducer, stream } from '@durable-streams/client';

const address = 'http://127.0.0.1:4437/v1/stream';
const id = crypto.randomUUID();

// There before the agent writes to it: then it can be read at once.
const contentType = 'application/json';
await DurableStream.create({ url: `${address}/answer-${id}`, contentType });

const questions = await DurableStream.connect({ url: `${address}/questions` });
let refused;
const asking = new IdempotentProducer(questions, id, { onError: (error) => { refused = error; } });
asking.append(JSON.stringify({ id, message: 'Tell me a story' }));
await asking.flush();
if (refused) throw refused;

const answer = await stream({ url: `${address}/answer-${id}`, live: true });
let end;
for await (const piece of answer.jsonStream()) {
  if (piece.text) console.log(piece.text);
  end = piece.end ?? end;
  if (piece.error) throw new Error(piece.error);
}
if (end !== 'completed') throw new Error('the answer was cut off');
console.log(end);
