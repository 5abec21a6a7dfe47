/* SPDX-License-Identifier: BSD-3-Clause */
/* Fills the page from the stream of snapshots and, for the charts, from the history. Everything
   that comes from a miner is put in as text, never as markup. */
'use strict';

const HISTORY_MS = 2000;
const byId = (id) => document.getElementById(id);

/* ---- numbers as text ---- */

function scaled(value, unit) {
  const prefixes = ['', 'k', 'M', 'G', 'T'];
  let i = 0;
  while (value >= 9999.5 && i < prefixes.length - 1) {
    value /= 1000;
    i++;
  }
  const digits = value === 0 || Number.isInteger(value) && i === 0 ? 0 : value < 10 ? 2 : value < 100 ? 1 : 0;
  return `${value.toFixed(digits)} ${prefixes[i]}${unit}`.trimEnd();
}

const rate = (hps) => hps === null ? '–' : scaled(hps, 'H/s');
const count = (n) => n.toLocaleString('en').replaceAll(',', '\u202f');
const millis = (ms) => ms === null ? '–' :
  ms >= 9999.5 ? (ms / 1000).toFixed(1) + ' s' :
  (ms === 0 ? '0' : ms < 1 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : ms.toFixed(0)) + ' ms';

function duration(seconds) {
  const s = Math.floor(seconds), parts = [];
  if (s >= 86400) parts.push(Math.floor(s / 86400) + ' d');
  if (s >= 3600) parts.push(Math.floor(s / 3600) % 24 + ' h');
  if (s >= 60 && s < 86400) parts.push(Math.floor(s / 60) % 60 + ' min');
  if (s < 3600) parts.push(s % 60 + ' s');
  return parts.join(' ');
}

/* ---- tiles ---- */

function set(id, text) {
  const node = byId(id);
  if (node.textContent !== text) node.textContent = text;
}

function showRates(windows) {
  for (const one of windows) {
    const known = one.rate_hps !== null;
    const error = known && one.shares > 0 ? `± ${Math.round(100 / Math.sqrt(one.shares))} %` : '';
    const covered = one.covered_s + 1.5 < one.window_s ? `over ${duration(one.covered_s)}` : '';
    set(`rate-${one.window_s}`, rate(one.rate_hps));
    set(`error-${one.window_s}`, [error, known ? covered : ''].filter((part) => part !== '').join(', '));
  }
}

function showShares(shares) {
  const all = shares.accepted + shares.rejected;
  set('accepted', count(shares.accepted));
  set('work', `${scaled(shares.accepted_work, 'H')} of work`);
  set('rejected', count(shares.rejected));
  set('rejected-part', all > 0 ? `${(100 * shares.rejected / all).toFixed(1)} % of ${count(all)}` : '');
  const rows = Object.entries(shares.verdicts).filter(([name, n]) => n > 0 || name === 'accepted');
  fill('verdicts', rows, ([name, n]) => [verdict(name), number(count(n))]);
}

function showSummary(summary) {
  const {sessions, latency, verification, chain} = summary;
  set('algo', summary.algo);
  set('source', chain.source === 'daemon' ? 'blocks of a daemon' : 'simulated chain');
  set('uptime', duration(summary.uptime_s));
  showRates(summary.hashrate);
  showShares(summary.shares);
  set('workers-now', count(sessions.workers));
  set('connected', `${count(sessions.connected)} connected, ${count(sessions.logins)} logins`);
  set('median', millis(latency.median_ms));
  set('p99', latency.p99_ms === null ? '' : `p99 ${millis(latency.p99_ms)}`);
  set('queue', count(verification.queue));
  set('queue-max', `of ${count(verification.queue_max)}` +
    (verification.hash_mean_ms === null ? '' : `, ${millis(verification.hash_mean_ms)} a hash`));
  set('height', count(chain.height));
  set('netdiff', `difficulty ${scaled(chain.network_difficulty, '')}`);
  set('blocks-accepted', count(chain.blocks_accepted));
  set('blocks-found', `${count(chain.blocks_found)} found`);
  set('tip', chain.tip === null ? '–' : chain.tip);
  set('seed', chain.seed === null ? 'none for this algorithm' : chain.seed);
  set('jobs-sent', `${count(summary.jobs.sent)} sent`);
}

/* ---- tables ---- */

function cell(text, className) {
  const node = document.createElement('td');
  node.textContent = text;
  if (className) node.className = className;
  return node;
}

const number = (text, more) => cell(text, more ? 'number ' + more : 'number');

