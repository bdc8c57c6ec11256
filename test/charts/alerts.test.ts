import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CONDITION_TYPES } from '../../src/core/conditions.ts';
import { realParts } from '../real/real-parts.ts';
import { codeBlocks, kindOfYaml } from '../support/code-blocks.ts';
import { exposition, labelSets, SECRETS, scraping } from './exposition.ts';
import { type Firing, type Labels, openPromtool, type Series } from './promtool.ts';

const NAMESPACE = 'token-acquirer';
const ROOT = join(import.meta.dirname, '../..');

/** What the Prometheus operator adds to each series of a ServiceMonitor's target. */
function target(pod: string, instance: string, namespace: string = NAMESPACE): Labels {
  const job = 'token-acquirer';
  return { job, namespace, pod, instance, service: job, container: job, endpoint: 'status' };
}

const POD = target('token-acquirer-5d9c7-abcde', '10.244.0.7:9090');
const SUCCESSOR = target('token-acquirer-5d9c7-fghij', '10.244.0.8:9090');
/** Of a release of the same name. */
const ELSEWHERE = target('token-acquirer-6b8f4-klmno', '10.244.0.9:9090', 'elsewhere');
/** A scrape without the operator adds no more than these. */
const PLAIN: Labels = { job: 'token-acquirer', instance: '10.244.0.7:9090' };

/** An hour of samples, 30 s apart. */
const HOUR = 120;
interface Unhealthy {
  readonly type: string;
  readonly reason?: string;
}

/** A condition that is exposed of the token of a Secret. */
const SAMPLE: Readonly<Record<string, string>> = { [SECRETS.frozen]: 'PodsFollow' };

const always = (value: number): string => `${value}x${HOUR}`;

type Scrape = (metric: string, own: Labels, values: string) => Series;
type TokenValues = Partial<Record<'expiry' | 'renewal' | 'suspended', string>>;

const GAUGES = {
  expiry: 'token_acquirer_token_seconds_to_expiry',
  renewal: 'token_acquirer_token_renewal_timestamp_seconds',
  suspended: 'token_acquirer_token_suspended',
} as const;

const secretOf = (name: string): Labels => ({ namespace: 'billing', secret: name, name: 'dynamics' });

function token(scrape: Scrape, secret: string, values: TokenValues): Series[] {
  return Object.entries(values).map(([name, samples]) =>
    scrape(GAUGES[name as keyof typeof GAUGES], secretOf(secret), samples),
  );
}

/** Lives for 10 min, and is renewed after 5; each of its series has a sample each 30 s for `count` scrapes. */
function wellToken(scrape: Scrape, secret: string, { count = HOUR, gap = 0 } = {}): Series[] {
  const steps = Array.from({ length: count }, (_, index) => index);
  const since = (index: number): number => (index % 10) * 30;
  const samples = (of: (index: number) => number): string =>
    [...Array.from({ length: gap }, () => '_'), ...steps.map((index) => String(of(index)))].join(' ');
  return token(scrape, secret, {
    expiry: samples((index) => 600 - since(index)),
    renewal: samples((index) => (gap + index) * 30 - since(index) + 300),
    suspended: samples(() => 0),
  });
}

/** Two tokens that are well, in a token-acquirer that is there. */
function well(scrape: Scrape): Series[] {
  return [
    scrape('up', {}, always(1)),
    ...wellToken(scrape, SECRETS.well),
    ...wellToken(scrape, SECRETS.other),
    scrape('token_acquirer_token_requests_total', { ...secretOf(SECRETS.well), result: 'ok' }, `2+1x${HOUR}`),
    ready(scrape, SECRETS.well),
    loads(scrape, always(1)),
  ];
}

const ready = (scrape: Scrape, secret: string): Series =>
  scrape('token_acquirer_condition', { ...secretOf(secret), type: 'Ready', status: 'true' }, always(1));
const unreadable = (scrape: Scrape, values: string): Series =>
  unhealthy(scrape, SECRETS.never, { type: 'Renewed', reason: 'CredentialUnreadable' }, values);
