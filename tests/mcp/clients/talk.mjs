// What both TypeScript clients do: one command a line in, one answer a line out, both JSON.
import { createInterface } from 'node:readline';

export const say = (answer) => process.stdout.write(JSON.stringify(answer) + '\n');

export const headers = { Authorization: `Bearer ${process.env.MCP_KEY}` };

// {"list": true} and {"call": name, "arguments": {…}}, until standard input ends.
export async function talk(client) {
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    try {
      if (command.list) {
        say({ tools: (await client.listTools()).tools });
        continue;
      }
      const result = await client.callTool({ name: command.call, arguments: command.arguments });
      say({
        result: {
          structured: result.structuredContent ?? null,
          is_error: result.isError ?? false,
          texts: result.content.map((part) => part.text),
        },
      });
    } catch (error) {
      // Whatever the library makes of a refusal is what the test wants to see.
      say({ error: `${error.name}: ${error.message}` });
    }
  }
  await client.close();
}
