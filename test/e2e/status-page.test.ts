import { setTimeout as pause } from 'node:timers/promises';
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { realParts } from '../real/real-parts.ts';
import { keepText } from '../support/outputs.ts';
import { MadeStatusPage, manyTokens, urgentAmong } from '../support/status-page.ts';
import type { AcquirerProcess } from './acquirer-process.ts';
import { type Browser, startBrowser } from './browser.ts';
import { type Stage, stages } from './stage.ts';

/** Ten times what a step takes, at the most. */
const PATIENCE = { timeout: 30_000 };
const A_TEST = 120_000;
const MANY = 10_000;
/** Of a page of the table. */
const ROWS = 25;
/** Ten times what a quiet machine takes to show 10,000 tokens, or to show others of them. */
const LATEST = 20_000;

const WIDE = { width: 1280, height: 1000 };
const NARROW = { width: 390, height: 800 };
const LOOKS = [
  ['light', WIDE],
  ['dark', WIDE],
  ['light', NARROW],
  ['dark', NARROW],
] as const;

// What runs in the page is text: its names are not known here.

/** How far the page goes beyond the window, and what does so. */
const BEYOND_THE_EDGE = `(() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  const outside = (element) => element.getBoundingClientRect().right > clientWidth + 0.5 && !element.closest('svg, thead');
  const found = [...document.querySelectorAll('main *')].filter(outside);
  return [scrollWidth - clientWidth, ...found.map((element) => element.outerHTML.slice(0, 80))];
})()`;

/** Where a token's life begins on its time line, where *now* is, and the renewal. They are drawn anew each second. */
function placesOf(token: string): string {
  const parts = "['rect.used', 'line.now', 'line.renews']";
  return `${parts}.map((part) => document.querySelector('tr[data-token="${token}"] ' + part).getBoundingClientRect().x)`;
}

const FOCUSED = `(() => {
  const { id, dataset, tagName } = document.activeElement;
  return id || dataset.go || tagName.toLowerCase();
})()`;

/** Returns what the page complains of, or asks for from elsewhere. */
function complaintsOf(page: Page, url: string): string[] {
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(`${url}/`)) complaints.push(`It asked for ${request.url()}.`);
  });
  return complaints;
}

async function checkWithAxe(page: Page, colorScheme: 'light' | 'dark', size: typeof WIDE): Promise<void> {
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize(size);
  // Colors fade into each other.
  await pause(600);
  const { violations, passes } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
  expect(passes.length).toBeGreaterThan(20);
}

const NAMES = "[...document.querySelectorAll('#rows tr')].map((row) => row.dataset.token)";

/** The names of the tokens in the rows, from above. */
function shownIn(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(NAMES);
}

function rowOf(page: Page, token: string) {
  return page.locator(`tr[data-token="${token}"]`);
}

interface Opened {
  readonly browser: Browser;
  readonly page: Page;
  readonly complaints: string[];
  stop(): Promise<void>;
}

interface RealPage extends Opened {
  readonly stage: Stage;
  readonly acquirer: AcquirerProcess;
  readonly url: string;
}

const { open, closeAll } = stages();
const TOKEN = 'billing/one/dynamics';
const FAILING = 'billing/three/dynamics';

/** A real process with three tokens, of which one has no credential, in Chromium. */
async function openReal(): Promise<RealPage> {
  const browser = await startBrowser();
  const { page } = browser;
  const stage = await open({ lifetime: 600, beside: { status: { page: true } } });
  stage.workplace.configure(
    stage.configuration({
      secrets: ['one', 'two', 'three'],
      more: (name: string) => (name === 'three' ? { credential: 'crm' } : {}),
    }),
  );
  stage.workplace.credential('crm', { client_id: 'crm' });
  const acquirer = stage.acquirer();
  const url = await acquirer.url('status');
  const complaints = complaintsOf(page, url);
  await page.goto(url);
  const stop = async (): Promise<void> => {
    await browser.stop();
    await closeAll();
  };
  return { browser, page, stage, acquirer, url, complaints, stop };
}

