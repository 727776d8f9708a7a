// The page: a session, and a chat in it.
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { OwnChat } from './own_chat.jsx';
import { openSession } from './session.js';
import './style.css';

const WAYS = { '#useRun': OwnChat };
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
