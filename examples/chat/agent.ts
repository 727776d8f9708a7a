// The agent behind the chat page, in TypeScript; agent.py is the same in Python. Node 22.18 or newer runs it as it is
// where the package websocket-gateway-client is installed; `npm run build` makes dist/agent.mjs, for Node 20.
//
//   GATEWAY_API_KEY=… node agent.ts
//
// Several share the channel. When one is killed, another is given its message, and begins the answer again.
import { setTimeout as wait } from 'node:timers/promises';

function quit(why: string): never {
  console.error(`agent: ${why}`);
  process.exit(2);
}

const { agent, AgentError, Refused } = await import('websocket-gateway-client/producer').catch(
  () => quit('it needs the package of clients/js: npm run build makes dist/agent.mjs, which has it'));

const url = process.env.GATEWAY_URL ?? 'http://127.0.0.1:8000';
if (!/^https?:\/\/./.test(url)) quit(`no address of a gateway, such as http://127.0.0.1:8000: ${url}`);
const key = process.env.GATEWAY_API_KEY || quit('the key comes from the environment: GATEWAY_API_KEY');

const STORY = `Once upon a time there was a gateway between people and machines. Whatever went through it was written down \
before it was said, byte by byte, in a log that had one author and one end.

One night somebody pulled the plug. When the light came back, the people looked at their screens: there stood the \
beginning of the story, as they had read it. Nobody had to ask again. The next word came, and it was the right one.`;

/** A stand-in for a model: the same question has the same answer, a word at a time. */
async function* model(question: string, signal: AbortSignal): AsyncGenerator<string> {
  // In earnest: stream = await openai.chat.completions.create({ model, messages, stream: true }, { signal });
  // run.pipe(stream) takes that as it is, and likewise the streams of Anthropic, LangChain and the AI SDK.
  const count = /\bcount to (\d{1,4})\b/i.exec(question);
  if (/\bfail\b/i.test(question)) throw new AgentError('You asked me to fail.', 'as_asked');
  const text = count ? Array.from({ length: Number(count[1]) }, (_, n) => n + 1).join(' ')
    : /\bstory\b/i.test(question) ? STORY : `You said: ${question}`;
  for (const word of text.match(/\S+\s*/g) ?? []) {
    if (signal.aborted) return;
    yield word;
    await wait(40);
  }
}

/** `{ message }` of our own client; of the AI SDK all messages of the chat, of which a model would be given all. */
function questionIn(payload: any): string {
  if (!payload?.messages) return String(payload?.message ?? '');
  const parts: any[] = payload.messages.at(-1)?.parts ?? [];
  return parts.filter(({ type }) => type === 'text').map(({ text }) => text).join('');
}

const gateway = agent(url, { key, onRetry: (error: any) => console.error(`agent: no answer from ${url}: ${error.cause?.code ?? error.message}; again`) });
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => gateway.close());
try {
  await gateway.serve('guide', async (run, envelope) => {
    const question = questionIn(envelope.message.payload);
    if (!question.trim()) throw new AgentError('There is nothing to answer.', 'no_question');
    await run.pipe(model(question, run.signal));
  }, { group: 'agents' });
} catch (error) {
  if (error instanceof Refused) quit(`${url} says no: ${error.message}`);
  throw error;
}
