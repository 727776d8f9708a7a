// Answers questions piece by piece. A piece whose answer did not come is published again under the same key.
import { setTimeout as wait } from 'node:timers/promises';
import { Centrifuge } from 'centrifuge';

const headers = { 'content-type': 'application/json', 'x-api-key': process.env.CENTRIFUGO_API_KEY };

async function publish(channel, idempotency_key, data) {
  const body = JSON.stringify({ channel, idempotency_key, data });
  for (let attempt = 0; ; attempt += 1) {
    const response = await fetch('http://127.0.0.1:8000/api/publish', { method: 'POST', headers, body }).catch(() => null);
    if (response?.ok) {
      const { error } = await response.json();
      if (error) throw new Error(error.message);
      return;
    }
    if (response && response.status < 500) throw new Error(`publish was refused: ${response.status}`);
    await wait(Math.random() * Math.min(20_000, 250 * 2 ** attempt));
  }
}

async function answer({ id, message }) {
  let count = 0;
  const say = (data) => publish(`answers:${id}`, `${id}-${count++}`, data);
  try {
    for await (const text of model.stream(message)) await say({ text });
  } catch (error) {
    return say({ end: 'failed', error: error.message });
  }
  return say({ end: 'completed' });
}

const centrifuge = new Centrifuge('ws://127.0.0.1:8000/connection/websocket', { token: process.env.CENTRIFUGO_TOKEN });
const questions = centrifuge.newSubscription('questions:guide', { recoverable: true });
const asked = new Set();
questions.on('publication', ({ data }) => {
  if (asked.has(data.id)) return;
  asked.add(data.id);
  answer(data).catch(console.error);
});
questions.subscribe();
centrifuge.connect();
