// Asks, and shows the answer while it comes. Pieces have numbers: when the channel could not be resumed, its history is
// read, and what comes twice or out of turn does no harm. The channel needs message persistence.
import { Realtime } from 'ably';

const ably = new Realtime({ authUrl: process.env.ABLY_AUTH_URL });
const id = crypto.randomUUID();
const answer = ably.channels.get(`answers:${id}`);
const pieces = [];
let shown = 0;
let over;
const done = new Promise((resolve, reject) => { over = { resolve, reject }; });

function take({ data }) {
  pieces[data.number] = data;
  for (; pieces[shown]; shown += 1) {
    const { text, end, error } = pieces[shown];
    if (text) console.log(text);
    if (end === 'completed') over.resolve(end);
    if (end === 'failed') over.reject(new Error(error));
  }
}

async function takeHistory() {
  let page = await answer.history({ limit: 1000 });
  while (page) {
    page.items.forEach(take);
    page = page.hasNext() ? await page.next() : null;
  }
}

answer.on(['attached', 'update'], ({ resumed }) => {
  if (!resumed) takeHistory().catch(over.reject);
});
answer.on('failed', ({ reason }) => over.reject(reason));
try {
  await answer.subscribe(take);
  await ably.channels.get('questions:guide').publish({ id, data: { id, message: 'Tell me a story' } });
  console.log(await done);
} finally {
  ably.close();
}
