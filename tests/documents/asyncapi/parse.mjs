// parse.mjs FILE: what the official parser says of an AsyncAPI document, as JSON.
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], 'utf8'));
const messagesOf = (operation) => operation.messages().all().map((message) => message.id());
const operations = document
  ? Object.fromEntries(document.operations().all().map((operation) => [operation.id(), messagesOf(operation)]))
  : null;
const said = diagnostics.map(({ code, message, path, severity }) => ({ code, message, path, severity }));
console.log(JSON.stringify({ operations, diagnostics: said }));
