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

/** Returns the labels that the Prometheus operator adds to each series of a ServiceMonitor's target. */
function target(pod: string, instance: string, namespace: string = NAMESPACE): Labels {
  const job = 'token-acquirer';
  return { job, namespace, pod, instance, service: job, container: job, endpoint: 'status' };
}

const POD = target('token-acquirer-5d9c7-abcde', '10.244.0.7:9090');
const SUCCESSOR = target('token-acquirer-5d9c7-fghij', '10.244.0.8:9090');
/** A pod of a release of the same name in another namespace. */
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

const constant = (value: number): string => `${value}x${HOUR}`;

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

/** Returns the series of a token that lives for 10 min and is renewed after 5, with a sample each 30 s for `count` scrapes. */
function healthyToken(scrape: Scrape, secret: string, { count = HOUR, gap = 0 } = {}): Series[] {
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

/** Returns the series of a running token-acquirer with two healthy tokens. */
function healthySeries(scrape: Scrape): Series[] {
  return [
    scrape('up', {}, constant(1)),
    ...healthyToken(scrape, SECRETS.healthy),
    ...healthyToken(scrape, SECRETS.other),
    scrape('token_acquirer_token_requests_total', { ...secretOf(SECRETS.healthy), result: 'ok' }, `2+1x${HOUR}`),
    readyCondition(scrape, SECRETS.healthy),
    configurationLoads(scrape, constant(1)),
    credentialEnd(scrape, constant(15 * DAY)),
  ];
}

const readyCondition = (scrape: Scrape, secret: string): Series =>
  scrape('token_acquirer_condition', { ...secretOf(secret), type: 'Ready', status: 'true' }, constant(1));
const credentialError = (scrape: Scrape, values: string): Series =>
  falseCondition(scrape, SECRETS.missing, { type: 'Renewed', reason: 'CredentialUnreadable' }, values);
const storeFailures = (scrape: Scrape, values: string): Series =>
  scrape('token_acquirer_store_failures_total', secretOf(SECRETS.unstored), values);
const rejectedTokens = (scrape: Scrape, values: string): Series =>
  scrape('token_acquirer_rejected_tokens_total', secretOf(SECRETS.healthy), values);
const failedReissues = (scrape: Scrape, values: string): Series =>
  scrape('token_acquirer_reissues_total', { ...secretOf(SECRETS.healthy), outcome: 'failed' }, values);
/** Returns the series of a false condition. One that the exposition lacks has the labels of one that it has. */
function falseCondition(scrape: Scrape, secret: string, { type, reason }: Unhealthy, values: string): Series {
  const like = { ...secretOf(secret), type: SAMPLE[secret] ?? type, status: 'false' };
  const { metric, labels } = scrape('token_acquirer_condition', like, values);
  return { metric, values, labels: { ...labels, type, ...(reason !== undefined && { reason }) } };
}
/** 1 while the file on disk is in force, 0 while it is rejected. */
const configurationLoads = (scrape: Scrape, values: string): Series =>
  scrape('token_acquirer_configuration_last_load_successful', {}, values);
/** The exposition has only the type ConfigurationInForce. */
const processCondition = (scrape: Scrape, type: string, values: string): Series => {
  const series = scrape('token_acquirer_process_condition_unhealthy', { type: 'ConfigurationInForce' }, values);
  return { ...series, labels: { ...series.labels, type } };
};

/** The exposition has only the shard 0. */
const unownedTokens = (scrape: Scrape, shard: string, values: string): Series => {
  const series = scrape('token_acquirer_unowned_tokens', { shard: '0' }, values);
  return { ...series, labels: { ...series.labels, shard } };
};

const DAY = 86_400;
const credentialEnd = (scrape: Scrape, values: string): Series =>
  scrape('token_acquirer_credential_expiration_timestamp_seconds', { credential: 'dynamics' }, values);
/** Of a credential that ends 14 days after the tenth minute. */
const ENDS = constant(14 * DAY + 600);

/** Returns the samples of an expiry that is `at` scrapes ahead and that no renewal moves. */
const expiryAt = (at: number): string => `${at * 30}-30x${HOUR}`;

const labelsIn = (scraped: Labels, secret: string): Labels => ({ ...scraped, ...secretOf(secret) });
const withServer = (scraped: Labels, secret: string): Labels => ({
  ...labelsIn(scraped, secret),
  authorization_server: 'corporate',
});
const NO_TARGET: Firing = { TokenAcquirerDown: [{}] };
const conditionOf = (secret: string, { type, reason }: Unhealthy, scraped: Labels = POD): Labels => ({
  ...withServer(scraped, secret),
  type,
  status: 'false',
  ...(reason !== undefined && { reason }),
});
const CREDENTIAL_ALERT: Firing = {
  TokenCredentialRejected: [conditionOf(SECRETS.missing, { type: 'Renewed', reason: 'CredentialUnreadable' })],
};
const CONFIGURATION_ALERT: Firing = { TokenAcquirerConfigurationRefused: [POD] };
const ofToken = (alert: string, secret: string, scraped: Labels = POD): Firing => ({
  [alert]: [alert === 'TokenNotStored' ? labelsIn(scraped, secret) : withServer(scraped, secret)],
});
const expiringCredential = (scraped: Labels): Firing => ({
  TokenCredentialExpires: [{ ...scraped, job: 'token-acquirer', credential: 'dynamics' }],
});
const NO_ALERT: Firing = {};

/** The conditions that the alerts about expiry, renewal, storage and selectors do not cover. */
const GENERIC = CONDITION_TYPES.filter(
  (type) => !['Ready', 'Renewed', 'Stored', 'Suspended', 'SelectorMatches'].includes(type),
);

/** A route of Alertmanager's configuration. */
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
    sentence: 'while all tokens are healthy',
    series: (of) => healthySeries(of(POD)),
    moments: { '0s': NO_ALERT, '5m': NO_ALERT, '30m': NO_ALERT, '60m': NO_ALERT },
  },
  {
    sentence: 'right after an installation, while the first tokens take a minute',
    series: (of) => [
      of(POD)('up', {}, `_ _ 1x${HOUR}`),
      ...token(of(POD), SECRETS.healthy, { suspended: `_ _ _ 0x${HOUR}`, expiry: `_ _ _ _ 600x${HOUR}` }),
      credentialError(of(POD), '_ _ _ 1x1 stale'),
    ],
    moments: { '0s': NO_ALERT, '1m': NO_ALERT, '2m': NO_ALERT, '10m': NO_ALERT },
  },
  {
    sentence: 'at a restart in another pod, which takes two minutes and resets counters',
    series: (of) => [
      of(POD)('up', {}, '1x40 0 stale'),
      ...healthyToken(of(POD), SECRETS.healthy, { count: 41 }),
      credentialError(of(POD), '_x39 1 stale'),
      storeFailures(of(POD), `90x40 stale`),
      rejectedTokens(of(POD), `90x40 stale`),
      configurationLoads(of(POD), `1x40 stale`),
      of(SUCCESSOR)('up', {}, `_x44 1x60`),
      ...healthyToken(of(SUCCESSOR), SECRETS.healthy, { count: 60, gap: 45 }),
    ],
    moments: { '20m': NO_ALERT, '21m': NO_ALERT, '22m30s': NO_ALERT, '25m': NO_ALERT, '40m': NO_ALERT },
  },
  {
    sentence: 'at a restart at the same address, which resets the counters of the same series',
    series: (of) => [
      ...healthySeries(of(POD)).filter(({ metric }) => !metric.includes('requests')),
      of(POD)('token_acquirer_token_requests_total', { ...secretOf(SECRETS.healthy), result: 'ok' }, '900+1x40 0+1x60'),
      rejectedTokens(of(POD), '90x40 1x60'),
    ],
    moments: { '19m': NO_ALERT, '20m30s': NO_ALERT, '22m': NO_ALERT, '30m': NO_ALERT },
  },
  {
    sentence: 'while the client app is stopped, also if its token expired or was never obtained',
    series: (of) => [
      of(POD)('up', {}, constant(1)),
      ...token(of(POD), SECRETS.healthy, { expiry: expiryAt(4), renewal: constant(60), suspended: constant(1) }),
      ...token(of(POD), SECRETS.stopped, { suspended: constant(1) }),
    ],
    moments: { '1m': NO_ALERT, '10m': NO_ALERT, '60m': NO_ALERT },
  },
  {
    sentence: 'when the client app starts again and gets its token within two scrapes',
    series: (of) => [
      of(POD)('up', {}, constant(1)),
      ...token(of(POD), SECRETS.healthy, {
        expiry: '-300-30x39 -1500 600-30x5',
        renewal: '-600x40 1500x5',
        suspended: '1x39 0x6',
      }),
    ],
    moments: { '19m30s': NO_ALERT, '20m': NO_ALERT, '20m30s': NO_ALERT, '22m': NO_ALERT },
  },
  {
    sentence: 'for a condition that has its own alert, and for one that was unhealthy for a moment',
    series: (of) => [
      ...healthySeries(of(POD)),
      falseCondition(of(POD), SECRETS.unstored, { type: 'Stored' }, '_x4 1x3 stale'),
      falseCondition(of(POD), SECRETS.frozen, { type: 'PodsFollow' }, '_x4 1x8 stale'),
    ],
    moments: { '3m': NO_ALERT, '6m': NO_ALERT, '10m': NO_ALERT },
  },
  {
    sentence: 'while the store is unavailable for a minute',
    series: (of) => [...healthySeries(of(POD)), storeFailures(of(POD), '_x10 3 5 6x60')],
    moments: { '5m30s': NO_ALERT, '8m': NO_ALERT, '11m': NO_ALERT, '15m': NO_ALERT },
  },
  {
    sentence: 'for a token that was revoked five times within ten minutes',
    series: (of) => [...healthySeries(of(POD)), rejectedTokens(of(POD), '0x10 1x3 2x3 3x3 4x3 5x60')],
    moments: { '10m': NO_ALERT, '12m': NO_ALERT, '15m': NO_ALERT },
  },
  {
    sentence: 'for failures that were counted long ago and fixed since',
    series: (of) => [
      ...healthySeries(of(POD)),
      credentialError(of(POD), '1x3 stale'),
      storeFailures(of(POD), constant(9)),
      rejectedTokens(of(POD), constant(9)),
    ],
    moments: { '20m': NO_ALERT, '60m': NO_ALERT },
  },
  {
    sentence: 'for a release of the same name in another namespace, also after its pod has ended',
    series: (of) => [
      ...healthySeries(of(POD)),
      of(ELSEWHERE)('up', {}, `1x40 stale`),
      ...token(of(ELSEWHERE), SECRETS.other, { expiry: '-60-30x40 stale', renewal: '-300x40 stale' }),
      ...token(of(ELSEWHERE), SECRETS.missing, { suspended: '0x40 stale' }),
      credentialError(of(ELSEWHERE), '1x40 stale'),
      storeFailures(of(ELSEWHERE), '1+1x40 stale'),
      rejectedTokens(of(ELSEWHERE), '1+4x40 stale'),
      configurationLoads(of(ELSEWHERE), '1x20 0x20 stale'),
      credentialEnd(of(ELSEWHERE), '600x40 stale'),
    ],
    moments: { '5m': NO_ALERT, '15m': NO_ALERT, '20m': NO_ALERT, '22m': NO_ALERT, '30m': NO_ALERT },
  },
];