describe('the status page of a process with three tokens', { timeout: A_TEST }, () => {
  const opened = realParts(openReal);

  it('begins with the token that needs attention, and says why', async () => {
    const { page } = opened();
    await expect.poll(() => page.locator('#attention').innerText(), PATIENCE).toBe('1 of 3 tokens needs attention.');
    expect(await page.title()).toBe('(1) token-acquirer, status');
    expect(await shownIn(page)).toEqual([FAILING, TOKEN, 'billing/two/dynamics']);
    const row = rowOf(page, FAILING);
    expect(await row.locator('.state').innerText()).toContain('Failing');
    expect(await row.locator('.note').innerText()).toMatch(/client_secret/);
    expect(await page.locator('#states').innerText()).toMatch(/Failing 1[^]*Valid 2/);
    expect(await page.locator('#connection').innerText()).toBe('live');
    expect(await page.locator('#process').innerText()).toMatch(/^Configuration [0-9a-f]{8}, loaded /);
  });

  it('shows each token on a time line, with the exact times', async () => {
    const { page, acquirer } = opened();
    const row = rowOf(page, TOKEN);
    const life = await row.locator('svg').getAttribute('aria-label');
    expect(life).toMatch(/^Issued \d+\s\w+\sago, renews in\s\d+\s\w+, expires in\s\d+\s\w+/);
    const { tokens } = await acquirer.status();
    const report = tokens.find(({ token }) => token === TOKEN);
    const instant = report?.expires_at?.replace(/\.\d+Z/, ' UTC').replace('T', ' ');
    expect(await row.locator('time.expires').getAttribute('title')).toBe(instant);
    const [used = Number.NaN, now = Number.NaN, renews = Number.NaN] = await page.evaluate<number[]>(placesOf(TOKEN));
    // A token that was just issued begins at *now*, to a pixel or two.
    expect(used).toBeLessThan(now + 3);
    expect(renews).toBeGreaterThan(now + 20);
  });

  it('shows a reissue, and the event of it, without a reload', async () => {
    const { page, stage, acquirer } = opened();
    const expires = rowOf(page, TOKEN).locator('time.expires');
    const before = await expires.getAttribute('title');
    const { source, call } = await stage.source(acquirer, 'one');
    await stage.revoke(source.current().accessToken.reveal());
    expect((await call(`${stage.gateway.url}/incidents`)).status).toBe(200);
    await expect.poll(() => expires.getAttribute('title'), PATIENCE).not.toBe(before);
    const events = page.locator('#events');
    await expect.poll(() => events.innerText(), PATIENCE).toContain('A new token was issued by a reissue.');
    expect(await events.innerText()).toContain('A client reported that the token was rejected.');
  });

  it('shows a token that recovers, and then that none needs attention', async () => {
    const { page, stage } = opened();
    stage.workplace.credential('crm', { client_id: 'billing', client_secret: stage.passwords.client });
    await expect
      .poll(() => page.locator('#attention').innerText(), { timeout: 90_000 })
      .toBe('None of 3 tokens needs attention.');
    expect(await page.title()).toBe('token-acquirer, status');
    expect(await shownIn(page)).toEqual([TOKEN, FAILING, 'billing/two/dynamics']);
  });

  it.each(LOOKS)('passes the checks of axe: %s, %o', async (colorScheme, size) => {
    await checkWithAxe(opened().page, colorScheme, size);
  });

  it('complains of nothing, asks for nothing from elsewhere, and shows no secret', async () => {
    const { page, complaints, url } = opened();
    keepText('the status page', await page.content());
    const stream = await fetch(`${url}/page/events`);
    const { value } = (await stream.body?.getReader().read()) ?? {};
    keepText('the stream of the status page', Buffer.from(value ?? []).toString());
    expect(complaints).toEqual([]);
    expect(await page.evaluate<string>('document.cookie')).toBe('');
  });

  it('says so when the process has ended, with the time of what it shows', async () => {
    const { page, acquirer } = opened();
    expect((await acquirer.end()).code).toBe(0);
    await expect.poll(() => page.locator('#connection').innerText(), PATIENCE).toBe('not connected');
    expect(await page.getByRole('alert').innerText()).toMatch(
      /^token-acquirer does not answer\. What you see is from \d+:\d+:\d+/,
    );
    expect(await shownIn(page)).toHaveLength(3);
  });
});

