// A page that goes on with its answer each time it is loaded. Tests read `window.tab`.
import { connect } from '../../dist/index.js';

const { gateway: address, token } = Object.fromEntries(new URLSearchParams(location.search));
const atLoad = sessionStorage.getItem('gateway-client');
const tab = window.tab = { atLoad, states: [] };

window.again = () => {
  tab.gateway?.close();
  tab.gateway = connect(address, { token });
  tab.gateway.on('state', (state) => tab.states.push(state));
};
again();

function follow(run) {
  tab.run = run;
  const keep = () => run.run_id && sessionStorage.setItem('answer', JSON.stringify({ run_id: run.run_id, cursor: run.cursor(), text: run.text }));
  run.ready.then(keep, () => {});
  run.on('text', keep);
  return run;
}

tab.ask = (message) => follow(tab.gateway.ask('guide', { message })).ready;
const kept = sessionStorage.getItem('answer');
if (kept) follow(tab.gateway.attach(JSON.parse(kept)));