const FIRING: readonly Case[] = [
  {
    sentence: 'TokenAcquirerDown without a target',
    series: (of) => [of(ELSEWHERE)('up', {}, constant(1))],
    moments: { '4m30s': NO_ALERT, '5m': NO_TARGET },
  },
  {
    sentence: 'TokenAcquirerDown while the target does not answer',
    series: (of) => [of(POD)('up', {}, '1x9 0x20 1x20')],
    moments: { '5m': NO_ALERT, '9m30s': NO_ALERT, '10m': NO_TARGET, '15m30s': NO_ALERT },
  },
  {
    sentence: 'TokenExpired a minute after a token expired',
    series: (of) => [
      of(POD)('up', {}, constant(1)),
      ...healthyToken(of(POD), SECRETS.healthy),
      ...token(of(POD), SECRETS.other, { expiry: expiryAt(20), suspended: constant(0) }),
    ],
    moments: { '9m30s': NO_ALERT, '10m30s': NO_ALERT, '11m': ofToken('TokenExpired', SECRETS.other) },
  },
  {
    sentence: 'TokenExpired and TokenRenewalOverdue if the client app starts again and gets no token',
    series: (of) => [
      of(POD)('up', {}, constant(1)),
      ...token(of(POD), SECRETS.healthy, { expiry: expiryAt(-2), renewal: constant(-60), suspended: `1x9 0x${HOUR}` }),
    ],
    moments: {
      '5m30s': NO_ALERT,
      '6m': ofToken('TokenExpired', SECRETS.healthy),
      '7m': { ...ofToken('TokenExpired', SECRETS.healthy), ...ofToken('TokenRenewalOverdue', SECRETS.healthy) },
    },
  },
  {
    sentence: 'TokenNeverObtained for the token that never existed, and for no other',
    series: (of) => [
      ...healthySeries(of(POD)),
      ...token(of(POD), SECRETS.missing, { suspended: `_ _ ${constant(0)}` }),
    ],
    moments: { '5m30s': NO_ALERT, '6m': ofToken('TokenNeverObtained', SECRETS.missing) },
  },
  {
    sentence: 'TokenRenewalOverdue three minutes after the renewal was due, while the token is valid',
    series: (of) => [
      of(POD)('up', {}, constant(1)),
      ...healthyToken(of(POD), SECRETS.other),
      ...token(of(POD), SECRETS.healthy, { expiry: expiryAt(100), renewal: constant(300), suspended: constant(0) }),
    ],
    moments: { '6m': NO_ALERT, '8m': NO_ALERT, '8m30s': ofToken('TokenRenewalOverdue', SECRETS.healthy) },
  },
  {
    sentence: 'TokenCredentialRejected a minute after the rejection, until a token is obtained or the client app stops',
    series: (of) => [
      ...healthySeries(of(POD)),
      credentialError(of(POD), '_x4 1x80 stale'),
      ...token(of(POD), SECRETS.missing, { suspended: '_x4 0x8 1x20 0x50' }),
    ],
    moments: {
      '2m30s': NO_ALERT,
      '4m': CREDENTIAL_ALERT,
      '10m': NO_ALERT,
      '22m': { ...CREDENTIAL_ALERT, ...ofToken('TokenNeverObtained', SECRETS.missing) },
      '45m': ofToken('TokenNeverObtained', SECRETS.missing),
    },
  },
  {
    sentence: 'TokenCredentialExpires two weeks before the end, also after it, until a later end is read',
    series: (of) => [
      of(POD)('up', {}, constant(1)),
      credentialEnd(of(POD), `${14 * DAY + 600}x60 1200x20 ${30 * DAY}x40`),
    ],
    moments: {
      '9m30s': NO_ALERT,
      '10m30s': expiringCredential({ namespace: NAMESPACE }),
      '35m': expiringCredential({ namespace: NAMESPACE }),
      '42m': NO_ALERT,
    },
  },
  {
    sentence: 'TokenCredentialExpires once for a credential that two shards use',
    series: (of) => [
      of(POD)('up', {}, constant(1)),
      credentialEnd(of(POD), constant(15 * DAY)),
      credentialEnd(of(SUCCESSOR), ENDS),
    ],
    moments: { '9m30s': NO_ALERT, '11m': expiringCredential({ namespace: NAMESPACE }) },
  },
  {
    sentence: 'TokenNotStored five minutes after the store began to fail, until shortly after it works again',
    series: (of) => [...healthySeries(of(POD)), storeFailures(of(POD), '_x10 3 5 6+1x40 47x60')],
    moments: {
      '10m': NO_ALERT,
      '10m30s': ofToken('TokenNotStored', SECRETS.unstored),
      '20m': ofToken('TokenNotStored', SECRETS.unstored),
      '30m': NO_ALERT,
    },
  },
  {
    sentence: 'TokenRejectedOften if every token is rejected',
    series: (of) => [...healthySeries(of(POD)), rejectedTokens(of(POD), '_x10 1+1x60')],
    moments: { '7m': NO_ALERT, '30m': ofToken('TokenRejectedOften', SECRETS.healthy) },
  },
  {
    sentence: 'TokenRejectedOften if one token is rejected and its reissues fail',
    series: (of) => [
      ...healthySeries(of(POD)),
      rejectedTokens(of(POD), '_x10 1x60'),
      failedReissues(of(POD), '_x10 1+1x60'),
    ],
    moments: {
      '7m': NO_ALERT,
      '30m': { TokenRejectedOften: [{ ...withServer(POD, SECRETS.healthy), outcome: 'failed' }] },
    },
  },
  {
    sentence: 'TokenRejectedOften once if new tokens are rejected and reissues fail',
    series: (of) => [
      ...healthySeries(of(POD)),
      rejectedTokens(of(POD), '_x10 1+1x60'),
      failedReissues(of(POD), '_x10 1+1x60'),
    ],
    moments: { '30m': { TokenRejectedOften: [{ ...withServer(POD, SECRETS.healthy), outcome: 'failed' }] } },
  },
  {
    sentence: 'no TokenRejectedOften if many calls report one token and it is replaced',
    series: (of) => [
      ...healthySeries(of(POD)),
      rejectedTokens(of(POD), '_x10 1x60'),
      failedReissues(of(POD), '_x10 3x60'),
    ],
    moments: { '7m': NO_ALERT, '30m': NO_ALERT },
  },
  {
    sentence: 'TokenClientAppNotSelected as soon as it is scraped, until the selector matches',
    series: (of) => [
      ...healthySeries(of(POD)),
      falseCondition(of(POD), SECRETS.unselected, { type: 'SelectorMatches' }, '_x4 1x10 stale'),
    ],
    moments: {
      '1m30s': NO_ALERT,
      '2m30s': {
        TokenClientAppNotSelected: [
          conditionOf(SECRETS.unselected, { type: 'SelectorMatches', reason: 'NoPodSelected' }),
        ],
      },
      '9m': NO_ALERT,
    },
  },
  ...GENERIC.map((type) => ({
    sentence: `TokenConditionUnhealthy after five minutes of ${type}, for any reason`,
    series: (of: (labels: Labels) => Scrape) => [
      ...healthySeries(of(POD)),
      falseCondition(of(POD), SECRETS.frozen, { type, reason: 'First' }, '_x4 1x8 stale'),
      falseCondition(of(POD), SECRETS.frozen, { type, reason: 'Second' }, '_x12 1x60'),
    ],
    moments: { '6m30s': NO_ALERT, '8m': { TokenConditionUnhealthy: [conditionOf(SECRETS.frozen, { type })] } },
  })),
  {
    sentence: 'TokenAcquirerConfigurationRefused for as long as a newer file is rejected',
    series: (of) => [
      ...healthySeries(of(POD)).filter(({ metric }) => !metric.includes('configuration')),
      configurationLoads(of(POD), '1x9 0x19 1x59'),
    ],
    moments: {
      '4m30s': NO_ALERT,
      '5m30s': CONFIGURATION_ALERT,
      '14m': CONFIGURATION_ALERT,
      '15m30s': NO_ALERT,
      '35m': NO_ALERT,
    },
  },
  {
    sentence: 'TokenAcquirerShardUnowned once for a shard that nobody holds for a minute, though two pods report it',
    series: (of) => [
      ...healthySeries(of(POD)),
      ...healthySeries(of(SUCCESSOR)),
      unownedTokens(of(POD), '0', constant(0)),
      unownedTokens(of(POD), '1', '0x9 12x9 0x60'),
      unownedTokens(of(SUCCESSOR), '1', '0x10 12x9 0x60'),
      unownedTokens(of(ELSEWHERE), '2', constant(7)),
    ],
    moments: {
      '5m30s': NO_ALERT,
      '7m': { TokenAcquirerShardUnowned: [{ job: 'token-acquirer', namespace: NAMESPACE, shard: '1' }] },
      '11m': NO_ALERT,
    },
  },
  {
    sentence: 'TokenAcquirerUnhealthy after a minute of an unhealthy process, unless another alert covers it',
    series: (of) => [
      ...healthySeries(of(POD)),
      processCondition(of(POD), 'AuthorityStored', '_x10 1x19'),
      processCondition(of(POD), 'ConfigurationInForce', constant(1)),
    ],
    moments: {
      '4m': NO_ALERT,
      '5m30s': NO_ALERT,
      '7m': { TokenAcquirerUnhealthy: [{ ...POD, type: 'AuthorityStored' }] },
    },
  },
  {
    sentence: 'once, while a release of the same name elsewhere is healthy',
    series: (of) => [
      ...healthySeries(of(ELSEWHERE)),
      of(POD)('up', {}, constant(1)),
      ...token(of(POD), SECRETS.healthy, { expiry: expiryAt(-1), suspended: constant(0) }),
      credentialError(of(POD), constant(1)),
      storeFailures(of(POD), `1+1x${HOUR}`),
      configurationLoads(of(POD), constant(0)),
    ],
    moments: {
      '10m': {
        ...ofToken('TokenExpired', SECRETS.healthy),
        ...ofToken('TokenNotStored', SECRETS.unstored),
        ...CREDENTIAL_ALERT,
        ...CONFIGURATION_ALERT,
      },
    },
  },
  {
    sentence: 'for a plain scrape, which adds only the job and the instance',
    series: (of) => [
      of(PLAIN)('up', {}, constant(1)),
      ...token(of(PLAIN), SECRETS.healthy, { expiry: expiryAt(-1), suspended: constant(0) }),
      credentialError(of(PLAIN), constant(1)),
      storeFailures(of(PLAIN), `1+1x${HOUR}`),
      credentialEnd(of(PLAIN), constant(0)),
    ],
    moments: {
      '10m': {
        ...ofToken('TokenExpired', SECRETS.healthy, PLAIN),
        ...ofToken('TokenNotStored', SECRETS.unstored, PLAIN),
        ...expiringCredential({}),
        TokenCredentialRejected: [
          conditionOf(SECRETS.missing, { type: 'Renewed', reason: 'CredentialUnreadable' }, PLAIN),
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

  it('are rules that Prometheus accepts', async () => {
    const { rules, checkRules } = promtool();
    expect(await checkRules()).toContain(`SUCCESS: ${rules.length} rules found`);
  });

  it('use metrics that a running token-acquirer exposes', () => {
    const exposedNames = new Set(labelSets(exposed).map(({ metric }) => metric));
    for (const { expr } of promtool().rules) {
      for (const name of expr.match(/token_acquirer_\w+/g) ?? []) expect([...exposedNames]).toContain(name);
    }
  });

  it('are each tried below', () => {
    const tried = new Set(FIRING.flatMap(({ moments }) => Object.values(moments).flatMap(Object.keys)));
    expect([...tried].toSorted()).toEqual(
      promtool()
        .rules.map(({ alert }) => alert)
        .toSorted(),
    );
  });

  it('about a token name it, its authorization server, and the command to run', () => {
    for (const { alert, annotations } of promtool().rules) {
      if (alert.startsWith('TokenAcquirer') || alert === 'TokenCredentialExpires') continue;
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
      const expired = { alertname: 'TokenExpired', ...withServer(POD, SECRETS.healthy) };
      const matched = matchers.map((matcher) => /^(\w+)="([^"]*)"$/.exec(matcher)?.slice(1, 3));
      expect(Object.entries(expired)).toEqual(expect.arrayContaining(matched));
      expect(Object.keys(expired)).toEqual(expect.arrayContaining([...groups]));
    }
  });

  it('are listed in the documents, with their severity', () => {
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
