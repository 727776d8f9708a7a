// An agent on the JavaScript package: says a question's words back, one at a time, until SIGTERM.
//
//     node js_agent.mjs <dist> <gateway> <key> [<group>]
const [dist, url, key, group] = process.argv.slice(2);
const { agent, AgentError } = await import(`file://${dist}/producer.js`);

const gateway = agent(url, { key });
process.on('SIGTERM', () => gateway.close());

async function* words(text, signal) {
  for (const word of text.split(/(?<= )/)) {
    yield word;
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (word === 'wait ') await new Promise((resolve) => signal.addEventListener('abort', resolve));
    if (word === 'throw') throw new AgentError('as it was asked');
  }
}

console.log(gateway.producer);
await gateway.serve('guide', async (run, envelope) => {
  await run.pipe(words(envelope.message.payload.message, run.signal));
}, { group, lease_ms: 2000, onError: (error, envelope) => console.log(`${envelope.message.id}: ${error.message}`) });
