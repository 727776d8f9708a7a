// Server-Sent Events, as a stream of text in pieces (WHATWG HTML, 9.2).

export interface SseEvent {
  id?: string;
  event: string;
  data: string;
}

const END = /\r\n(?:\r\n|\r|\n)|\n(?:\r\n|\r|\n)|\r\r\n?/;

/** Takes pieces, gives whole events as they stand, each with the empty line behind it. */
export class EventSplitter {
  private _rest = '';

  *push(piece: string): Generator<string> {
    this._rest += piece;
    for (let end; (end = END.exec(this._rest)); ) {
      const after = end.index + end[0].length;
      yield this._rest.slice(0, after);
      this._rest = this._rest.slice(after);
    }
  }
}

export function parseEvent(text: string): SseEvent {
  const found: SseEvent = { event: 'message', data: '' }, data: string[] = [];
  for (const line of text.split(/\r\n|\r|\n/)) {
    const [, name, value] = /^([^:]+)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === 'id') found.id = value ?? '';
    else if (name === 'event') found.event = value ?? '';
    else if (name === 'data') data.push(value ?? '');
  }
  found.data = data.join('\n');
  return found;
}