const failures = (scrape: Scrape, values: string): Series =>
  scrape('token_acquirer_store_failures_total', secretOf(SECRETS.unstored), values);
const rejections = (scrape: Scrape, values: string): Series =>
  scrape('token_acquirer_rejected_tokens_total', secretOf(SECRETS.well), values);
const failedReissues = (scrape: Scrape, values: string): Series =>
  scrape('token_acquirer_reissues_total', { ...secretOf(SECRETS.well), outcome: 'failed' }, values);
/** One that is not exposed has the labels of one that is. */
function unhealthy(scrape: Scrape, secret: string, { type, reason }: Unhealthy, values: string): Series {
  const like = { ...secretOf(secret), type: SAMPLE[secret] ?? type, status: 'false' };
  const { metric, labels } = scrape('token_acquirer_condition', like, values);
  return { metric, values, labels: { ...labels, type, ...(reason !== undefined && { reason }) } };
}
/** 1 while the file on disk is in force, 0 while it is rejected. */
const loads = (scrape: Scrape, values: string): Series =>
  scrape('token_acquirer_configuration_last_load_successful', {}, values);
/** The exposition has the type ConfigurationInForce alone. */
const unhealthyProcess = (scrape: Scrape, type: string, values: string): Series => {
  const series = scrape('token_acquirer_process_condition_unhealthy', { type: 'ConfigurationInForce' }, values);
  return { ...series, labels: { ...series.labels, type } };
};

/** Beyond its time, as when no renewal succeeds: it expires at `at` scrapes. */
const expiring = (at: number): string => `${at * 30}-30x${HOUR}`;

const labelsIn = (scraped: Labels, secret: string): Labels => ({ ...scraped, ...secretOf(secret) });
const withServer = (scraped: Labels, secret: string): Labels => ({
  ...labelsIn(scraped, secret),
  authorization_server: 'corporate',
});
const down: Firing = { TokenAcquirerDown: [{}] };
const conditionOf = (secret: string, { type, reason }: Unhealthy, scraped: Labels = POD): Labels => ({
  ...withServer(scraped, secret),
  type,
  status: 'false',
  ...(reason !== undefined && { reason }),
});
const rejected: Firing = {
  TokenCredentialRejected: [conditionOf(SECRETS.never, { type: 'Renewed', reason: 'CredentialUnreadable' })],
};
const refused: Firing = { TokenAcquirerConfigurationRefused: [POD] };
const ofToken = (alert: string, secret: string, scraped: Labels = POD): Firing => ({
  [alert]: [alert === 'TokenNotStored' ? labelsIn(scraped, secret) : withServer(scraped, secret)],
});
const none: Firing = {};

/** The conditions that the alerts about expiry, renewal, storage and selectors do not cover. */
const GENERIC = CONDITION_TYPES.filter(
  (type) => !['Ready', 'Renewed', 'Stored', 'Suspended', 'SelectorMatches'].includes(type),
);

/** Of Alertmanager's configuration. */
interface Route {
  readonly receiver: string;
  readonly matchers?: readonly string[];
  readonly group_by: readonly string[];
  readonly routes?: readonly Route[];
}

interface Case {
  readonly sentence: string;
  readonly series: (scrape: (labels: Labels) => Scrape) => Series[];
  readonly moments: Readonly<Record<string, Firing>>;
}

