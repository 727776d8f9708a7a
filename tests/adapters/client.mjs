// One client of another protocol, as it is published: asks one question and says what came of it.
//
//     node client.mjs <kind> '{"url","token","channel","chat","message","run",…}'
//
// On stdout a line {"asked":…} when the question is on its way, and at the end one with what a page would show.
// `node_modules` is beside this file's copy: see conftest.py.
import { AbstractChat, DefaultChatTransport, WebSocketChatTransport } from 'ai';
import { WorkflowChatTransport } from '@ai-sdk/workflow/client';
import { HttpAgent } from '@ag-ui/client';
import { ProxiedCopilotRuntimeAgent } from '@copilotkit/core';

const [kind, json] = process.argv.slice(2);
const options = JSON.parse(json);
const { url, token, channel, chat: chatId, message, run: runId, resumable } = options;
const headers = { Authorization: `Bearer ${token}` };
const wrapped = resumable ? (await import(resumable)).resumable : (inner) => inner;

const requests = [];
/** The client's own fetch, which counts. */
const counted = async (input, init) => {
  requests.push(`${init?.method ?? 'GET'} ${new URL(String(input?.url ?? input)).pathname}`);
  return fetch(input, init);
};
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A chat whose state is in memory; useChat is this with React's. */
class Chat extends AbstractChat {
  constructor(init) {
    const state = {
      status: 'ready', error: undefined, messages: [],
      pushMessage(one) { state.messages = [...state.messages, one]; },
      popMessage() { state.messages = state.messages.slice(0, -1); },
      replaceMessage(at, one) { state.messages = state.messages.map((old, i) => (i === at ? one : old)); },
      snapshot: (thing) => structuredClone(thing),
    };
    super({ ...init, state });
  }
}

const transports = {
  default: () => new DefaultChatTransport({ api: `${url}/api/chat?channel=${channel}`, headers, fetch: wrapped(counted) }),
  workflow: () =>
    new WorkflowChatTransport({
      api: `${url}/api/chat`,
      fetch: counted,
      prepareSendMessagesRequest: ({ id, messages, trigger, messageId, api }) =>
        ({ api: `${api}?channel=${channel}`, headers, body: { id, messages, trigger, messageId } }),
      prepareReconnectToStreamRequest: ({ api }) => ({ api, headers }),
    }),
  websocket: () =>
    new WebSocketChatTransport({ url: `${url}/ws`, params: { protocol: 'ai-sdk', channel, session_token: token } }),
};

async function aiSdk() {
  let drops = 0, finished;
  const chat = new Chat({ id: chatId, transport: transports[kind](), onFinish: (how) => (finished = how) });
  const asking = chat.sendMessage({ id: message.id, role: 'user', parts: message.parts });
  say({ asked: true });
  if (options.stopAfter) {
    while (textOf(chat.lastMessage).length < options.stopAfter) await wait(5);
    await chat.stop();
  }
  await asking;
  // What an app does that hears of a drop: it resumes, and that is all.
  while (chat.status === 'error' && options.resumes) {
    if (++drops > 200) break;
    await wait(20);
    chat.clearError();
    await chat.resumeStream();
  }
  const parts = chat.lastMessage?.role === 'assistant' ? chat.lastMessage.parts : [];
  say({
    status: chat.status, error: chat.error?.message ?? null, text: textOf(chat.lastMessage), messages: chat.messages.length,
    parts: parts.map(({ type, state }) => ({ type, state: state ?? null })), requests, drops,
    finish: finished?.finishReason ?? null, aborted: finished?.isAbort ?? null,
  });
}

const textOf = (one) =>
  one?.role === 'assistant' ? one.parts.filter(({ type }) => type === 'text').map(({ text }) => text).join('') : '';

async function agUi() {
  const events = [], failures = [];
  const initialMessages = [{ id: message.id, role: 'user', content: message.parts[0].text }];
  const subscriber = { onEvent: ({ event }) => void events.push(event.type) };
  const agent =
    kind === 'http-agent'
      ? new HttpAgent({ url: `${url}/ag-ui/agent/${encodeURIComponent(channel)}/run`, headers, threadId: chatId, initialMessages, fetch: wrapped(counted) })
      : new ProxiedCopilotRuntimeAgent({ runtimeUrl: `${url}/ag-ui`, agentId: channel, headers, threadId: chatId, initialMessages, fetch: wrapped(counted) });
  agent.threadId = chatId;
  if (kind === 'copilot') agent.setMessages(initialMessages);
  const attempt = async (go) => {
    try {
      await go();
    } catch (error) {
      failures.push(String(error?.message ?? error));
    }
  };
  say({ asked: true });
  const running = attempt(() => agent.runAgent({ runId }, subscriber));
  if (options.stopAfter) {
    while (answerOf(agent).length < options.stopAfter) await wait(5);
    agent.abortRun();
  }
  await running;
  const isOver = () => events.at(-1) === 'RUN_FINISHED' || events.at(-1) === 'RUN_ERROR';
  let drops = 0;
  while (!isOver() && options.resumes && ++drops < 200) {
    await wait(20);
    await attempt(() => agent.connectAgent({}, subscriber));
  }
  say({ text: answerOf(agent), messages: agent.messages.map(({ role }) => role), events, failures, requests, drops });
}

const answerOf = (agent) => agent.messages.filter(({ role }) => role === 'assistant').map(({ content }) => content ?? '').join('');

// A broken connection may also reject a promise that nobody looks at: the client's own, and no failure of the page.
process.on('unhandledRejection', () => {});
await (kind in transports ? aiSdk() : agUi());
process.exit(0);
