import { setTimeout as pause } from 'node:timers/promises';
import { AxeBuilder } from '@axe-core/playwright';
import { afterEach, describe, expect, it } from 'vitest';
import { realParts } from '../real/real-parts.ts';
import { survivors } from '../support/processes.ts';
import { DemoInBrowser, pageOf } from './demo-in-browser.ts';
import { DemoProcess, kill } from './demo-process.ts';

const BILLING = 'billing-app';
const REPORT = 'report-app';
const REVOKE = `Revoke token of ${BILLING}`;
/** Ten times what a step takes, at the most. */
const PATIENCE = { timeout: 20_000 };
const A_TEST = 60_000;

const WIDE = { width: 1280, height: 1000 };
const NARROW = { width: 360, height: 740 };

// What runs in the page is text: its names are not known here.

/** How far the page goes beyond the window, and what does so. The time line hides what is far back. */
const BEYOND_THE_EDGE = `(() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  const outside = (element) => element.getBoundingClientRect().right > clientWidth + 0.5 && !element.closest('.lane svg');
  const found = [...document.querySelectorAll('main *')].filter(outside);
  return [scrollWidth - clientWidth, ...found.map((element) => element.outerHTML.slice(0, 80))];
})()`;

/** Counts the dots that move and the arrows that light up, as `seen`. */
const COUNT_FLOWS = `(() => {
  globalThis.seen = { dots: 0, lit: 0 };
  const count = ({ type, addedNodes }) => {
    if (type === 'attributes') seen.lit += 1;
    seen.dots += [...addedNodes].filter((node) => node.matches?.('.dot')).length;
  };
  new MutationObserver((changes) => changes.forEach(count)).observe(document.querySelector('#edges'), {
    subtree: true,
    childList: true,
    attributeFilter: ['data-load'],
  });
})()`;