const SILENT: readonly Case[] = [
  {
    sentence: 'in health, with several tokens',
    series: (of) => well(of(POD)),
    moments: { '0s': none, '5m': none, '30m': none, '60m': none },
  },
  {
    sentence: 'right after an installation, when the first tokens take a minute',
    series: (of) => [
      of(POD)('up', {}, `_ _ 1x${HOUR}`),
      ...token(of(POD), SECRETS.well, { suspended: `_ _ _ 0x${HOUR}`, expiry: `_ _ _ _ 600x${HOUR}` }),
      unreadable(of(POD), '_ _ _ 1x1 stale'),
    ],
    moments: { '0s': none, '1m': none, '2m': none, '10m': none },
  },
  {
    sentence: 'at a restart in another pod, which takes two minutes and resets counters',
    series: (of) => [
      of(POD)('up', {}, '1x40 0 stale'),
      ...wellToken(of(POD), SECRETS.well, { count: 41 }),
      unreadable(of(POD), '_x39 1 stale'),
      failures(of(POD), `90x40 stale`),
      rejections(of(POD), `90x40 stale`),
      loads(of(POD), `1x40 stale`),
      of(SUCCESSOR)('up', {}, `_x44 1x60`),
      ...wellToken(of(SUCCESSOR), SECRETS.well, { count: 60, gap: 45 }),
    ],
    moments: { '20m': none, '21m': none, '22m30s': none, '25m': none, '40m': none },
  },
  {
    sentence: 'at a restart at the same address, where counters begin anew in the same series',
    series: (of) => [
      ...well(of(POD)).filter(({ metric }) => !metric.includes('requests')),
      of(POD)('token_acquirer_token_requests_total', { ...secretOf(SECRETS.well), result: 'ok' }, '900+1x40 0+1x60'),
      rejections(of(POD), '90x40 1x60'),
    ],
    moments: { '19m': none, '20m30s': none, '22m': none, '30m': none },
  },
  {
    sentence: 'while the client app is stopped, whatever became of the token meanwhile',
    series: (of) => [
      of(POD)('up', {}, always(1)),
      ...token(of(POD), SECRETS.well, { expiry: expiring(4), renewal: always(60), suspended: always(1) }),
      ...token(of(POD), SECRETS.stopped, { suspended: always(1) }),
    ],
    moments: { '1m': none, '10m': none, '60m': none },
  },
  {
    sentence: 'as the client app comes back, and its token within a scrape or two',
    series: (of) => [
      of(POD)('up', {}, always(1)),
      ...token(of(POD), SECRETS.well, {
        expiry: '-300-30x39 -1500 600-30x5',
        renewal: '-600x40 1500x5',
        suspended: '1x39 0x6',
      }),
    ],
    moments: { '19m30s': none, '20m': none, '20m30s': none, '22m': none },
  },
  {
    sentence: 'where a condition is unhealthy that has an alert of its own, or was for a moment',
    series: (of) => [
      ...well(of(POD)),
      unhealthy(of(POD), SECRETS.unstored, { type: 'Stored' }, '_x4 1x3 stale'),
      unhealthy(of(POD), SECRETS.frozen, { type: 'PodsFollow' }, '_x4 1x8 stale'),
    ],
    moments: { '3m': none, '6m': none, '10m': none },
  },
  {
    sentence: 'where the store was away for a minute',
    series: (of) => [...well(of(POD)), failures(of(POD), '_x10 3 5 6x60')],
    moments: { '5m30s': none, '8m': none, '11m': none, '15m': none },
  },
  {
    sentence: 'where a token was revoked five times within ten minutes',
    series: (of) => [...well(of(POD)), rejections(of(POD), '0x10 1x3 2x3 3x3 4x3 5x60')],
    moments: { '10m': none, '12m': none, '15m': none },
  },
  {
    sentence: 'of what was counted long ago, before it was mended',
    series: (of) => [
      ...well(of(POD)),
      unreadable(of(POD), '1x3 stale'),
      failures(of(POD), always(9)),
      rejections(of(POD), always(9)),
    ],
    moments: { '20m': none, '60m': none },
  },
  {
    sentence: 'of a release of the same name in another namespace, nor of its pod that has gone',
    series: (of) => [
      ...well(of(POD)),
      of(ELSEWHERE)('up', {}, `1x40 stale`),
      ...token(of(ELSEWHERE), SECRETS.other, { expiry: '-60-30x40 stale', renewal: '-300x40 stale' }),
      ...token(of(ELSEWHERE), SECRETS.never, { suspended: '0x40 stale' }),
      unreadable(of(ELSEWHERE), '1x40 stale'),
      failures(of(ELSEWHERE), '1+1x40 stale'),
      rejections(of(ELSEWHERE), '1+4x40 stale'),
      loads(of(ELSEWHERE), '1x20 0x20 stale'),
    ],
    moments: { '5m': none, '15m': none, '20m': none, '22m': none, '30m': none },
  },
];

