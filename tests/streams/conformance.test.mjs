// The conformance suite of Durable Streams, unmodified, against GATEWAY_URL with GATEWAY_API_KEY: it knows nothing of
// keys, so every request gets one here.
import { runConformanceTests } from '@durable-streams/server-conformance-tests';

const send = globalThis.fetch;
globalThis.fetch = (url, options = {}) => {
  const headers = new Headers(options.headers);
  headers.set('Authorization', `Bearer ${process.env.GATEWAY_API_KEY}`);
  return send(url, { ...options, headers });
};

runConformanceTests({ baseUrl: process.env.GATEWAY_URL, longPollTimeoutMs: 1000 });
