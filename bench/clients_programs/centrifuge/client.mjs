// Asks, and shows the answer while it comes. Centrifugo keeps the answer's channel (history, forced recovery), and gives
// what was missed after a drop. A question may arrive twice: a client's publication has no key. The agent knows its id.
import { Centrifuge } from 'centrifuge';

const centrifuge = new Centrifuge('ws://127.0.0.1:8000/connection/websocket', { token: process.env.CENTRIFUGO_TOKEN });
const id = crypto.randomUUID();
const answer = centrifuge.newSubscription(`answers:${id}`, { recoverable: true });

const done = new Promise((resolve, reject) => {
  answer.on('subscribed', ({ wasRecovering, recovered }) => {
    if (wasRecovering && !recovered) reject(new Error('the answer has a hole, and what was in it is gone'));
  });
  answer.on('unsubscribed', ({ reason }) => reject(new Error(reason)));
  answer.on('publication', ({ data }) => {
    if (data.text) console.log(data.text);
    if (data.end === 'completed') resolve(data.end);
    if (data.end === 'failed') reject(new Error(data.error));
  });
});

// Subscribed before it asks: then it is there for the first piece.
async function ask(question) {
  await answer.ready();
  for (;;) {
    try {
      return await centrifuge.publish('questions:guide', question);
    } catch (error) {
      const isUnknown = error.code === 1 || error.code === 2; // no answer in time, connection lost
      if (!isUnknown) throw error;
      await centrifuge.ready();
    }
  }
}

answer.subscribe();
centrifuge.connect();
try {
  const [status] = await Promise.all([done, ask({ id, message: 'Tell me a story' })]);
  console.log(status);
} finally {
  centrifuge.disconnect();
}
