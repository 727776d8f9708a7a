// A chat as React has it, in strict mode: each effect runs twice.
import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { useGateway, useGatewayState, useRun } from '../../dist/react.js';

const { gateway: address, token: first } = Object.fromEntries(new URLSearchParams(location.search));

function Chat({ token }) {
  const gateway = useGateway(address, { token });
  const state = useGatewayState(gateway);
  const [run, setRun] = useState(null);
  const { text, status, error } = useRun(run);
  return (
    <main>
      <p id="state">{state}</p>
      <button onClick={() => setRun(gateway.ask('guide', { message: 'hello' }))} disabled={!gateway}>Ask</button>
      <button onClick={() => run.cancel().catch(() => {})}>Stop</button>
      <p id="status">{status}{error ? ` (${error.code})` : ''}</p>
      <article>{text}</article>
    </main>
  );
}

function App() {
  const [shown, setShown] = useState(true), [token, setToken] = useState(first);
  window.logIn = setToken;
  return <>{shown && <Chat token={token} />}<button onClick={() => setShown(!shown)}>Toggle</button></>;
}

const root = document.createElement('div');
document.body.append(root);
createRoot(root).render(<StrictMode><App /></StrictMode>);
