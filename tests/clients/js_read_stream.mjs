// Reads /v1/stream/{run} through resumable(fetch), and says on stdout what came: the text, and the last event.
//
//     node js_read_stream.mjs <dist> <address> <token>
const [dist, address, token] = process.argv.slice(2);
const { resumable } = await import(`file://${dist}/resumable.js`);

let requests = 0;
const counting = (...asked) => {
  requests++;
  return fetch(...asked);
};
const response = await resumable(counting, { attempts: 50, delay: (failures) => Math.min(200, 5 * 2 ** failures) })(address, {
  headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
});
process.stdout.write(`${response.status}\n`);
let text = '', last = {};
for (const event of (await response.text()).split('\n\n')) {
  const fields = event.split('\n').map((line) => line.split(/: ?(.*)/s));
  const kind = fields.find(([name]) => name === 'event')?.[1], data = fields.filter(([name]) => name === 'data').map(([, value]) => value).join('\n');
  if (kind === 'data') text += data;
  else if (kind === 'control') last = JSON.parse(data);
}
process.stdout.write(`${JSON.stringify({ text, last, requests })}\n`);
