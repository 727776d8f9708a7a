// The page: a switch between two ways to the same agent, and which of them is shown.
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { AiSdkChat } from './ai_sdk_chat.jsx';
import { OwnChat } from './own_chat.jsx';
import { openSession } from './session.js';
import './style.css';

const WAYS = { '#useRun': OwnChat, '#useChat': AiSdkChat };
const wayNow = () => (location.hash in WAYS ? location.hash : '#useRun');

function Switch({ way }) {
  return <nav className="switch" aria-label="How it is connected">
    {Object.keys(WAYS).map((one) => <a key={one} href={one} aria-current={one === way ? 'page' : undefined}>{one.slice(1)}</a>)}
  </nav>;
}

function Page() {
  const [way, setWay] = useState(wayNow), [site, setSite] = useState(null), [problem, setProblem] = useState('');
  useEffect(() => {
    const follow = () => setWay(wayNow());
    addEventListener('hashchange', follow);
    openSession().then(setSite, (error) => setProblem(error.message));
    return () => removeEventListener('hashchange', follow);
  }, []);
  const Chat = WAYS[way];
  if (site) return <Chat key={way} address={site.gateway} menu={<Switch way={way} />} />;
  return <p className="notice" role="status">{problem ? `No session: ${problem}` : 'Opening a session…'}</p>;
}

createRoot(document.querySelector('#root')).render(<Page />);
