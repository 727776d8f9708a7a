// A run's text as this page holds it: always a beginning of the run's log, with the hash that proves it.

// h = (h·base + byte + 1) mod modulus over all bytes, in two moduli: products stay below 2^53, so doubles are exact.
const RUN_HASH = [{ modulus: 67108859, base: 31415927 }, { modulus: 67108837, base: 27182819 }];
const utf8 = new TextEncoder();

function fold(sums, bytes) {
  let [a, b] = sums;
  for (const byte of bytes) {
    a = (a * RUN_HASH[0].base + byte + 1) % RUN_HASH[0].modulus;
    b = (b * RUN_HASH[1].base + byte + 1) % RUN_HASH[1].modulus;
  }
  return [a, b];
}

const hashText = (sums) => sums.map((sum) => sum.toString(16).padStart(7, "0")).join("");

class RunText {
  constructor() {
    this.epoch = null;   // until the first message
    this.restart("");
  }

  restart(text) {
    this.text = "";
    this.pos = 0;        // bytes
    this.sums = [0, 0];
    this.append(text);
  }

  append(text) {
    const bytes = utf8.encode(text);
    this.text += text;
    this.pos += bytes.length;
    this.sums = fold(this.sums, bytes);
  }

  cut(pos) {
    this.restart(new TextDecoder().decode(utf8.encode(this.text).subarray(0, pos)));
  }

  // A text that was kept; one that its cursor does not fit is none.
  restore(cursor, text) {
    this.epoch = Number(cursor.split(".")[0]);
    this.restart(text);
    if (this.cursor === cursor) return;
    this.epoch = null;
    this.restart("");
  }

  get hash() { return hashText(this.sums); }
  get cursor() { return this.epoch === null ? undefined : `${this.epoch}.${this.pos}.${this.hash}`; }
  is(frame) { return frame.epoch === this.epoch && frame.pos === this.pos && frame.hash === this.hash; }

  // What an event of the run does to the text. Answers what there is to do: nothing (""), "resume", which is to
  // attach again with the cursor, or "restart": without it, since what is here is not what is there.
  take(frame) {
    return this[`take_${frame.event}`]?.(frame) ?? "";
  }

  // Looked at before it is taken, as a delta is: what does not fit is never shown.
  take_snapshot(frame) {
    const bytes = utf8.encode(frame.text);
    if (bytes.length !== frame.pos || hashText(fold([0, 0], bytes)) !== frame.hash) return "restart";
    this.epoch = frame.epoch;
    this.restart(frame.text);
    return "";
  }

  take_delta(frame) {
    this.epoch ??= frame.epoch;
    if (frame.epoch === this.epoch && frame.from < this.pos) return "";   // it is here already
    if (frame.epoch !== this.epoch || frame.from !== this.pos) return "resume";
    const bytes = utf8.encode(frame.text);
    if (hashText(fold(this.sums, bytes)) !== frame.hash || this.pos + bytes.length !== frame.pos) return "restart";
    this.append(frame.text);
    return "";
  }

  // Another owner: what is behind the common beginning goes.
  take_reset(frame) {
    this.epoch = frame.epoch;
    if (frame.pos < this.pos) this.cut(frame.pos);
    return frame.pos > this.pos || this.is(frame) ? "" : "restart";
  }

  // Deltas on their way may be behind one `top`, but not behind two.
  take_top(frame) {
    if (this.epoch === null && this.pos === 0) this.epoch = frame.epoch;
    const here = this.cursor;
    const wasBehind = this.behindAt === here;
    this.behindAt = undefined;
    if (frame.epoch === this.epoch && frame.pos === this.pos) return this.is(frame) ? "" : "restart";
    if (frame.epoch < this.epoch || (frame.epoch === this.epoch && frame.pos < this.pos)) return "";
    if (wasBehind) return "resume";
    this.behindAt = here;
    return "";
  }

  take_end(frame) {
    if (this.is(frame)) return "";
    return frame.epoch === this.epoch && frame.pos === this.pos ? "restart" : "resume";
  }
}
