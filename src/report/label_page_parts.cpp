// How the label page looks and what its buttons do.
#include "report/label_page.h"

namespace headstart {

const char* const kLabelPageStyle = R"(main { max-width: 1240px; padding-bottom: 110px; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(232px, 1fr)); gap: 14px; }
.card { background: var(--ink-surface); border: 2px solid var(--ink-grid); border-radius: 10px; padding: 10px;
  display: flex; flex-direction: column; gap: 8px; scroll-margin: 20px 0 90px; }
.card:focus { outline: 3px solid var(--ink-series0); outline-offset: 2px; }
.card img, .card .none { width: 100%; height: 190px; object-fit: contain; background: var(--ground);
  border-radius: 6px; }
.card .none { display: grid; place-items: center; color: var(--ink-muted); }
.card p { margin: 0; overflow-wrap: anywhere; line-height: 1.35; }
.card .path { font-size: 12px; color: var(--ink-muted); margin-top: auto; }
.card small { color: var(--ink-muted); font-variant-numeric: tabular-nums; }
.card[data-action="relabel"] { border-color: var(--ink-series0); }
.card[data-action="keep"] { border-color: var(--ink-series2); }
.card[data-action="remove"] { border-color: var(--ink-series1); }
.card[data-action="keep"] img, .card[data-action="remove"] img { opacity: .45; }
.choice { display: grid; grid-template-columns: repeat(3, 1fr); gap: 6px; }
.choice select { grid-column: 1 / -1; }
button, select { font: inherit; font-size: 13.5px; color: inherit; background: var(--ground);
  border: 1px solid var(--ink-grid); border-radius: 6px; padding: 6px 4px; min-height: 34px; min-width: 0; cursor: pointer; }
button[aria-pressed="true"] { font-weight: 600; background: var(--ink-text); color: var(--ink-surface); }
.bar { position: fixed; inset: auto 0 0 0; background: var(--ink-surface); border-top: 1px solid var(--ink-grid);
  padding: 10px 20px; display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: center; justify-content: center; }
.bar button { padding: 6px 14px; }
.bar .save { background: var(--ink-text); color: var(--ink-surface); font-weight: 600; }
kbd { font: 12px ui-monospace, monospace; border: 1px solid var(--ink-grid); border-radius: 4px; padding: 0 4px; }
@media (max-width: 560px) {
  .cards { grid-template-columns: 1fr; }
  .card img, .card .none { height: 230px; }
  .bar { padding: 8px 10px; }
}
)";

const char* const kLabelPageScript = R"('use strict';
const cards = [...document.querySelectorAll('.card')];
const classes = JSON.parse(document.getElementById('classes').textContent);
const state = document.getElementById('state');
let unsaved = false;

function show(card) {
  for (const button of card.querySelectorAll('button')) {
    button.setAttribute('aria-pressed', String(button.value === card.dataset.action));
  }
  const decided = cards.filter(each => each.dataset.action !== '').length;
  state.textContent = `${decided} of ${cards.length} decided`;
}

function decide(card, action) {
  card.dataset.action = card.dataset.action === action ? '' : action;
  unsaved = true;
  show(card);
}

for (const card of cards) {
  const select = card.querySelector('select');
  for (const name of classes.filter(each => each !== card.dataset.given)) {
    select.add(new Option(name, name, false, name === card.dataset.suggested));
  }
  select.addEventListener('change', () => {
    card.dataset.action = '';
    decide(card, 'relabel');
  });
  card.addEventListener('click', event => {
    if (event.target instanceof HTMLButtonElement) decide(card, event.target.value);
  });
  card.addEventListener('keydown', event => {
    const action = {k: 'keep', r: 'relabel', x: 'remove'}[event.key.toLowerCase()];
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!action || !plain || event.target instanceof HTMLSelectElement) return;
    event.preventDefault();
    card.dataset.action = '';
    decide(card, action);
    const next = cards[cards.indexOf(card) + 1];
    if (next) next.focus();
  });
  show(card);
}

document.getElementById('all').addEventListener('click', () => {
  for (const card of cards) if (card.dataset.action === '') decide(card, 'relabel');
});

const field = text => /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;

function list() {
  const rows = cards.map(card => [card.dataset.path, card.dataset.given, card.querySelector('select').value,
                                  card.dataset.score, card.dataset.action].map(field).join(','));
  return ['path,given,suggested,score,action', ...rows, ''].join('\n');
}

document.getElementById('save').addEventListener('click', () => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([list()], {type: 'text/csv'}));
  link.download = 'labels.csv';
  link.click();
  unsaved = false;
});

addEventListener('beforeunload', event => { if (unsaved) event.preventDefault(); });
)";

}  // namespace headstart