describe('the page of the demo', { timeout: A_TEST }, () => {
  const opened = realParts(() => DemoInBrowser.open());

  it('shows both apps at work, and where the credentials are', async () => {
    const { page } = opened();
    expect(await page.title()).toBe('token-acquirer, live');
    for (const app of [BILLING, REPORT]) {
      await expect.poll(async () => (await opened().app(app).calls()).succeeded, PATIENCE).toBeGreaterThan(1);
      expect(await opened().app(app).generation()).toBeGreaterThan(1_700_000_000);
    }
    const credentials = page.locator('#credentials');
    expect(await credentials.innerText()).toMatch(/billing-app\s+client_id, client_secret\s/);
    expect(await page.locator('#connection').innerText()).toBe('live');
  });

  it('shows an app that is stopped, and started again', async () => {
    const app = opened().app(REPORT);
    await opened().button(`Stop ${REPORT}`).click();
    await expect.poll(() => app.panel.innerText(), PATIENCE).toContain('stopped');
    await expect.poll(() => opened().caption(), PATIENCE).toContain('report-app is not running, so no more tokens');
    expect(await app.lane.locator('.stopped').count()).toBe(1);
    const { succeeded } = await app.calls();
    await opened().button(`Start ${REPORT}`).click();
    await expect.poll(() => app.panel.innerText(), PATIENCE).toContain('running');
    await expect.poll(async () => (await app.calls()).succeeded, PATIENCE).toBeGreaterThan(succeeded);
  });

  it('shows a revocation only by the keyboard, and the recovery', async () => {
    const { page } = opened();
    const app = opened().app(BILLING);
    await app.betweenRenewals();
    const [before, failed, reissued] = [
      await app.generation(),
      (await app.calls()).failed,
      await app.marks('reissued'),
    ];
    await page.locator('body').click({ position: { x: 2, y: 2 } });
    const focused = () => page.evaluate<string | null>("document.activeElement.getAttribute('aria-label')");
    for (let tabs = 0; tabs < 40 && (await focused()) !== REVOKE; tabs += 1) await page.keyboard.press('Tab');
    expect(await focused()).toBe(REVOKE);
    expect(await page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
    await page.keyboard.press('Enter');
    await expect
      .poll(() => opened().caption(), PATIENCE)
      .toMatch(
        /^The gateway rejected the token of billing-app\. The client asked for a reissue, got a new token after \d\.\d+ s/,
      );
    await expect.poll(() => app.generation(), PATIENCE).toBeGreaterThan(before);
    await expect.poll(() => app.marks('reissued'), PATIENCE).toBe(reissued + 1);
    expect(await app.marks('revoked')).toBeGreaterThan(0);
    expect(await app.lane.locator('.call.retried').count()).toBeGreaterThan(0);
    expect((await app.calls()).failed).toBe(failed);
    expect(await app.held()).toBe(await app.folder.locator('.token').innerText());
    expect(await page.getByRole('log').innerText()).toContain('billing-app asked for a reissue: reissued');
  });

  it('shows a revocation by a click, which concerns only one app', async () => {
    const [app, other] = [opened().app(REPORT), opened().app(BILLING)];
    await app.betweenRenewals();
    const [before, revoked] = [await app.held(), await other.marks('revoked')];
    await opened().button(`Revoke token of ${REPORT}`).click();
    await expect.poll(() => opened().caption(), PATIENCE).toMatch(/report-app\. The client asked for a reissue/);
    await expect.poll(() => app.held(), PATIENCE).not.toBe(before);
    expect(await other.marks('revoked')).toBe(revoked);
  });

  it('takes another interval, says what is wrong with one, and takes it back', async () => {
    const app = opened().app(BILLING);
    await app.interval.fill('soon');
    await app.interval.press('Enter');
    await expect.poll(() => app.interval.getAttribute('aria-invalid'), PATIENCE).toBe('true');
    expect(await app.panel.locator('.fault').innerText()).toContain('Give a duration such as 5s');
    const before = await app.generation();
    await app.interval.fill('2s');
    await opened().button(`Set the interval of ${BILLING}`).click();
    await expect.poll(() => opened().caption(), PATIENCE).toContain('The renewal interval of billing-app changed');
    await expect.poll(() => app.generation(), PATIENCE).toBeGreaterThan(before);
    expect(await app.interval.getAttribute('aria-invalid')).toBeNull();
    expect(await app.interval.inputValue()).toBe('2s');
  });

  it('shows an authorization server that fails, rejects, is slow, and is back to normal', async () => {
    const app = opened().app(BILLING);
    const { failed } = await app.calls();
    const before = await app.generation();
    await opened().button('failed, 500').click();
    await expect
      .poll(() => opened().caption(), PATIENCE)
      .toMatch(/issued no token\. billing-app keeps its current token/);
    expect(await opened().button('failed, 500').getAttribute('aria-pressed')).toBe('true');
    await opened().button('answered').click();
    await expect
      .poll(() => opened().caption(), PATIENCE)
      .toMatch(/billing-app got a new token after .* failed request/);
    expect(await app.generation()).toBeGreaterThan(before);
    await opened().button('rejected').click();
    await expect.poll(() => opened().page.getByRole('log').innerText(), PATIENCE).toContain('invalid_client');
    const rejected = await app.generation();
    await opened().button('answered').click();
    await expect.poll(() => app.generation(), PATIENCE).toBeGreaterThan(rejected);
    await opened().button('slow').click();
    await expect.poll(() => opened().caption(), PATIENCE).toContain('takes 3 s');
    await opened().button('answered').click();
    await expect.poll(() => opened().button('answered').getAttribute('aria-pressed'), PATIENCE).toBe('true');
    expect((await app.calls()).failed).toBe(failed);
    await app.interval.fill('');
    await app.interval.press('Enter');
    await expect.poll(() => opened().page.getByRole('log').innerText(), PATIENCE).toContain('removes the interval');
  });

  it('shows a gateway that rejects everything, and is back to normal', async () => {
    const app = opened().app(BILLING);
    await opened().button('all rejected').click();
    await expect
      .poll(() => opened().caption(), PATIENCE)
      .toMatch(/A call from .* A new token cannot help while the gateway rejects every token/);
    await expect.poll(async () => (await app.calls()).failed, PATIENCE).toBeGreaterThan(0);
    const { succeeded } = await app.calls();
    await opened().button('checked').click();
    await expect.poll(() => opened().caption(), PATIENCE).toContain('succeed again');
    await expect.poll(async () => (await app.calls()).succeeded, PATIENCE).toBeGreaterThan(succeeded);
  });

  it.each([
    ['light', WIDE],
    ['dark', WIDE],
    ['light', NARROW],
    ['dark', NARROW],
  ] as const)('passes the checks of axe: %s, %o', async (colorScheme, size) => {
    const { page } = opened();
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(size);
    // Colors fade into each other.
    await pause(400);
    const { violations, passes } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
    expect(passes.length).toBeGreaterThan(20);
  });

  it.each([360, 320, 700, 1024, 1280])('needs no scrolling to the side at %d px', async (width) => {
    const { page } = opened();
    await page.setViewportSize({ width, height: 740 });
    await expect.poll(() => page.evaluate<unknown[]>(BEYOND_THE_EDGE), PATIENCE).toEqual([0]);
  });

  it('moves nothing where less motion is asked for, and shows what goes on anyway', async () => {
    const { page } = opened();
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await page.reload();
    await page.evaluate(COUNT_FLOWS);
    const seen = () => page.evaluate<{ dots: number; lit: number }>('seen');
    await expect.poll(async () => (await seen()).lit, PATIENCE).toBeGreaterThan(5);
    expect((await seen()).dots).toBe(0);
    expect(await page.evaluate<number>('document.getAnimations().length')).toBe(0);
    await page.emulateMedia({ reducedMotion: 'no-preference' });
  });

  it('complains of nothing, asks for nothing from elsewhere, and shows no secret', async () => {
    await opened().keep();
    expect(opened().demo.registered).toBeGreaterThan(5);
    expect(opened().complaints).toEqual([]);
  });

  it('says so when the demo has ended, which leaves no process behind', async () => {
    const { demo, page } = opened();
    kill(demo.npm.pid === undefined ? 0 : -demo.npm.pid, 'SIGINT');
    await demo.ended;
    await expect.poll(() => page.locator('#connection').innerText(), PATIENCE).toContain('The demo has ended');
    expect(await survivors(() => demo.processes().map(({ pid }) => pid), 5000)).toEqual([]);
    expect(demo.leftFiles()).toEqual([]);
  });
});

describe('the page while scenes are played', () => {
  let demo: DemoProcess | undefined;

  afterEach(async () => {
    await demo?.clear();
    demo = undefined;
  });

  it('appears before anything else, and its buttons are off', { timeout: A_TEST }, async () => {
    const running = new DemoProcess({ args: ['--once'] });
    demo = running;
    await expect.poll(() => running.output, PATIENCE).toContain('incident-desk');
    expect(running.output).toMatch(/See it live: \S+\n[^]*incident-desk/);
    const url = pageOf(running);
    const events = await fetch(`${url}/events`);
    const { value } = (await events.body?.getReader().read()) ?? {};
    expect(Buffer.from(value ?? []).toString()).toContain('"state":{"buttons":"off"');
    const acted = await fetch(`${url}/acts/gateway`, {
      method: 'POST',
      headers: { origin: url, 'content-type': 'application/json' },
      body: '{"state":"rejecting"}',
    });
    expect(acted.status).toBe(409);
  });
});
