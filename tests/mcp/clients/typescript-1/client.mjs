// The official TypeScript client, 1.x: client.mjs URL. The key is in MCP_KEY.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { headers, say, talk } from './talk.mjs';

const client = new Client({ name: 'test', version: '1' });
const transport = new StreamableHTTPClientTransport(new URL(process.argv[2]), { requestInit: { headers } });
await client.connect(transport);
say({
  connected: transport.protocolVersion,
  server: client.getServerVersion().name,
  instructions: client.getInstructions(),
});
await talk(client);
