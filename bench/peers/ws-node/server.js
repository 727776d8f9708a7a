// Node `ws` doing the least it can for each scenario of the load generator:
//   /         a subscriber: only listens
//   /echo     gets back what it sends
//   /publish  what it sends goes to every subscriber
// Prints {"event":"ready",...} on standard output once it listens.
'use strict';

const http = require('node:http');
const { WebSocketServer } = require('ws');
const wsVersion = require('ws/package.json').version;

// Compression is off here and in every other server of the comparison; ws has it off by default too.
const wss = new WebSocketServer({ noServer: true, perMessageDeflate: false, clientTracking: false });
const subscribers = new Set();

function onEcho(data, isBinary) {
  this.send(data, { binary: isBinary });
}

// ws hands the message over as a Buffer, which is the cheapest thing to send on: it is not encoded again.
function onPublish(data) {
  for (const subscriber of subscribers) subscriber.send(data, { binary: false });
}

function onUnsubscribe() {
  subscribers.delete(this);
}

function onConnection(ws, path) {
  if (path === '/echo') {
    ws.on('message', onEcho);
  } else if (path === '/publish') {
    ws.on('message', onPublish);
  } else {
    subscribers.add(ws);
    ws.on('close', onUnsubscribe);
  }
}

const server = http.createServer((request, response) => response.writeHead(426).end());
server.on('upgrade', (request, socket, head) => {
  wss.handleUpgrade(request, socket, head, (ws) => onConnection(ws, request.url));
});
server.listen({ host: '127.0.0.1', port: Number(process.argv[2] || 0), backlog: 4096 }, () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  const version = `ws ${wsVersion}, node ${process.version}`;
  console.log(JSON.stringify({ event: 'ready', url, pid: process.pid, version }));
});
process.on('SIGTERM', () => process.exit(0));