interface MadePage extends Opened {
  readonly made: MadeStatusPage;
}

/** The real routes, over a report of 10,000 tokens. */
async function openMany(): Promise<MadePage> {
  const browser = await startBrowser();
  const { page } = browser;
  const made = await MadeStatusPage.start(manyTokens(MANY, Date.now()));
  const complaints = complaintsOf(page, made.url);
  const stop = async (): Promise<void> => {
    await browser.stop();
    await made.stop();
  };
  return { browser, page, made, complaints, stop };
}

describe('the status page with 10,000 tokens', { timeout: A_TEST }, () => {
  const opened = realParts(openMany);
  const place = () => opened().page.locator('#place').innerText();

  it('is shown in bounded time, and has the rows of one page', async () => {
    const { page, made } = opened();
    await page.goto(made.url);
    await expect.poll(() => page.locator('#rows tr').count(), { timeout: LATEST }).toBe(ROWS);
    expect(await page.locator('#attention').innerText()).toBe(`${urgentAmong(MANY)} of 10,000 tokens need attention.`);
    expect(await page.locator('#tokens').getAttribute('aria-rowcount')).toBe(String(MANY + 1));
    expect(await page.evaluate<number>("document.querySelectorAll('*').length")).toBeLessThan(1500);
  });

  it('begins with what needs attention, the worst first', async () => {
    const { page } = opened();
    const states = await page.locator('#rows .state-name').allInnerTexts();
    expect(states.slice(0, 6)).toEqual(['Expired', 'Failing', 'NotStored', 'Pending', 'RenewalFailing', 'Valid']);
    // A sign and a word, and not only a color.
    expect(await page.locator('#rows tr').nth(0).locator('.sign').innerText()).toBe('✕');
    expect(await page.locator('#rows tr').nth(0).getAttribute('aria-rowindex')).toBe('2');
  });

  it('is used only by the keyboard: to the next page, and to the filter', async () => {
    const { page } = opened();
    const pressUntil = async (wanted: string): Promise<void> => {
      for (let tabs = 0; tabs < 40 && (await page.evaluate<string>(FOCUSED)) !== wanted; tabs += 1) {
        await page.keyboard.press('Tab');
      }
      expect(await page.evaluate<string>(FOCUSED)).toBe(wanted);
      expect(await page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
    };
    await page.locator('body').click({ position: { x: 2, y: 2 } });
    await pressUntil('filter');
    await pressUntil('next');
    const [first] = await shownIn(page);
    await page.keyboard.press('Enter');
    await expect.poll(place, { timeout: LATEST }).toBe('26 to 50 of 10,000');
    expect(await shownIn(page)).not.toContain(first);
    expect(await page.locator('#rows tr').nth(0).getAttribute('aria-rowindex')).toBe('27');
    expect(await page.locator('#announcement').innerText()).toBe('Tokens 26 to 50 of 10,000.');
    await pressUntil('last');
    await page.keyboard.press('Enter');
    await expect.poll(place, { timeout: LATEST }).toBe('9,976 to 10,000 of 10,000');
    // At the end, the button keeps the focus and does nothing.
    await page.keyboard.press('Enter');
    expect(await page.evaluate<string>(FOCUSED)).toBe('last');
    await page.getByRole('button', { name: 'First' }).click();
    await expect.poll(place, PATIENCE).toBe('1 to 25 of 10,000');
  });

  it('is narrowed by a name, a state or an error', async () => {
    const { page } = opened();
    const filter = page.getByRole('searchbox', { name: 'Filter' });
    await filter.fill('tokens-4321');
    await expect.poll(() => shownIn(page), { timeout: LATEST }).toEqual(['team-1/tokens-4321/dynamics']);
    expect(await page.locator('#announcement').innerText()).toBe('1 of 10,000 tokens match.');
    await filter.fill('CLIENT_SECRET crm');
    await expect.poll(() => shownIn(page), PATIENCE).toEqual(['team-4/tokens-4/dynamics']);
    await filter.fill('no such token');
    await expect.poll(() => page.locator('#nothing').innerText(), PATIENCE).toBe('No token matches.');
    await filter.fill('');
    await page.getByRole('combobox', { name: 'Show' }).selectOption('Suspended');
    await expect.poll(place, PATIENCE).toBe('1 to 25 of 200');
    await page.getByRole('combobox', { name: 'Show' }).selectOption('urgent');
    await expect.poll(() => shownIn(page), PATIENCE).toHaveLength(urgentAmong(MANY));
    await page.getByRole('combobox', { name: 'Show' }).selectOption('all');
    await expect.poll(place, PATIENCE).toBe('1 to 25 of 10,000');
  });

  it('shows another stretch of time', async () => {
    const { page } = opened();
    await page.getByRole('combobox', { name: 'Time line' }).selectOption({ label: '6\u00A0h' });
    await expect.poll(() => page.locator('#axis').innerText(), PATIENCE).toMatch(/4.h\s*now\s*\+6.h/);
    await page.getByRole('combobox', { name: 'Time line' }).selectOption('auto');
  });

  it('shows a change within seconds, at its place', async () => {
    const { page, made } = opened();
    const [, , , , , , , , , , token] = made.report.tokens;
    const id = token?.token ?? '';
    made.change(id, {
      state: 'Expired',
      expires_at: new Date(Date.now() - 3_000_000).toISOString(),
      last_error: { code: 'invalid_client', message: 'The secret is wrong.', at: new Date().toISOString() },
    });
    await expect.poll(() => shownIn(page), { timeout: LATEST }).toContain(id);
    expect((await shownIn(page))[0]).toBe(id);
    expect(await rowOf(page, id).locator('.note').innerText()).toBe('invalid_client: The secret is wrong.');
    await expect
      .poll(() => page.locator('#attention').innerText(), PATIENCE)
      .toBe(`${urgentAmong(MANY) + 1} of 10,000 tokens need attention.`);
    // Screen readers hear the counts, but not each row.
    await expect.poll(() => page.locator('#announcement').innerText(), PATIENCE).toContain('need attention');
  });

  it.each(LOOKS)('passes the checks of axe: %s, %o', async (colorScheme, size) => {
    await checkWithAxe(opened().page, colorScheme, size);
  });

  it.each([390, 320, 700, 901, 1280])('needs no scrolling to the side at %d px', async (width) => {
    const { page } = opened();
    await page.setViewportSize({ width, height: 740 });
    await expect.poll(() => page.evaluate<unknown[]>(BEYOND_THE_EDGE), PATIENCE).toEqual([0]);
  });

  it('moves nothing where less motion is asked for', async () => {
    const { page, made } = opened();
    await page.emulateMedia({ reducedMotion: 'reduce' });
    const id = (await shownIn(page))[1] ?? '';
    made.change(id, { issued_at: new Date().toISOString(), expires_at: new Date(Date.now() + 60_000).toISOString() });
    await expect.poll(() => rowOf(page, id).getAttribute('data-fresh'), PATIENCE).toBe('yes');
    expect(await page.evaluate<number>('document.getAnimations().length')).toBe(0);
    await page.emulateMedia({ reducedMotion: 'no-preference' });
  });

  it('complains of nothing, and asks for nothing from elsewhere', () => {
    expect(opened().complaints).toEqual([]);
  });
});