function time(iso, className) {
  const node = cell('', className);
  if (iso === null) {
    node.textContent = '–';
    return node;
  }
  const stamp = document.createElement('time');
  stamp.dateTime = iso;
  stamp.textContent = new Date(iso).toLocaleTimeString('en-GB');
  node.append(stamp);
  return node;
}

const verdict = (name) => cell(name.replaceAll('_', ' '), name === 'accepted' ? 'good' : 'bad');

function text(value, className) {
  const node = cell(value === '' ? '–' : value, className ? 'text ' + className : 'text');
  node.title = value;
  return node;
}

const shown = new Map();

/* Rows are made anew only when what they show has changed. */
function fill(id, rows, cells) {
  const body = byId(id);
  const key = JSON.stringify(rows);
  if (shown.get(id) === key) return;
  shown.set(id, key);
  const nodes = rows.map((row) => {
    const node = document.createElement('tr');
    node.append(...cells(row));
    return node;
  });
  if (nodes.length === 0) {
    const none = cell('nothing yet', 'empty');
    none.colSpan = 8;
    nodes.push(document.createElement('tr'));
    nodes[0].append(none);
  }
  body.replaceChildren(...nodes);
}

function showTables(snapshot) {
  const workers = snapshot.workers;
  set('workers-count', workers.count > workers.workers.length ? `${workers.workers.length} of ${count(workers.count)} shown` : '');
  fill('workers', workers.workers, (w) => [
    text(w.rig_id === '' ? w.login : `${w.login} (${w.rig_id})`), number(rate(w.rate_hps)),
    number(count(w.accepted)), number(count(w.rejected), w.rejected > 0 ? 'bad' : ''),
    number(count(w.difficulty), 'wide'), time(w.last_share, 'wide'), text(w.agent, 'wide'), text(w.peer, 'wide')]);
  fill('shares', snapshot.shares, (s) => [
    time(s.time), verdict(s.verdict), text(s.login), number(count(s.difficulty), 'wide'),
    number(s.share_difficulty === null ? '–' : count(s.share_difficulty), 'wide'), number(millis(s.latency_ms))]);
  fill('blocks', snapshot.blocks, (b) => [
    time(b.time), number(count(b.height)), cell(b.accepted ? 'accepted' : 'not accepted', b.accepted ? 'good' : 'bad'),
    text(b.id, 'hex')]);
  fill('jobs', snapshot.jobs, (j) => [
    time(j.time), cell(j.job_id, 'hex'), number(String(j.session), 'wide'), number(count(j.height), 'wide'), number(count(j.difficulty))]);
}

/* ---- charts ---- */

const charts = [
  new Chart(byId('chart-rate'), [{name: 'hash rate', key: 'rate_hps'}], rate, false),
  new Chart(byId('chart-shares'), [{name: 'accepted', key: 'accepted'}, {name: 'rejected', key: 'rejected'}], count, true),
  new Chart(byId('chart-latency'), [{name: 'median', key: 'latency_median_ms'}, {name: 'p99', key: 'latency_p99_ms'}], millis, false),
  new Chart(byId('chart-load'), [{name: 'sessions', key: 'sessions'}, {name: 'queue', key: 'queue'}], count, true),
];

async function showHistory() {
  if (document.hidden) return;
  try {
    const reply = await fetch('api/v1/history');
    if (!reply.ok) return;
    const history = await reply.json();
    const points = history.age_s.length;
    if (points > 1) {
      const step = (history.age_s[0] - history.age_s[points - 1]) / (points - 1);
      set('span', `last ${duration(history.age_s[0])}, a point every ${duration(Math.max(1, Math.round(step)))}`);
    }
    charts.forEach((chart) => chart.update(history));
  } catch {
    /* The stream notices too, and says so. */
  }
}

/* ---- the stream ---- */

function showState(className, words) {
  const state = byId('state');
  state.className = 'state ' + className;
  if (state.textContent !== words) state.textContent = words;
  document.body.classList.toggle('stale', className === 'lost');
}

function follow() {
  const stream = new EventSource('api/v1/events');
  stream.onmessage = (event) => {
    const snapshot = JSON.parse(event.data);
    showSummary(snapshot.summary);
    showTables(snapshot);
    showState('live', 'live');
  };
  stream.onerror = () => {
    showState('lost', 'connection lost, trying again');
    if (stream.readyState === EventSource.CLOSED) { /* an error as an answer: the browser gives up */
      setTimeout(follow, HISTORY_MS);
    }
  };
}

follow();
showHistory();
setInterval(showHistory, HISTORY_MS);
document.addEventListener('visibilitychange', showHistory);
