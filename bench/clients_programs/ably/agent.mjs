// Answers questions piece by piece. A piece that was not acknowledged is published again under the same message id.
import { setTimeout as wait } from 'node:timers/promises';
import { Realtime } from 'ably';

const ably = new Realtime({ key: process.env.ABLY_API_KEY });

async function publish(channel, message) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await channel.publish(message);
    } catch (error) {
      if (error.statusCode >= 400 && error.statusCode < 500 && ably.connection.state === 'connected') throw error;
      await wait(Math.random() * Math.min(20_000, 250 * 2 ** attempt));
    }
  }
}

async function answer({ id, message }) {
  const channel = ably.channels.get(`answers:${id}`);
  let number = 0;
  const say = (data) => publish(channel, { id: `${id}-${number}`, data: { number: number++, ...data } });
  try {
    for await (const text of model.stream(message)) await say({ text });
    await say({ end: 'completed' });
  } catch (error) {
    await say({ end: 'failed', error: error.message });
  } finally {
    ably.channels.release(channel.name);
  }
}

const asked = new Set();
await ably.channels.get('questions:guide').subscribe(({ data }) => {
  if (asked.has(data.id)) return;
  asked.add(data.id);
  answer(data).catch(console.error);
});