const FIRING: readonly Case[] = [
  {
    sentence: 'TokenAcquirerDown where there is no target',
    series: (of) => [of(ELSEWHERE)('up', {}, always(1))],
    moments: { '4m30s': none, '5m': down },
  },
  {
    sentence: 'TokenAcquirerDown where the target does not answer, and no longer when it does',
    series: (of) => [of(POD)('up', {}, '1x9 0x20 1x20')],
    moments: { '5m': none, '9m30s': none, '10m': down, '15m30s': none },
  },
  {
    sentence: 'TokenExpired a minute after one of the tokens has',
    series: (of) => [
      of(POD)('up', {}, always(1)),
      ...wellToken(of(POD), SECRETS.well),
      ...token(of(POD), SECRETS.other, { expiry: expiring(20), suspended: always(0) }),
    ],
    moments: { '9m30s': none, '10m30s': none, '11m': ofToken('TokenExpired', SECRETS.other) },
  },
  {
    sentence: 'TokenExpired and TokenRenewalOverdue where the client app is back, and no token comes',
    series: (of) => [
      of(POD)('up', {}, always(1)),
      ...token(of(POD), SECRETS.well, { expiry: expiring(-2), renewal: always(-60), suspended: `1x9 0x${HOUR}` }),
    ],
    moments: {
      '5m30s': none,
      '6m': ofToken('TokenExpired', SECRETS.well),
      '7m': { ...ofToken('TokenExpired', SECRETS.well), ...ofToken('TokenRenewalOverdue', SECRETS.well) },
    },
  },
  {
    sentence: 'TokenNeverObtained for the token that there never was, and no other',
    series: (of) => [...well(of(POD)), ...token(of(POD), SECRETS.never, { suspended: `_ _ ${always(0)}` })],
    moments: { '5m30s': none, '6m': ofToken('TokenNeverObtained', SECRETS.never) },
  },
  {
    sentence: 'TokenRenewalOverdue three minutes after it was time, with a token that is valid',
    series: (of) => [
      of(POD)('up', {}, always(1)),
      ...wellToken(of(POD), SECRETS.other),
      ...token(of(POD), SECRETS.well, { expiry: expiring(100), renewal: always(300), suspended: always(0) }),
    ],
    moments: { '6m': none, '8m': none, '8m30s': ofToken('TokenRenewalOverdue', SECRETS.well) },
  },
  {
    sentence: 'TokenCredentialRejected a minute after the refusal, until a token is obtained or the client app stops',
    series: (of) => [
      ...well(of(POD)),
      unreadable(of(POD), '_x4 1x80 stale'),
      ...token(of(POD), SECRETS.never, { suspended: '_x4 0x8 1x20 0x50' }),
    ],
    moments: {
      '2m30s': none,
      '4m': rejected,
      '10m': none,
      '22m': { ...rejected, ...ofToken('TokenNeverObtained', SECRETS.never) },
      '45m': ofToken('TokenNeverObtained', SECRETS.never),
    },
  },
  {
    sentence: 'TokenNotStored five minutes after the store began to fail, and until shortly after it is mended',
    series: (of) => [...well(of(POD)), failures(of(POD), '_x10 3 5 6+1x40 47x60')],
    moments: {
      '10m': none,
      '10m30s': ofToken('TokenNotStored', SECRETS.unstored),
      '20m': ofToken('TokenNotStored', SECRETS.unstored),
      '30m': none,
    },
  },
  {
    sentence: 'TokenRejectedOften where every token is rejected',
    series: (of) => [...well(of(POD)), rejections(of(POD), '_x10 1+1x60')],
    moments: { '7m': none, '30m': ofToken('TokenRejectedOften', SECRETS.well) },
  },
  {
    sentence: 'TokenRejectedOften where one token is rejected, and its reissues fail',
    series: (of) => [...well(of(POD)), rejections(of(POD), '_x10 1x60'), failedReissues(of(POD), '_x10 1+1x60')],
    moments: {
      '7m': none,
      '30m': { TokenRejectedOften: [{ ...withServer(POD, SECRETS.well), outcome: 'failed' }] },
    },
  },
  {
    sentence: 'TokenRejectedOften once, where new tokens are rejected and reissues fail',
    series: (of) => [...well(of(POD)), rejections(of(POD), '_x10 1+1x60'), failedReissues(of(POD), '_x10 1+1x60')],
    moments: { '30m': { TokenRejectedOften: [{ ...withServer(POD, SECRETS.well), outcome: 'failed' }] } },
  },
  {
    sentence: 'no TokenRejectedOften where one token is reported by many calls and replaced',
    series: (of) => [...well(of(POD)), rejections(of(POD), '_x10 1x60'), failedReissues(of(POD), '_x10 3x60')],
    moments: { '7m': none, '30m': none },
  },
  {
    sentence: 'TokenClientAppNotSelected as soon as it is scraped, and no longer when the selector matches',
    series: (of) => [
      ...well(of(POD)),
      unhealthy(of(POD), SECRETS.unselected, { type: 'SelectorMatches' }, '_x4 1x10 stale'),
    ],
    moments: {
      '1m30s': none,
      '2m30s': {
        TokenClientAppNotSelected: [
          conditionOf(SECRETS.unselected, { type: 'SelectorMatches', reason: 'NoPodSelected' }),
        ],
      },
      '9m': none,
    },
  },
  ...GENERIC.map((type) => ({
    sentence: `TokenConditionUnhealthy after five minutes of ${type}, whatever its reasons`,
    series: (of: (labels: Labels) => Scrape) => [
      ...well(of(POD)),
      unhealthy(of(POD), SECRETS.frozen, { type, reason: 'First' }, '_x4 1x8 stale'),
      unhealthy(of(POD), SECRETS.frozen, { type, reason: 'Second' }, '_x12 1x60'),
    ],
    moments: { '6m30s': none, '8m': { TokenConditionUnhealthy: [conditionOf(SECRETS.frozen, { type })] } },
  })),
  {
    sentence: 'TokenAcquirerConfigurationRefused for as long as a newer file is rejected',
    series: (of) => [
      ...well(of(POD)).filter(({ metric }) => !metric.includes('configuration')),
      loads(of(POD), '1x9 0x19 1x59'),
    ],
    moments: { '4m30s': none, '5m30s': refused, '14m': refused, '15m30s': none, '35m': none },
  },
  {
    sentence: 'TokenAcquirerUnhealthy after a minute of an unhealthy process, unless another alert is for it',
    series: (of) => [
      ...well(of(POD)),
      unhealthyProcess(of(POD), 'AuthorityStored', '_x10 1x19'),
      unhealthyProcess(of(POD), 'ConfigurationInForce', always(1)),
    ],
    moments: { '4m': none, '5m30s': none, '7m': { TokenAcquirerUnhealthy: [{ ...POD, type: 'AuthorityStored' }] } },
  },
  {
    sentence: 'once, where a release of the same name elsewhere is well',
    series: (of) => [
      ...well(of(ELSEWHERE)),
      of(POD)('up', {}, always(1)),
      ...token(of(POD), SECRETS.well, { expiry: expiring(-1), suspended: always(0) }),
      unreadable(of(POD), always(1)),
      failures(of(POD), `1+1x${HOUR}`),
      loads(of(POD), always(0)),
    ],
    moments: {
      '10m': {
        ...ofToken('TokenExpired', SECRETS.well),
        ...ofToken('TokenNotStored', SECRETS.unstored),
        ...rejected,
        ...refused,
      },
    },
  },
  {
    sentence: 'all the same, of a plain scrape that adds the job and the instance alone',
    series: (of) => [
      of(PLAIN)('up', {}, always(1)),
      ...token(of(PLAIN), SECRETS.well, { expiry: expiring(-1), suspended: always(0) }),
      unreadable(of(PLAIN), always(1)),
      failures(of(PLAIN), `1+1x${HOUR}`),
    ],
    moments: {
      '10m': {
        ...ofToken('TokenExpired', SECRETS.well, PLAIN),
        ...ofToken('TokenNotStored', SECRETS.unstored, PLAIN),
        TokenCredentialRejected: [
          conditionOf(SECRETS.never, { type: 'Renewed', reason: 'CredentialUnreadable' }, PLAIN),
        ],
      },
    },
  },
];

