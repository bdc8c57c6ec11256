import type { Locator, Page } from 'playwright-core';
import { keepText } from '../support/outputs.ts';
import { until } from '../support/until.ts';
import { type Browser, startBrowser } from './browser.ts';
import { DemoProcess } from './demo-process.ts';

const START_WITHIN = 30_000;
/** Seconds until its expiry, of 20. */
const [OLDEST, YOUNGEST] = [11, 16];
const HASH = /^[0-9a-f]{8}$/;

/** Where the page of a demo is; empty until it has said so. */
export function pageOf({ output }: DemoProcess): string {
  return /^See it live: (\S+)$/m.exec(output)?.[1] ?? '';
}

/** A running demo and its page in Chromium. */
export class DemoInBrowser {
  readonly demo: DemoProcess;
  readonly browser: Browser;
  /** What the page complained of, or asked for from elsewhere. */
  readonly complaints: string[] = [];

  private constructor(demo: DemoProcess, browser: Browser) {
    this.demo = demo;
    this.browser = browser;
  }

  /** Resolves when both apps have called. Throws NotAvailable where there is no browser. */
  static async open(look: { readonly deviceScaleFactor?: number } = {}): Promise<DemoInBrowser> {
    const browser = await startBrowser(look);
    const opened = new DemoInBrowser(new DemoProcess({}), browser);
    try {
      await opened.#load();
      return opened;
    } catch (error) {
      await opened.stop();
      throw error;
    }
  }

  get page(): Page {
    return this.browser.page;
  }

  get url(): string {
    return pageOf(this.demo);
  }

  async #load(): Promise<void> {
    await until('The address of the page', () => this.url !== '', START_WITHIN);
    const { page, url } = this;
    page.on('console', (message) => this.complaints.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith(`${url}/`)) this.complaints.push(`It asked for ${request.url()}.`);
    });
    await page.goto(url);
    for (const app of ['billing-app', 'report-app']) {
      const holds = async (): Promise<boolean> => HASH.test(await this.app(app).held());
      await until(`The first token of ${app}`, holds, START_WITHIN);
    }
  }

  /** What stands under the heading of what just happened. */
  async caption(): Promise<string> {
    return (await this.page.locator('#caption-text').innerText()).replaceAll('\u00A0', ' ');
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  app(name: string): AppOnPage {
    return new AppOnPage(this.page, name);
  }

  /** Has the leak check look at all that the page shows and was sent. */
  async keep(): Promise<void> {
    this.demo.registerSecrets();
    keepText('the page of the demo', await this.page.content());
    const response = await fetch(`${this.url}/events`);
    for await (const chunk of response.body ?? []) {
      const text = Buffer.from(chunk).toString();
      keepText('the events of the page', text);
      if (text.endsWith('\n\n')) break;
    }
  }

  async stop(): Promise<void> {
    await this.browser.stop();
    this.demo.registerSecrets();
    await this.demo.clear();
  }
}

/** What the page shows of one app. */
class AppOnPage {
  readonly #page: Page;
  readonly #name: string;

  constructor(page: Page, name: string) {
    this.#page = page;
    this.#name = name;
  }

  get panel(): Locator {
    return this.#page.locator('.app', { has: this.#page.getByRole('heading', { name: this.#name, exact: true }) });
  }

  get folder(): Locator {
    return this.#page.locator('.folder', { has: this.#page.getByRole('heading', { name: `${this.#name}/` }) });
  }

  get lane(): Locator {
    return this.#page.locator('.lane', { has: this.#page.getByRole('heading', { name: this.#name, exact: true }) });
  }

  get interval(): Locator {
    return this.panel.getByRole('textbox');
  }

  /** The token in the app's memory. */
  held(): Promise<string> {
    return this.panel.locator('.token').innerText();
  }

  /** The token in its file. */
  async generation(): Promise<number> {
    return Number((await this.folder.locator('.generation').innerText()).replace('generation ', ''));
  }

  async calls(): Promise<{ readonly succeeded: number; readonly failed: number }> {
    const [succeeded = Number.NaN, failed = 0] = (await this.panel.locator('.calls').innerText())
      .split(', ')
      .map((part) => Number.parseInt(part, 10));
    return { succeeded, failed };
  }

  /** Resolves while its token is neither just issued nor soon to be renewed: a revocation meets nothing else then. */
  async betweenRenewals(): Promise<void> {
    const left = async (): Promise<number> =>
      Number(/\d+/.exec(await this.folder.locator('.left').innerText())?.[0] ?? 0);
    const between = async (): Promise<boolean> => (await left()) >= OLDEST && (await left()) <= YOUNGEST;
    await until(`A token of ${this.#name} of some seconds`, between, START_WITHIN);
  }

  /** So many signs of this kind on its time line. */
  marks(kind: 'renewed' | 'reissued' | 'revoked'): Promise<number> {
    return this.lane.locator(`.mark.${kind}`).count();
  }
}
