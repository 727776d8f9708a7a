/**
 * As JSON, in whole characters: half of a surrogate pair, which no gateway takes, is U+FFFD. Throws over what JSON cannot
 * say.
 */
export const json = (value: unknown): string => JSON.stringify(value).replace(/(\\\\)|\\ud[89a-f]../g, (_, kept) => kept ?? '\ufffd');
