// When to come back, and whether. Time and chance are arguments.

/** Milliseconds of silence: with an open run, without one, and of a ping that is not answered. */
export const SILENCE = 6e3, SILENCE_IDLE = 45e3, PONG = 10e3;

/** What a close code asks for: to end, to end unless token() has a new one, to wait long, or else to come back. */
export const verdict = (code: number): 'end' | 'token' | 'slow' | undefined =>
  ({ 4010: 'end', 1008: 'token', 4001: 'token', 4003: 'token', 4004: 'slow', 4029: 'slow' } as any)[code];

/** Whether the gateway closed because of something that it was sent: it is not sent again. */
export const isOurFault = (code: number): boolean => [2, 3, 7, 9].includes(code - 1e3);

/**
 * Milliseconds before the attempt after `failures`: full jitter, so that a restarted gateway is not stormed. Where there
 * were too many connections, at least 5 s; never less than `floor`, which the gateway asked for.
 */
export const backoff = (failures: number, slow?: boolean, floor = 0, chance = Math.random()): number =>
  Math.max(floor, slow ? 5e3 : 0) + chance * Math.min(slow ? 55e3 : 20e3, (slow ? 5e3 : 250) * 2 ** failures);

/** Whether a connection that has been silent has to be asked, or given up (1). `pinged`: when it was asked, or 0. */
export const watch = (now: number, heard: number, pinged: number, open: boolean): false | 'ask' | 1 =>
  pinged ? now - pinged > PONG && 1 : now - heard > (open ? SILENCE : SILENCE_IDLE) && 'ask';
