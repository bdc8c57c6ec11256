// Shows the state of the parts in the diagram.
import { copyOf, find, write } from './elements.js';

/** @import { PageApp, PageFile, PageState } from '../page-message.ts' */

export class Cards {
  /** @type {Map<string, { folder: HTMLElement, app: HTMLElement, credential: HTMLElement }>} */
  #byApp = new Map();
  #clock;
  /** @type {PageState | undefined} */
  #state;

  /** @param {() => number} clock That of the demo. */
  constructor(clock) {
    this.#clock = clock;
    setInterval(() => this.#count(), 1000);
  }

  /** @param {PageState} state */
  show(state) {
    this.#state = state;
    find('#hint', HTMLElement).hidden = state.buttons !== 'off';
    for (const part of document.querySelectorAll('.part')) {
      const up = partUp(part.id, state);
      if (part instanceof HTMLElement) part.dataset['up'] = up ? 'yes' : 'no';
    }
    press('authorization-server', state.authorizationServer);
    press('gateway', state.gateway);
    for (const app of state.apps) this.#showApp(app);
    for (const button of document.querySelectorAll('main button')) {
      if (button instanceof HTMLButtonElement) button.disabled = state.buttons !== 'on';
    }
  }

  /** @param {PageApp} app */
  #showApp(app) {
    const { folder, app: panel, credential } = this.#elementsOf(app.name);
    write(find('dd', HTMLElement, credential), app.credentials.join(', '));
    showFile(folder, app.file, this.#clock());
    const badge = find('.process', HTMLElement, panel);
    badge.dataset['state'] = app.running ? 'good' : 'off';
    write(badge, app.running ? `running${memoryText(app.memory)}` : 'stopped');
    showHash(find('.token', HTMLElement, panel), app.hash);
    write(find('.calls', HTMLElement, panel), callsText(app.calls));
    find('.calls', HTMLElement, panel).dataset['failed'] = app.calls.failed > 0 ? 'yes' : 'no';
    const run = find('.run', HTMLButtonElement, panel);
    run.dataset['act'] = app.running ? 'stop' : 'start';
    write(run, app.running ? 'Stop' : 'Start');
    run.setAttribute('aria-label', `${app.running ? 'Stop' : 'Start'} ${app.name}`);
    const interval = find('input', HTMLInputElement, panel);
    if (document.activeElement !== interval) interval.value = app.interval;
  }

  /** @param {string} name */
  #elementsOf(name) {
    const known = this.#byApp.get(name);
    if (known !== undefined) return known;
    const made = { folder: copyOf('folder'), app: makeApp(name), credential: copyOf('credential-row') };
    find('h4', HTMLElement, made.folder).textContent = `${name}/`;
    find('dt', HTMLElement, made.credential).textContent = name;
    find('#folders', HTMLElement).append(made.folder);
    find('#apps', HTMLElement).append(made.app);
    find('#credentials', HTMLElement).append(made.credential);
    this.#byApp.set(name, made);
    return made;
  }

  /** Shows the remaining lifetime of each token. */
  #count() {
    for (const { name, file } of this.#state?.apps ?? []) showFile(this.#elementsOf(name).folder, file, this.#clock());
  }
}

/** @param {string} name */
function makeApp(name) {
  const panel = copyOf('app');
  find('h4', HTMLElement, panel).textContent = name;
  const revoke = find('.revoke', HTMLButtonElement, panel);
  revoke.setAttribute('aria-label', `Revoke token of ${name}`);
  const [input, label] = [find('input', HTMLInputElement, panel), find('label', HTMLLabelElement, panel)];
  input.id = `interval-${name}`;
  label.htmlFor = input.id;
  label.textContent = 'Renew every';
  input.setAttribute('aria-label', `Renew the token of ${name} every (5s, 1m; empty: by its lifetime)`);
  find('form button', HTMLButtonElement, panel).setAttribute('aria-label', `Set the interval of ${name}`);
  const fault = find('.fault', HTMLElement, panel);
  fault.id = `fault-${name}`;
  input.setAttribute('aria-describedby', fault.id);
  for (const actor of panel.querySelectorAll('button, form'))
    if (actor instanceof HTMLElement) actor.dataset['app'] = name;
  return panel;
}

/** @param {PageApp['calls']} calls */
function callsText({ ok, failed }) {
  return failed === 0 ? `${ok} ok` : `${ok} ok, ${failed} failed`;
}

/** @param {number | undefined} bytes */
function memoryText(bytes) {
  return bytes === undefined ? '' : `, ${Math.round(bytes / 1e6)} MB`;
}

/**
 * @param {string} id
 * @param {PageState} state
 */
function partUp(id, state) {
  // These have no process, or several that each show their own state.
  if (id === 'client-apps' || id === 'token-volume') return true;
  return state.up[id === 'external-service' ? 'incident-desk' : id] === true;
}

/**
 * @param {string} act
 * @param {string} state
 */
function press(act, state) {
  for (const button of document.querySelectorAll(`[data-act="${act}"]`)) {
    if (button instanceof HTMLElement) button.setAttribute('aria-pressed', String(button.dataset['state'] === state));
  }
}

/**
 * @param {HTMLElement} folder
 * @param {PageFile} file
 * @param {number} now
 */
function showFile(folder, { keys, token }, now) {
  write(find('.keys', HTMLElement, folder), keys.length === 0 ? 'empty' : keys.join('  '));
  showHash(find('.token', HTMLElement, folder), token?.hash);
  write(find('.generation', HTMLElement, folder), token === undefined ? '' : `generation ${token.generation}`);
  const left = token === undefined ? 0 : Math.max(0, token.expiresAt - now);
  const text = left > 0 ? `expires in ${Math.ceil(left / 1000)} s` : 'expired';
  write(find('.left', HTMLElement, folder), token === undefined ? '' : text);
  const life = token === undefined ? 1 : token.expiresAt - token.generation * 1000;
  find('.rest', HTMLElement, folder).style.width = `${Math.min(100, (100 * left) / life).toFixed(1)}%`;
}

/**
 * @param {HTMLElement} element
 * @param {string | undefined} hash
 */
function showHash(element, hash) {
  write(element, hash ?? 'none');
  element.classList.toggle('none', hash === undefined);
}
