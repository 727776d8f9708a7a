import { hostname } from 'node:os';
import { Api, type ApiOptions, linked, pause, Refused } from './api.js';
import { newId } from './events.js';
import { EventSplitter, parseEvent } from './sse.js';
import { wait } from './wait.js';
import { AgentError, AgentRun, ANOTHERS, type Claim, OVER } from './writer.js';

export { AgentError, Refused };
export { textOf } from './chunks.js';
export type { Agent };
export type { AgentRun, Claim, End, EndStatus } from './writer.js';

const SILENCE = 60e3; // comments come more often

export interface AgentOptions extends ApiOptions {
  /** The name of this process's life. Absent: made of its host, its pid and 64 random bits. */
  producer?: string;
}

export interface Envelope {
  message_id: string;
  channel: string;
  message: any;
  connection_id?: string | null;
  user_id?: string | null;
  run?: { run_id: string; thread_id: string | null; format: string; protocol: string | null };
  [member: string]: any;
}

export interface Subscription {
  /** Each message goes to one member of it, until it is acknowledged. */
  group?: string;
  signal?: AbortSignal;
  /** Messages may have been missed. */
  onGap?: (reason: any) => void;
}

export interface Serving extends Subscription, Claim {
  /** So many answers at once. */
  concurrency?: number;
  onError?: (error: unknown, envelope: Envelope) => void;
  /** Gets the messages that ask for no run. They are acknowledged when it returns; without it they are not. */
  onMessage?: (envelope: Envelope) => unknown;
}

interface Delivery { channel: string; group?: string; id: string }

/** An agent: hears what is asked on channels, and answers in runs. */
class Agent {
  readonly producer: string;
  private _api: Api;
  private _life = new AbortController();
  private _deliveries = new WeakMap<Envelope, Delivery>();
  private _open = new Map<string, AgentRun>();

  constructor(url: string | URL, options: AgentOptions = {}) {
    this._api = new Api(url, options);
    this.producer = options.producer ?? `${hostname()}-${process.pid}-${newId().slice(16)}`;
  }

  /** What is asked on a channel, until the signal fires or close(). It comes back by itself. */
  async *subscribe(channel: string, { group, signal, onGap }: Subscription = {}): AsyncGenerator<Envelope, void> {
    const link = linked(this._life.signal, signal), query = new URLSearchParams({ channel, ...group ? { group } : {} });
    try {
      for (let failures = 0, last = ''; !link.signal.aborted; ) {
        try {
          for await (const { id, event, data } of this._events(`/websocket/subscribe?${query}`, group ? '' : last, link.signal)) {
            failures = 0;
            if (id) last = id;
            if (event !== 'message') {
              onGap?.(data);
              continue;
            }
            const envelope: Envelope = JSON.parse(data);
            this._deliveries.set(envelope, { channel, group, id: id ?? envelope.message_id });
            yield envelope;
          }
        } catch (error) {
          if (error instanceof Refused) throw error;
          if (!link.signal.aborted) this._api.onRetry?.(error);
        }
        if (!link.signal.aborted) await wait(pause(failures++, 0, Math.random()), link.signal);
      }
    } finally {
      link.free();
    }
  }

  /**
   * Owns the envelope's run. With `answer`: ends it when that returns (`completed`, or `cancelled`) or throws (`failed`),
   * and acknowledges the message; without, both are yours.
   */
  async run(envelope: Envelope, answer?: (run: AgentRun) => unknown, claim: Claim = {}): Promise<AgentRun> {
    const asked = envelope.run;
    if (!asked) throw new TypeError('The message asks for no run: answer it with reply()');
    const { run_id, format } = asked, to = this._deliveries.get(envelope);
    // Delivered again while this process still answers it.
    if (this._open.has(run_id)) throw new Refused(409, { code: 'run_held', error: 'This process has it already' });
    const delivery = to?.group ? { group: to.group, id: to.id } : undefined;
    const options = { ...claim, delivery, json: format === 'json', framed: !['text', 'json'].includes(format) };
    const run = new AgentRun(this._api, this.producer, run_id, newId, this._life.signal, options);
    this._open.set(run_id, run);
    let failure: unknown;
    try {
      await run._begin();
      if (answer) await this._answer(run, answer);
      else run.signal.addEventListener('abort', () => this._open.delete(run_id));
    } catch (error) {
      failure = error;
    }
    if (answer || failure) this._open.delete(run_id);
    const isOver = failure instanceof Refused && OVER.includes(failure.code);
    // Without an end it is another's, who acknowledges it; or another may do better.
    if (answer && (isOver || run._ended) && !this._life.signal.aborted) await this.ack(envelope);
    if (failure && !(answer && isOver)) throw failure;
    return run;
  }

