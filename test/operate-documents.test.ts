import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CONDITION_TYPES } from '../src/core/conditions.ts';
import { failureOf, TOKEN_ERRORS, type TokenErrorCode } from '../src/core/errors.ts';
import { PROCESS_CONDITIONS } from '../src/core/reasons.ts';
import { DEFAULT_RENEWAL, LATEST_RENEWAL, renewalTime, timeToRenewal } from '../src/core/renewal.ts';
import { TOKEN_STATES } from '../src/core/token-states.ts';
import { KUBELET_LAG, volumeFollowsInTime } from '../src/core/volume-lag.ts';
import { statusTable } from '../src/token-acquirer/cli/status-table.ts';
import type { StatusReport, TokenReport } from '../src/token-acquirer/endpoints/status-report.ts';
import { KUBERNETES_VERSION } from './cluster/image.ts';
import { blocksIn } from './support/code-blocks.ts';

const ROOT = resolve(import.meta.dirname, '..');
const read = (document: string): string => readFileSync(join(ROOT, document), 'utf8');

/** The text below a heading, up to the next one of its level. */
function below(text: string, heading: string): string {
  const [, rest = ''] = text.split(`\n## ${heading}\n`);
  return rest.split('\n## ')[0] ?? '';
}

describe('troubleshooting', () => {
  const text = read('docs/operate/troubleshooting.md');

  it('begins with a pod that waits and a token that is suspended', () => {
    expect([...text.matchAll(/^## (.+)$/gm)].slice(0, 2).map(([, heading]) => heading)).toEqual([
      'A pod stays in ContainerCreating',
      'The status says Suspended',
    ]);
  });

  it('names each condition that can be unhealthy, of tokens and of the process', () => {
    const named = [...text.matchAll(/^\| \[`(\w+)=False/gm)].map(([, type]) => type);
    const shownByState = ['Ready', 'Renewed', 'Stored', 'Suspended'];
    const expected = [
      ...CONDITION_TYPES.filter((type) => !shownByState.includes(type)),
      ...Object.keys(PROCESS_CONDITIONS),
    ];
    expect(new Set(named)).toEqual(new Set(expected));
  });

  it('sorts each error code once, and says which need a person', () => {
    const rows = [...below(text, 'What an error code means').matchAll(/^\| (\[`.+?) \|/gm)].map(([, codes = '']) =>
      [...codes.matchAll(/\[`(\w+)`\]/g)].map(([, code]) => code as TokenErrorCode),
    );
    expect(rows.flat().toSorted()).toEqual(Object.keys(TOKEN_ERRORS).toSorted());
    const needPerson = [...rows.slice(0, 3).flat(), ...(['refused_address', 'proxy_denied'] as const)].filter(
      (code) => code !== 'credential_unavailable',
    );
    expect(new Set(needPerson)).toEqual(new Set(rows.flat().filter((code) => failureOf(code) === 'configuration')));
  });
});

describe('the status in the documents', () => {
  const NOW = Date.parse('2026-01-01T00:00:00.000Z');
  const at = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString();
  const token = (name: string, given: Partial<TokenReport>): TokenReport => ({
    token: name,
    state: 'Valid',
    healthy: true,
    stored: true,
    conditions: [],
    ...given,
  });
  const suspended = {
    type: 'Suspended',
    status: 'True',
    reason: 'ClientAppNotRunning',
    message:
      'No pod in the namespace shipping that is Pending or Running matches the selector app=shipping, and none uses the Secret tokens.',
    last_transition_time: at(0),
  } as const;
  const error = { code: 'invalid_scope', message: 'The authorization server corporate does not grant this scope.' };
  const report: StatusReport = {
    ready: true,
    now: at(0),
    replica: {
      pod: 'token-acquirer-5d8c7b9f4-x2x4z',
      shard: 0,
      role: 'leading',
      leader: 'token-acquirer-5d8c7b9f4-x2x4z',
    },
    configuration: { sha256: `3f2a91bc${'0'.repeat(56)}`, loaded_at: at(-720) },
    tokens: [
      token('billing/billing-tokens/dynamics', {
        expires_at: at(3192),
        renew_at: at(2004),
        generation: 1_767_225_600,
      }),
      token('billing/billing-tokens/crm', {
        state: 'RenewalFailing',
        healthy: false,
        expires_at: at(570),
        renew_at: at(-618),
        generation: 1_767_225_321,
        last_error: { ...error, at: at(0) },
      }),
      token('shipping/tokens/partner', { state: 'Suspended', stored: false, conditions: [suspended] }),
    ],
  };

  it('has each state with its meaning', () => {
    const text = read('docs/operate/status-and-cli.md');
    const rows = [...text.matchAll(/^\| `([A-Z][a-zA-Z]+)` \| /gm)].map(([, state]) => state);
    expect(rows).toEqual(Object.keys(TOKEN_STATES));
  });

  it('is what the command prints', () => {
    const document = 'docs/operate/status-and-cli.md';
    const [shown] = blocksIn(document, read(document)).filter(({ text }) => text.startsWith('TOKEN '));
    expect(shown?.text).toBe(statusTable(report).trimEnd());
  });
});

describe('the versions of the documents', () => {
  const compatibility = read('docs/project/compatibility.md');

  it('of Kubernetes are those of the tests and of the chart', () => {
    const [, oldest = ''] = /^kubeVersion: ">=(\d+\.\d+)/m.exec(read('charts/token-acquirer/Chart.yaml')) ?? [];
    expect(compatibility).toContain(
      `| Kubernetes | ${oldest} or later; the nudge 1.30 or later | ${KUBERNETES_VERSION} |`,
    );
    expect(read('docs/project/versioning.md')).toContain(`| Kubernetes | ${oldest} or later.`);
  });
});

describe('the numbers of the documents', () => {
  const HOUR = 3_600_000;
  const propagation = read('docs/explain/propagation.md');

  it('on when a token is renewed are those of the code', () => {
    const part = (jitter: number): string =>
      `${Number(((renewalTime(0, HOUR, DEFAULT_RENEWAL, jitter) / HOUR) * 100).toFixed(2))}`;
    const range = `${part(1)} to ${part(0)} %`;
    for (const name of ['explain/guarantees', 'explain/how-it-works', 'reference/configuration'])
      expect(read(`docs/${name}.md`)).toContain(range);
    expect(read('docs/explain/guarantees.md')).toContain(`${LATEST_RENEWAL * 100} % at the latest`);
    const left = Math.round(100 * (1 - timeToRenewal(HOUR, DEFAULT_RENEWAL) / HOUR));
    expect(read('docs/explain/guarantees.md')).toContain(`at least ${left} % of the lifetime remains`);
  });

  it.each([
    ['the default', DEFAULT_RENEWAL, '4 min 33 s', 273_000],
    ['half of the lifetime', { at: 0.5 }, '3 min', 180_000],
    ['the latest renewal', { at: LATEST_RENEWAL }, '15 min', 900_000],
  ])('on lifetimes for programs that only read the file are those of the code: %s', (_, renewal, words, lifetime) => {
    expect(propagation).toMatch(new RegExp(String.raw`^\| at \d+ %.* \| ${words} \|$`, 'm'));
    const inTime = (of: number): boolean =>
      volumeFollowsInTime({ lifetime: of, renewal, readers: 'any', nudging: 'off' }).status;
    expect([inTime(lifetime), inTime(lifetime - 1000)]).toEqual([true, false]);
    expect(propagation).toContain(`${KUBELET_LAG / 1000} s after its renewal`);
  });
});
