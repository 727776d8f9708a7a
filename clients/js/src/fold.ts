// The hash of a run's log: h = (h·B + byte + 1) mod M from 0, in two moduli. Every product stays below 2^53.

export type Hash = readonly [number, number];

export const EMPTY: Hash = [0, 0];

/** The hash of what `hash` is the hash of, followed by `bytes`. */
export function fold(bytes: Uint8Array, [a, b]: Hash = EMPTY): Hash {
  for (const byte of bytes) {
    a = (a * 31415927 + byte + 1) % 67108859;
    b = (b * 27182819 + byte + 1) % 67108837;
  }
  return [a, b];
}

/** So many hex digits for each number. */
export const digits = (numbers: Iterable<number>, count: number): string =>
  [...numbers].map((number) => number.toString(16).padStart(count, '0')).join('');

/** As it stands on the wire: seven hex digits each. */
export const hex = (hash: Hash): string => digits(hash, 7);

/** What hex() wrote. */
export const unhex = (text: string): Hash => [+`0x${text.slice(0, 7)}`, +`0x${text.slice(7)}`];

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Of whole characters; a byte order mark is a character as any other. */
export const decode = (bytes: Uint8Array): string => new TextDecoder('utf8', { ignoreBOM: true }).decode(bytes);