  /** Answers what comes on a channel, several at once. What another agent has by now is left to it. */
  async serve(channel: string, answer: (run: AgentRun, envelope: Envelope) => unknown, options: Serving = {}): Promise<void> {
    const { concurrency = 16, onError = console.error, onMessage } = options, open = new Set<Promise<void>>();
    for await (const envelope of this.subscribe(channel, options)) {
      if (!envelope.run && !onMessage) continue;
      const answered = envelope.run ? this.run(envelope, (run) => answer(run, envelope), options) : this._other(envelope, onMessage!);
      const one: Promise<void> = answered.then(() => {}, (error) => {
        const isExpected = this._life.signal.aborted || (error instanceof Refused && ANOTHERS.includes(error.code));
        if (!isExpected) onError(error, envelope);
      }).finally(() => open.delete(one));
      open.add(one);
      if (open.size >= concurrency) await Promise.race(open);
    }
    await Promise.all(open);
  }

  /** A run that nobody asked for (docs/PROTOCOL.md, `POST /runs`): `to` whom, `push`, `metadata` … */
  async create(channel: string, { format = 'text', ...fields }: Record<string, any> = {}): Promise<AgentRun> {
    const run_id = fields.run_id ?? `made-${newId()}`, token = newId();
    const body = { ...fields, run_id, channel, format, producer: this.producer, token };
    const created = await this._api.untilAnswered('/runs', body, this._life.signal);
    const run = new AgentRun(this._api, this.producer, run_id, newId, this._life.signal, { json: format === 'json' });
    return run._begin(created);
  }

  /** Answers a message that asks for no run. */
  reply(envelope: Envelope, message: object): Promise<unknown> {
    return this._api.post('/websocket/send', { connection_id: envelope.connection_id, message }, this._life.signal);
  }

  /** The message is done: it is not delivered again. Of a subscription without a group nothing has to be. */
  ack(envelope: Envelope): Promise<void> { return this._tell('ack', envelope); }

  /** It takes longer: it is not delivered again before another `ack-wait`. A run that is owned needs no such word. */
  working(envelope: Envelope): Promise<void> { return this._tell('working', envelope); }

  /** Ends the subscriptions, and sends nothing more: runs that are open go to another agent, or end. */
  close(): void { this._life.abort(); }

  private async _other(envelope: Envelope, answer: (envelope: Envelope) => unknown): Promise<void> {
    await answer(envelope);
    await this.ack(envelope);
  }

  private async _tell(verb: string, envelope: Envelope): Promise<void> {
    const { channel, group, id } = this._deliveries.get(envelope) ?? {} as Partial<Delivery>;
    if (group) await this._api.untilAnswered(`/websocket/${verb}`, { channel, group, ids: [id] }, this._life.signal);
  }

  private async _answer(run: AgentRun, answer: (run: AgentRun) => unknown): Promise<void> {
    let failed = false, failure: unknown;
    try {
      await answer(run);
    } catch (error) {
      [failed, failure] = [true, error];
    }
    this._life.signal.throwIfAborted();
    try {
      if (run.over) throw run._failure;
      if (run.cancelled) await run.end('cancelled'); // its model was stopped: no failure
      else if (failed) await run._thrown(failure);
      else await run.end();
    } catch (error) {
      if (error) throw error;
    }
    if (failed && !run.cancelled) throw failure;
  }

  private async *_events(path: string, last: string, signal: AbortSignal) {
    const link = linked(signal), stop = () => link.abort(new Error('The stream is silent'));
    let timer = setTimeout(stop, SILENCE);
    try {
      const headers: Record<string, string> = last ? { 'last-event-id': last } : {};
      const response = await this._api.open(path, { headers, signal: link.signal });
      const splitter = new EventSplitter(), decoder = new TextDecoder();
      for await (const bytes of response.body as unknown as AsyncIterable<Uint8Array>) {
        clearTimeout(timer);
        for (const text of splitter.push(decoder.decode(bytes, { stream: true }))) {
          const event = parseEvent(text);
          if (event.data) yield event;
        }
        timer = setTimeout(stop, SILENCE);
      }
    } finally {
      clearTimeout(timer);
      link.free();
    }
  }
}

export const agent = (url: string | URL, options?: AgentOptions): Agent => new Agent(url, options);
