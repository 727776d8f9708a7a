// What is to be seen of a conversation, whoever brings it here.
import { useEffect, useRef, useState } from 'react';

const LINES = { connecting: 'Connecting…', open: 'Connected', waiting: 'Connection lost. Reconnecting…', closed: 'Disconnected' };

/** How an answer is, in words. What is still written has a mark at its end. */
const PHASES = {
  sending: 'Sending…',
  unsent: 'Not sent yet: there is no connection',
  queued: 'Waiting for an agent…',
  in_progress: 'Writing…',
  interrupted: 'Interrupted: it goes on when the connection is back',
  orphaned: 'The agent is gone. Another one may go on…',
  stopping: 'Stopping…',
  completed: 'Complete',
  cancelled: 'Stopped',
  failed: 'Failed',
  abandoned: 'Failed',
};
const WRITTEN = ['queued', 'in_progress', 'stopping'];
const OVER = ['completed', 'cancelled', 'failed', 'abandoned'];

const TRIES = ['Tell me a story', 'Count to 300', 'Please fail'];

/**
 * `line`: connecting, open, waiting or closed. `onAsk` is absent while nothing can be asked, `onStop` while there is
 * nothing to stop.
 */
export function Conversation({ menu, line, lineText, reason, isEmpty, isBusy, onAsk, onStop, onClear, children }) {
  const box = useRef(null);
  return <div className="page">
    <header>
      <h1>Chat</h1>
      {menu}
      <p className={`line ${line}`} role="status">{lineText ?? LINES[line]}{line === 'closed' && reason ? ` (${reason})` : ''}</p>
      <button type="button" className="quiet" onClick={() => { onClear(); box.current?.focus(); }} disabled={isEmpty || !!onStop}>New conversation</button>
    </header>
    <main>
      <Log isEmpty={isEmpty} onTry={onAsk}>{children}</Log>
      <Composer box={box} onAsk={onAsk} onStop={onStop} isBusy={isBusy || !!onStop} />
    </main>
  </div>;
}

/** Follows what is written, unless somebody has scrolled up. */
function Log({ isEmpty, onTry, children }) {
  const log = useRef(null), isAtEnd = useRef(true);
  const look = () => { isAtEnd.current = log.current.scrollHeight - log.current.scrollTop - log.current.clientHeight < 60; };
  useEffect(() => {
    if (isAtEnd.current) log.current.scrollTop = log.current.scrollHeight;
  });
  useEffect(() => {
    const growing = new ResizeObserver(() => { if (isAtEnd.current) log.current.scrollTop = log.current.scrollHeight; });
    growing.observe(log.current.firstElementChild);
    return () => growing.disconnect();
  }, []);
  // Focusable, so that it can be scrolled with the keyboard.
  return <div className="log" role="log" aria-label="Conversation" tabIndex={0} ref={log} onScroll={look}>
    <div className="turns">
      {isEmpty && <div className="tries">
        <p>Ask something. Then reload the page, unplug the network or kill the gateway in the middle of the answer.</p>
        {TRIES.map((text) => <button type="button" key={text} disabled={!onTry} onClick={() => onTry(text)}>{text}</button>)}
      </div>}
      {children}
    </div>
  </div>;
}

export function Question({ children }) {
  return <article className="question" aria-label="You">{children}</article>;
}

/** While it is written it is busy: a screen reader reads it when it is whole. */
export function Answer({ text, phase, error, isChecked }) {
  const isWritten = WRITTEN.includes(phase), bytes = new TextEncoder().encode(text).length;
  const why = error && ['failed', 'abandoned'].includes(phase) ? `: ${error.message || error.code}` : '';
  const checked = isChecked && text && OVER.includes(phase) ? ` · ${bytes.toLocaleString('en')} bytes, checked` : '';
  return <article className={`answer ${phase}`} aria-label="Agent" aria-busy={isWritten}>
    <div className="text" data-text>{text}{isWritten && <span className="caret" aria-hidden="true" />}</div>
    <p className="phase">{PHASES[phase]}{why}{checked}</p>
  </article>;
}

function Composer({ box, onAsk, onStop, isBusy }) {
  const [text, setText] = useState('');
  const mayAsk = !!onAsk && !isBusy && text.trim() !== '';
  function submit(event) {
    event.preventDefault();
    if (!mayAsk) return;
    onAsk(text.trim());
    setText('');
  }
  const onKeyDown = (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) submit(event);
  };
  return <form className="composer" onSubmit={submit}>
    <textarea ref={box} aria-label="Message" placeholder="Message" rows={1} autoFocus value={text} onChange={({ target }) => setText(target.value)} onKeyDown={onKeyDown} />
    {onStop ? <button type="button" className="stop" onClick={onStop}>Stop</button> : <button disabled={!mayAsk}>Send</button>}
  </form>;
}
