// The runs of one gateway, as docs/PROTOCOL.md has them, behind a fetch that loses requests and answers, and an engine
// that comes back without its last moments.
import { encode, fold, hex } from '../src/fold.ts';

const KEPT = 16, LEASE = 10_000;

export class FakeRuns {
  constructor(chance = () => 1) {
    this.chance = chance; // 0..1
    this.losses = 0;
    this.run = { text: '', epoch: 0, producer: null, token: null, seqs: new Map(), next: 0, status: 'queued', cancel: false, until: 0 };
    this.past = [];
    this.calls = [];
    this.waiting = new Set();
    this.hung = 0; // so many heartbeats go nowhere
    this.fetch = this.fetch.bind(this);
  }

  async fetch(url, { body, signal }) {
    const verb = new URL(url).pathname.split('/').at(-1), asked = JSON.parse(body);
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
    if (this.chance() < this.losses) throw new TypeError('the request was lost');
    this.calls.push({ verb, at: Date.now(), body, ...asked });
    if (verb === 'heartbeat' && this.hung-- > 0) await this.untilCancelled(signal, 1e9);
    const before = structuredClone(this.run);
    let [status, answer] = this[verb](asked);
    if (verb === 'heartbeat' && status === 200 && asked.wait_ms && !this.run.cancel) {
      await this.untilCancelled(signal, asked.wait_ms);
      answer = { ...answer, cancel_requested: this.run.cancel };
    }
    if (status === 200 && verb !== 'heartbeat') {
      this.past.push(before);
      if (this.chance() < this.losses) throw new TypeError('the answer was lost');
    }
    if (this.chance() < this.losses) return new Response('{}', { status: 503 });
    return new Response(JSON.stringify(answer), { status });
  }

  /** A replica takes over that has not had the last `count` changes. */
  loseTail(count) {
    const at = Math.max(0, this.past.length - count);
    if (this.past[at]) this.run = structuredClone(this.past[at]);
    this.past.length = at;
  }

  cancel() {
    this.run.cancel = true;
    for (const wake of this.waiting) wake();
  }

  untilCancelled(signal, milliseconds) {
    return new Promise((resolve, reject) => {
      const wake = () => {
        clearTimeout(timer);
        this.waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, milliseconds);
      this.waiting.add(wake);
      signal.addEventListener('abort', () => {
        reject(signal.reason);
        wake();
      }, { once: true });
    });
  }

  /** Its owner was not heard of for a lease. */
  lapse() { this.run.until = 0; }

  state(text = this.run.text) {
    const bytes = encode(text);
    return { pos: bytes.length, hash: hex(fold(bytes)) };
  }

  refuse(status, code, more = {}) {
    const { status: is, epoch } = this.run;
    return [status, { success: false, code, run: { status: is, epoch, ...this.state() }, ...more }];
  }

  claim({ producer, token, keep, epoch = 0 }) {
    const { run } = this;
    if (token === run.token && producer === run.producer) return [200, { epoch: run.epoch, lease_ms: LEASE, text: run.text }];
    if (this.isOver()) return this.refuse(409, 'run_ended');
    if (producer !== run.producer && Date.now() < run.until) return this.refuse(409, 'run_held', { retry_after_ms: run.until - Date.now() });
    if (epoch && epoch < run.epoch) return this.refuse(409, 'run_moved');
    const bytes = encode(run.text);
    if (keep !== 'all' && keep > bytes.length) return this.refuse(409, 'run_moved');
    const text = keep === 'all' ? run.text : new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, keep));
    Object.assign(run, { text, producer, token, epoch: Math.max(run.epoch, epoch) + 1, seqs: new Map(), next: 0, status: 'in_progress', until: Date.now() + LEASE });
    return [200, { epoch: run.epoch, lease_ms: LEASE, text }];
  }

  append({ producer, epoch, seq, text, items, end }) {
    const { run } = this, bytes = JSON.stringify([text, items, end]);
    if (producer !== run.producer || epoch !== run.epoch) return this.refuse(403, 'fenced', { epoch: run.epoch });
    const stored = run.seqs.get(seq);
    if (stored) return stored.bytes === bytes ? [200, { status: 'duplicate', ...stored.answer }] : this.refuse(409, 'sequence_conflict');
    if (seq < run.next) return this.refuse(409, 'sequence_conflict');
    if (this.isOver()) return this.refuse(409, 'run_ended');
    if (seq > run.next) return this.refuse(409, 'sequence_gap', { expected_seq: run.next });
    run.until = Date.now() + LEASE;
    run.text += text ?? (items ?? []).map((item) => `${JSON.stringify(item)}\n`).join('');
    if (end) Object.assign(run, { status: end.status, ended: end });
    const answer = { seq, ...this.state(), run_status: run.status, cancel_requested: run.cancel };
    run.seqs.set(seq, { bytes, answer });
    run.seqs.delete(seq - KEPT);
    run.next++;
    return [200, { status: 'appended', ...answer }];
  }

  end(asked) { return this.append(asked); }

  heartbeat({ producer, epoch }) {
    const { run } = this;
    if (producer !== run.producer || epoch !== run.epoch) return this.refuse(403, 'fenced', { epoch: run.epoch });
    if (this.isOver()) return this.refuse(409, 'run_ended');
    run.until = Date.now() + LEASE;
    return [200, { run_status: run.status, ...this.state(), cancel_requested: run.cancel, lease_ms: LEASE }];
  }

  ack() { return [200, {}]; }

  isOver() { return !['queued', 'in_progress'].includes(this.run.status); }
}

/** The same numbers each time. */
export function seeded(seed) {
  let state = seed * 2654435761 >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
