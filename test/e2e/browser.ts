import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { installChromium } from '../real/install/chromium.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** Nothing that reaches out by itself: the machine of a test may have no network, and a test needs none. */
const FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface Browser {
  readonly context: BrowserContext;
  readonly page: Page;
  stop(): Promise<void>;
}

/** Starts Chromium with its own profile, which `stop` removes. Throws NotAvailable. */
export async function startBrowser(look: { readonly deviceScaleFactor?: number } = {}): Promise<Browser> {
  const executablePath = await installChromium();
  const profile = temporaryDirectory();
  try {
    const context = await chromium.launchPersistentContext(profile.path, {
      executablePath,
      headless: true,
      // Its sandbox does not work for root.
      chromiumSandbox: process.getuid?.() !== 0,
      args: FLAGS,
      viewport: { width: 1280, height: 1000 },
      ...look,
    });
    const page = context.pages()[0] ?? (await context.newPage());
    const stop = async (): Promise<void> => {
      await context.close();
      profile.remove();
    };
    return { context, page, stop };
  } catch (error) {
    profile.remove();
    throw error;
  }
}
