// The chat on useGateway and useRun: one WebSocket; each answer is a run that goes on by itself.
import { useEffect, useRef, useState } from 'react';
import { useGateway, useGatewayState, useRun } from 'websocket-gateway-client/react';
import { Answer, Conversation, Question } from './conversation.jsx';
import { newId, useHistory } from './history.js';
import { token } from './session.js';

export function OwnChat({ address, menu }) {
  const gateway = useGateway(`${address}/ws`, { token });
  const line = useGatewayState(gateway);
  const { thread, turns, save, clear } = useHistory('useRun');
  const [unsent, setUnsent] = useState([]); // asked, and not known to the gateway yet
  const instance = useInstance(gateway);

  function ask(question) {
    const run = gateway.ask('guide', { message: question }, { thread_id: thread });
    const turn = { id: newId(), question };
    const without = () => setUnsent((others) => others.filter((other) => other !== turn));
    setUnsent((others) => [...others, turn]);
    run.ready.then((run_id) => {
      save({ id: run_id, question });
      without();
    }, (error) => {
      save({ id: turn.id, question, text: '', status: 'failed', error: { code: error.code, message: error.message } });
      without();
    });
  }

  const runs = useRuns(gateway, turns);
  const open = turns.filter(({ status }) => !status).at(-1);
  const stop = () => runs.get(open.id)?.cancel().catch(() => {});
  const where = line === 'open' && instance ? `Connected to ${instance}` : undefined;
  return <Conversation menu={menu} line={line} lineText={where} reason={gateway?.error?.code} isEmpty={turns.length + unsent.length === 0}
    onAsk={gateway && ask} onStop={open && stop} isBusy={unsent.length > 0} onClear={clear}>
    {turns.map((turn) => <Turn key={turn.id} turn={turn} run={turn.status ? null : runs.get(turn.id)} line={line} save={save} />)}
    {unsent.map(({ id, question }) => <div className="turn" key={id}>
      <Question>{question}</Question>
      <Answer text="" phase={line === 'open' ? 'sending' : 'unsent'} />
    </div>)}
  </Conversation>;
}

/** The runs of the turns that have no end yet: each is attached to, from its start, once for each connection. */
function useRuns(gateway, turns) {
  const [runs, setRuns] = useState(new Map());
  const held = useRef({});
  useEffect(() => {
    if (!gateway) return;
    if (held.current.gateway !== gateway) held.current = { gateway, runs: new Map() };
    const known = held.current.runs, open = turns.filter(({ id, status }) => !status && !known.has(id));
    if (!open.length) return;
    for (const { id } of open) known.set(id, gateway.attach(id));
    setRuns(new Map(known));
  }, [gateway, turns]);
  return runs;
}

/** What the gateway calls itself: behind one address there may be several. */
function useInstance(gateway) {
  const [instance, setInstance] = useState('');
  useEffect(() => gateway?.on('message', ({ event, instance_id }) => {
    if (event === 'welcome') setInstance(instance_id);
  }), [gateway]);
  return instance;
}

function Turn({ turn, run, line, save }) {
  const live = useRun(run);
  useEffect(() => {
    // Not when this page hears no more of it: then it has no end yet.
    run?.done.then(({ status, text, error, verified }) => {
      if (!['queued', 'in_progress'].includes(status)) save({ id: turn.id, text, status, error, verified });
    });
  }, [run, turn.id, save]);
  const shown = turn.status ? turn : live;
  return <div className="turn">
    <Question>{turn.question}</Question>
    <Answer text={shown.text} phase={turn.status ?? phaseOf(run, live, line)} error={shown.error} isChecked={shown.verified} />
  </div>;
}

function phaseOf(run, { status, owner, cancelRequested }, line) {
  const isOpen = ['queued', 'in_progress'].includes(status);
  if (!run || (isOpen && line !== 'open')) return 'interrupted';
  if (!isOpen) return status;
  if (cancelRequested) return 'stopping';
  return owner === 'lost' ? 'orphaned' : status;
}
