// The chat on useChat of the AI SDK, with its own transport: a stream over HTTP, which resumable() keeps alive.
import { useChat } from '@ai-sdk/react';
import { DefaultChatTransport } from 'ai';
import { useEffect, useRef, useState } from 'react';
import { Answer, Conversation, Question } from './conversation.jsx';
import { newId, useHistory } from './history.js';
import { patient } from './patient.js';
import { token } from './session.js';

export function AiSdkChat({ address, menu }) {
  const history = useHistory('useChat');
  return <Thread key={history.thread} address={address} menu={menu} history={history} />;
}

function Thread({ address, menu, history: { thread, turns, save, clear } }) {
  const [isCut, setCut] = useState(false), [isStopping, setStopping] = useState(false), [asked, setAsked] = useState(null);
  const question = useRef(null); // the turn that is answered
  const [transport] = useState(() => new DefaultChatTransport({
    api: `${address}/api/chat?channel=guide`,
    // Other tabs hear of a question when the gateway has it: then there is something to resume.
    fetch: patient({ token, onCut: setCut, onTaken: () => { save(question.current); setAsked(null); } }),
  }));
  const chat = useChat({ id: thread, transport, messages: turns.flatMap(messagesOf), resume: true, throttle: 30, onFinish });

  function onFinish({ message, isAbort, isError, finishReason }) {
    setStopping(false);
    if (isAbort) return; // by this page, which goes: the run goes on
    const { id } = question.current ?? turns.at(-1);
    const hasFailed = isError || finishReason === 'error' || !finishReason; // each answer has a finish, and one
    save({ id, answer: message.id, text: textOf(message), status: hasFailed ? 'failed' : finishReason === 'other' ? 'cancelled' : 'completed' });
  }

  useOtherTabs(chat, turns);
  useEffect(() => {
    if (chat.error) save({ id: (question.current ?? turns.at(-1)).id, error: { message: chat.error.message } });
  }, [chat.error]);

  function ask(text) {
    question.current = { id: newId(), question: text };
    setAsked(question.current);
    void chat.sendMessage({ id: question.current.id, role: 'user', parts: [{ type: 'text', text }] });
  }

  /** Closing a stream stops nobody: this reaches the agent. */
  async function stop() {
    setStopping(true);
    const headers = { authorization: `Bearer ${await token()}` };
    await fetch(`${address}/api/chat/${thread}/stop`, { method: 'POST', headers }).catch(() => setStopping(false));
  }

  const isOpen = ['submitted', 'streaming'].includes(chat.status);
  const shown = asked && !turns.some(({ id }) => id === asked.id) ? [...turns, asked] : turns;
  return <Conversation menu={menu} line={isCut ? 'waiting' : 'open'} lineText={isCut || isOpen ? undefined : 'Ready'}
    isEmpty={shown.length === 0} isBusy={isOpen} onAsk={ask} onStop={isOpen && !asked && !isStopping && stop} onClear={clear}>
    {shown.map((turn) => {
      const text = turn.status ? turn.text : textOf(answerTo(turn.id, chat.messages));
      const phase = turn.status ?? (turn === asked ? (isCut ? 'unsent' : 'sending')
        : isCut || !isOpen ? 'interrupted' : isStopping ? 'stopping' : text ? 'in_progress' : 'queued');
      return <div className="turn" key={turn.id}>
        <Question>{turn.question}</Question>
        <Answer text={text} phase={phase} error={turn.error} />
      </div>;
    })}
  </Conversation>;
}

/** What another tab has asked is followed here. */
function useOtherTabs(chat, turns) {
  const known = useRef(new Set(turns.map(({ id }) => id)));
  useEffect(() => {
    const isNew = turns.some(({ id }) => !known.current.has(id) && !chat.messages.some((message) => message.id === id));
    for (const { id } of turns) known.current.add(id);
    if (!isNew) return;
    chat.setMessages(turns.flatMap(messagesOf));
    void chat.resumeStream();
  }, [turns]);
}

const messagesOf = ({ id, question, answer, text }) => [
  { id, role: 'user', parts: [{ type: 'text', text: question }] },
  ...answer ? [{ id: answer, role: 'assistant', parts: [{ type: 'text', text }] }] : [],
];

const answerTo = (id, messages) => {
  const next = messages[messages.findIndex((message) => message.id === id) + 1];
  return next?.role === 'assistant' ? next : undefined;
};

const textOf = (message) => (message?.parts ?? []).filter(({ type }) => type === 'text').map(({ text }) => text).join('');
