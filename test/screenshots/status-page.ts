import type { TokenReport } from '../../src/token-acquirer/endpoints/status-report.ts';
import { startBrowser } from '../e2e/browser.ts';
import { MadeStatusPage } from '../support/status-page.ts';
import { condition, tokenReport } from '../support/status-reports.ts';
import { until } from '../support/until.ts';

const WIDTH = 1280;
const MARGIN = 14;

interface StatusPicture {
  readonly colorScheme: 'light' | 'dark';
  readonly picture: Buffer;
}

/** Takes the status page of a release with some tokens, in light and in dark. */
export async function takeStatusPictures(): Promise<StatusPicture[]> {
  const browser = await startBrowser({ deviceScaleFactor: 2 });
  const now = Date.now();
  const made = await MadeStatusPage.start(tokensAt(now), {
    replica: { pod: 'token-acquirer-5d8c7b9f4-x2x4z', shard: 0, role: 'leading' },
    configuration: { sha256: '3f2a91bc'.padEnd(64, '0'), loaded_at: instant(now, -12) },
  });
  try {
    happen(made);
    const { page } = browser;
    await page.goto(made.url);
    await until('The table', async () => (await page.locator('#rows tr').count()) > 0, 30_000);
    const taken: StatusPicture[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      const events = await page.locator('.events').boundingBox();
      const height = (events?.y ?? 0) + (events?.height ?? 0) + MARGIN;
      const clip = { x: 0, y: 0, width: WIDTH, height };
      const picture = await page.screenshot({ fullPage: true, clip, animations: 'disabled' });
      taken.push({ colorScheme, picture });
    }
    return taken;
  } finally {
    await browser.stop();
    await made.stop();
  }
}

function tokensAt(now: number): TokenReport[] {
  const life = (age: number, lifetime = 60) => ({
    issued_at: instant(now, -age),
    renew_at: instant(now, lifetime * 0.67 - age),
    expires_at: instant(now, lifetime - age),
  });
  return [
    tokenReport('billing/billing-tokens/dynamics', life(12)),
    tokenReport('billing/billing-tokens/crm', {
      ...life(48),
      state: 'RenewalFailing',
      last_error: {
        code: 'invalid_scope',
        message: 'The authorization server corporate does not grant this scope.',
        at: instant(now, -1),
      },
    }),
    tokenReport('reports/report-tokens/warehouse', {
      ...life(67),
      state: 'Expired',
      last_error: {
        code: 'unreachable',
        message: 'The authorization server partner does not answer.',
        at: instant(now, 0),
      },
    }),
    tokenReport('reports/report-tokens/dynamics', life(31)),
    tokenReport('shipping/tokens/partner', {
      ...life(25, 45),
      state: 'Suspended',
      conditions: [
        condition('Suspended', { message: 'No pod in the namespace shipping matches the selector app=shipping.' }),
      ],
    }),
    tokenReport('support/desk-tokens/incidents', life(4, 45)),
  ];
}

/** The events that the picture shows. */
function happen({ events }: MadeStatusPage): void {
  const crm = { namespace: 'billing', secret: 'billing-tokens', name: 'crm' };
  const incidents = { namespace: 'support', secret: 'desk-tokens', name: 'incidents' };
  const partner = { namespace: 'shipping', secret: 'tokens', name: 'partner' };
  events.token(partner, {
    kind: 'suspended',
    message: 'No pod in the namespace shipping matches the selector app=shipping.',
  });
  events.token(incidents, { kind: 'resumed', message: 'The client app runs again.' });
  events.token(crm, {
    kind: 'token-request-failed',
    code: 'invalid_scope',
    message: 'The authorization server corporate does not grant this scope.',
    retryIn: 30_000,
    server: 'corporate',
    trigger: 'renewal',
    took: 80,
  });
}

function instant(now: number, minutes: number): string {
  return new Date(now + minutes * 60_000).toISOString();
}
