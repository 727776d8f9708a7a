// What is appended at once. It is text from the beginning: the same seq is never sent with other bytes.
import { encode } from './fold.js';
import { json } from './json.js';

export interface Batch {
  text?: string;
  items?: string[]; // JSON
  end?: string; // JSON
  pos: number; // behind it
  hash: string;
}

/** Of text a string, of an item its JSON. */
export type Piece = string | { _line: string };

/** Throws over what cannot be appended. */
export function pieceOf(given: unknown, asItem: boolean): Piece {
  if (given === undefined || given === null) throw new TypeError(`append() was given ${given}: it takes text, or of a json run an item`);
  if (typeof given === 'string' && !asItem) return given;
  if (typeof given === 'function' || typeof given === 'symbol') throw new TypeError(`append() was given a ${typeof given}`);
  return { _line: json(given) };
}

export const sizeOf = (piece: Piece): number => (typeof piece === 'string' ? piece : piece._line).length;

/** The log as it is stored: of items a line each. */
export const bytesOf = ({ text, items }: Pick<Batch, 'text' | 'items'>): Uint8Array =>
  encode(text ?? (items ?? []).map((item) => `${item}\n`).join(''));

export function bodyOf({ text, items, end }: Pick<Batch, 'text' | 'items' | 'end'>, owner: { producer: string; epoch: number; seq: number }): string {
  const members = [json({ ...owner, text }).slice(1, -1)];
  if (items) members.push(`"items":[${items}]`);
  if (end) members.push(`"end":${end}`);
  return `{${members}}`;
}
