// The official TypeScript client, 2.x: client.mjs URL MODE. The key is in MCP_KEY.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { headers, say, talk } from './talk.mjs';

const [url, mode] = process.argv.slice(2);
const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
say({
  connected: client.getNegotiatedProtocolVersion(),
  server: client.getServerVersion().name,
  instructions: client.getInstructions(),
});
await talk(client);
