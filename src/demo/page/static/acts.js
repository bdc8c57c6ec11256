// What the buttons do.
import { find } from './elements.js';

/** Sends each click and each interval as an act, and shows why one was rejected. */
export function listenToButtons() {
  document.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest('button[data-act]') : undefined;
    if (!(button instanceof HTMLButtonElement)) return;
    const { act = '', ...body } = button.dataset;
    void send(act, body).then(showProblem);
  });
  document.addEventListener('submit', (event) => {
    event.preventDefault();
    const form = event.target;
    if (!(form instanceof HTMLFormElement)) return;
    const input = find('input', HTMLInputElement, form);
    void askForInterval(form, input).then((fault) => showFault(input, fault));
  });
}

/**
 * @param {HTMLFormElement} form
 * @param {HTMLInputElement} input
 */
async function askForInterval(form, input) {
  if (!input.validity.valid) return 'Give a duration such as 5s or 1m, or nothing to let the token decide.';
  return send('interval', { app: form.dataset['app'], interval: input.value });
}

/**
 * Resolves with a sentence if the act failed.
 *
 * @param {string} act
 * @param {object} body
 * @returns {Promise<string | undefined>}
 */
async function send(act, body) {
  try {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`acts/${act}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (response.ok) return undefined;
    const { detail } = /** @type {{ detail?: string }} */ (await response.json());
    return detail ?? 'The demo rejected this.';
  } catch {
    return 'The demo does not answer.';
  }
}

/** @param {string | undefined} text */
function showProblem(text) {
  const problem = find('#problem', HTMLElement);
  problem.textContent = text ?? '';
  problem.hidden = text === undefined;
}

/**
 * @param {HTMLInputElement} input
 * @param {string | undefined} text
 */
function showFault(input, text) {
  const fault = find(`#${input.getAttribute('aria-describedby')}`, HTMLElement);
  fault.textContent = text ?? '';
  fault.hidden = text === undefined;
  if (text === undefined) input.removeAttribute('aria-invalid');
  else input.setAttribute('aria-invalid', 'true');
}
