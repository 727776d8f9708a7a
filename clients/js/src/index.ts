import { Events, GatewayError } from './events.js';
import { Gateway, type Options } from './gateway.js';

export { GatewayError };
export type { Ack, Ask, GatewayEvents, Options, State, Target } from './gateway.js';
export type { Failure, RunEvents, RunMessage, Status } from './run.js';
export type { Gateway };
export type { Run } from './run.js';
export type { Events };

/**
 * A connection to the gateway at `url` (`wss://host/ws`; of an address without a path `/ws`), which comes back by
 * itself until close().
 */
export const connect = (url: string | URL, options: Options = {}): Gateway => new Gateway(url, options);