describe("the chart's alerts", () => {
  const promtool = realParts(() => openPromtool(NAMESPACE));
  let exposed = '';
  beforeAll(async () => {
    exposed = await exposition();
  }, 60_000);
  afterAll(() => {
    exposed = '';
  });

  it('are rules that Prometheus takes', async () => {
    const { rules, checkRules } = promtool();
    expect(await checkRules()).toContain(`SUCCESS: ${rules.length} rules found`);
  });

  it('look at metrics that a running token-acquirer exposes', () => {
    const exposedNames = new Set(labelSets(exposed).map(({ metric }) => metric));
    for (const { expr } of promtool().rules) {
      for (const name of expr.match(/token_acquirer_\w+/g) ?? []) expect([...exposedNames]).toContain(name);
    }
  });

  it('are tried each, in what follows', () => {
    const tried = new Set(FIRING.flatMap(({ moments }) => Object.values(moments).flatMap(Object.keys)));
    expect([...tried].toSorted()).toEqual(
      promtool()
        .rules.map(({ alert }) => alert)
        .toSorted(),
    );
  });

  it('about a token name it, where it comes from, and what to run', () => {
    for (const { alert, annotations } of promtool().rules) {
      if (alert.startsWith('TokenAcquirer')) continue;
      const text = Object.values(annotations).join('\n');
      for (const label of ['namespace', 'secret', 'name'])
        expect([alert, text]).toContainEqual(expect.stringContaining(`{{ $labels.${label} }}`));
      expect(text).toContain('token-acquirer status --namespace {{ $labels.namespace }}');
    }
  });

  it('have the labels by which the documents route them', () => {
    const [block, ...others] = codeBlocks(ROOT).filter((one) => kindOfYaml(one) === 'alertmanager');
    expect([block?.document, others]).toEqual(['docs/operate/monitoring.md', []]);
    const { route, receivers } = parse(block?.text ?? '') as { route: Route; receivers: readonly { name: string }[] };
    const names = receivers.map(({ name }) => name);
    for (const { receiver, matchers = [], group_by: groups } of [route, ...(route.routes ?? [])]) {
      expect(names).toContain(receiver);
      const expired = { alertname: 'TokenExpired', ...withServer(POD, SECRETS.well) };
      const matched = matchers.map((matcher) => /^(\w+)="([^"]*)"$/.exec(matcher)?.slice(1, 3));
      expect(Object.entries(expired)).toEqual(expect.arrayContaining(matched));
      expect(Object.keys(expired)).toEqual(expect.arrayContaining([...groups]));
    }
  });

  it('are in the documents, with their severity', () => {
    const monitoring = readFileSync(join(ROOT, 'docs/operate/monitoring.md'), 'utf8');
    const rows = [...monitoring.matchAll(/^\| \[`(Token\w+)`\]\(runbooks\/\1\.md\) \| (\w+) \|/gm)].map(
      ([, alert, severity]) => [alert, severity],
    );
    expect(rows).toEqual(promtool().rules.map(({ alert, labels }) => [alert, labels['severity']]));
  });

  describe('are silent', () => {
    it.each(SILENT)('$sentence', async ({ series, moments }) => {
      const said = await promtool().test({ series: series((labels) => scraping(exposed, labels)), moments });
      expect(said).toContain('SUCCESS');
    });
  });

  describe('fire:', () => {
    it.each(FIRING)('$sentence', async ({ series, moments }) => {
      const said = await promtool().test({ series: series((labels) => scraping(exposed, labels)), moments });
      expect(said).toContain('SUCCESS');
    });
  });
});
