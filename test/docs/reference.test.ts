import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { peerFailure } from '../../src/adapters/oauth/failures.ts';
import { rejectionOf } from '../../src/adapters/oauth/rejection.ts';
import { createDecisionLog } from '../../src/adapters/telemetry/decision-log.ts';
import { createLogger } from '../../src/adapters/telemetry/logger.ts';
import { createMetrics } from '../../src/adapters/telemetry/metrics.ts';
import { remedyOf, TOKEN_ERRORS, type TokenErrorCode } from '../../src/core/errors.ts';
import { TOKEN_EVENT_REASONS } from '../../src/core/event-reasons.ts';
import type { ReissueResult } from '../../src/core/events.ts';
import { PROCESS_CONDITIONS, REQUEST_REASONS, TOKEN_CONDITIONS } from '../../src/core/reasons.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { TOKEN_STATES } from '../../src/core/token-states.ts';
import { documentOf } from '../../src/core/token-volume.ts';
import { ERROR_EXAMPLES } from '../../src/docs/error-examples.ts';
import { withGenerated } from '../../src/docs/generated.ts';
import { LABEL_VALUES } from '../../src/docs/label-values.ts';
import type { LogLine } from '../../src/docs/log-reference.ts';
import {
  AUDIT_SAMPLES,
  DECISION_KINDS,
  FIELDS,
  PROCESS_SAMPLES,
  SAMPLE_TOKEN,
  TOKEN_SAMPLES,
} from '../../src/docs/log-samples.ts';
import { table } from '../../src/docs/markdown.ts';
import { rbacReference } from '../../src/docs/rbac-reference.ts';
import { EXIT } from '../../src/token-acquirer/cli/exit-codes.ts';
import { type Actions, createProgram } from '../../src/token-acquirer/cli/program.ts';
import { createPluginProgram, type PluginActions } from '../../src/token-acquirer/plugin/plugin-program.ts';
import { createFakeClock } from '../fakes/fake-clock.ts';
import { reissueEvent } from '../support/calls.ts';
import { blocksIn } from '../support/code-blocks.ts';
import { openLog } from '../support/document-sources.ts';
import { buildToken } from '../support/tokens.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const reference = (name: string): string => read(`docs/reference/${name}.md`);

/** The text between the markers of a generated part. */
function part(document: string, name: string): string {
  const [, text = ''] = new RegExp(`<!-- ${name}:begin -->([^]*)<!-- ${name}:end -->`).exec(document) ?? [];
  return text;
}

/** A pattern that matches this text and nothing else. */
const literal = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/** The names in one column of the tables in a text, without their type and links. */
function column(text: string, index: number): string[] {
  return [...text.matchAll(/^\| (.+) \|$/gm)]
    .map(([, row = '']) => row.split(' | ')[index] ?? '')
    .map((cell) => /`([^`]+)`/.exec(cell)?.[1])
    .filter((name) => name !== undefined);
}

describe('the reference of states, conditions and events', () => {
  const document = reference('states-conditions-events');

  it('has every state of a token and no other', () => {
    expect(column(part(document, 'states'), 0)).toEqual(Object.keys(TOKEN_STATES));
  });

  it.each<[string, Readonly<Record<string, { true: object; false: object }>>]>([
    ['conditions', TOKEN_CONDITIONS],
    ['process-conditions', PROCESS_CONDITIONS],
  ])('has every reason of the %s and no other', (name, conditions) => {
    const [overview = '', ...sections] = part(document, name).split('\n### ');
    expect(column(overview, 0)).toEqual(Object.keys(conditions));
    for (const type of Object.keys(conditions))
      expect(overview).toMatch(new RegExp(`\\[\`${type}\`\\].*\\. \\|$`, 'm'));
    const reasons = sections.map((section) => [section.split('`')[1], column(section, 1)]);
    expect(reasons).toEqual(
      Object.entries(conditions).map(([type, entry]) => [
        type,
        [...Object.keys(entry.true), ...Object.keys(entry.false)],
      ]),
    );
  });

  it('has every reason of an event and no other', () => {
    expect(column(part(document, 'events'), 0)).toEqual(Object.keys(TOKEN_EVENT_REASONS));
    expect(column(part(document, 'requests'), 0)).toEqual(Object.keys(REQUEST_REASONS));
  });
});

describe('the reference of the log', () => {
  const document = reference('logs');
  const lines: LogLine[] = [];
  const log = openLog((line) => void lines.push(line));
  for (const { event } of Object.values(TOKEN_SAMPLES)) log.token(SAMPLE_TOKEN, event);
  for (const { event } of Object.values(PROCESS_SAMPLES)) log.process(event);
  for (const { event } of Object.values(AUDIT_SAMPLES)) {
    for (let call = 0; call < 12; call += 1) log.process(event);
  }
  log.process({ kind: 'stopped' });
  const logger = createLogger({ write: (line) => void lines.push(JSON.parse(line) as LogLine) }, 'debug');
  const because = 'The client app is not running.';
  createDecisionLog(logger)?.(SAMPLE_TOKEN, 'token', {
    kind: 'suspend',
    reason: 'ClientAppNotRunning',
    after: 30_000,
    because,
  });

  it('has every event that the source names', () => {
    const source = read('src/core/events.ts');
    const kinds = [...source.matchAll(/\bkind: ((?:'[\w-]+'(?: \| )?)+)/g)]
      .flatMap(([, found = '']) => found.split(' | '))
      .map((quoted) => quoted.replaceAll("'", ''));
    const documented = ['token-events', 'process-events', 'audit'].flatMap((name) => column(part(document, name), 0));
    expect(kinds.length).toBeGreaterThan(35);
    expect(documented.toSorted()).toEqual([...kinds, 'calls-repeated'].toSorted());
  });

  it('shows a line with the fields of its event', () => {
    const [block] = blocksIn('logs.md', document);
    const shown = JSON.parse(block?.text ?? '') as LogLine;
    const written = lines.find(({ event }) => event === shown['event']) ?? {};
    expect(Object.keys(shown)).toEqual(Object.keys(written));
  });

  it('has the level of each event', () => {
    for (const { event, level } of lines.filter((line) => line['event'] !== 'decision'))
      expect(document).toContain(`| \`${String(event)}\` | ${String(level)} |`);
  });

  it('has the fields of a decision, and each kind', () => {
    const { level, time, event, ...fields } = lines.at(-1) ?? {};
    expect([level, event]).toEqual(['debug', 'decision']);
    expect(time).toBeDefined();
    for (const field of Object.keys(fields)) expect(document).toMatch(new RegExp(`Its fields are [^.]*\`${field}\``));
    expect(column(part(document, 'decisions'), 0)).toEqual(Object.keys(DECISION_KINDS));
  });

  it('explains every field that a line has, and no other', () => {
    const written = new Set(lines.flatMap((line) => Object.keys(line)));
    expect(Object.keys(FIELDS).toSorted()).toEqual([...written].toSorted());
    expect(column(part(document, 'fields'), 0)).toEqual(Object.keys(FIELDS));
  });
});

describe('the reference of metrics', () => {
  const values = (metric: string, label = 'outcome'): string[] => {
    const found = LABEL_VALUES.find((entry) => entry.metric === metric && entry.label === label);
    return Object.keys(found?.values ?? {});
  };

  /** The values that a label of one metric has after all the events. */
  async function exposed(metric: string, label: string): Promise<string[]> {
    const metrics = createMetrics(createFakeClock());
    for (const { event } of Object.values(TOKEN_SAMPLES)) metrics.token(SAMPLE_TOKEN, event);
    for (const { event } of Object.values(PROCESS_SAMPLES)) metrics.process(event);
    const results = values('token_acquirer_reissues_total').filter((value) => value !== 'test');
    for (const result of results) metrics.process(reissueEvent(result as ReissueResult, { identity: SAMPLE_TOKEN }));
    metrics.process(AUDIT_SAMPLES.reissue.event);
    const { event: evidence } = AUDIT_SAMPLES.evidence;
    for (const result of results) metrics.process({ ...evidence, result: result as ReissueResult });
    metrics.process({ ...evidence, source: { by: 'gateway', call: AUDIT_SAMPLES.reissue.event.call } });
    for (const result of ['given', 'unavailable'] as const)
      metrics.process({ ...AUDIT_SAMPLES['token-read'].event, result });
    for (const status of [400, 401, 403, 413, 415, 503] as const)
      metrics.process({ ...AUDIT_SAMPLES['call-refused'].event, status });
    const { event: forwarded } = AUDIT_SAMPLES['call-forwarded'];
    for (const to of ['leader', 'shard'] as const)
      for (const result of ['answered', 'unanswered'] as const) metrics.process({ ...forwarded, to, result });
    const { event: unrevoked } = TOKEN_SAMPLES['revocation-failed'];
    for (const result of ['failed', 'unsupported'] as const) metrics.token(SAMPLE_TOKEN, { ...unrevoked, result });
    const counts = { lines: 3, matches: 2, dropped: 1 };
    const token = { identity: SAMPLE_TOKEN, authorizationServer: 'corporate', conditions: {}, evidence: counts };
    const { text } = await metrics.expose({ tokens: [token] });
    const found = [...text.matchAll(new RegExp(`^${metric}\\{.*\\b${label}="(\\w+)"`, 'gm'))];
    return [...new Set(found.map(([, value = '']) => value))].toSorted();
  }

  it.each(LABEL_VALUES.map(({ metric, label }) => [metric, label]))(
    'has every value of %s{%s}',
    async (metric, label) => {
      const documented = part(reference('metrics'), 'labels')
        .split('\n')
        .filter((row) => row.startsWith(`| \`${metric}\` | \`${label}\` |`))
        .flatMap((row) => column(row, 2));
      expect(documented).toEqual(values(metric, label));
      expect(await exposed(metric, label)).toEqual(documented.toSorted());
    },
  );
});

describe('the reference of the command line', () => {
  const document = reference('cli');
  const programs = [createProgram({} as Actions, '0.0.0'), createPluginProgram({} as PluginActions, '0.0.0')];
  const commands = programs
    .flatMap((program) => program.commands)
    .flatMap((child) => (child.commands.length === 0 ? [child] : child.commands));

  it('has a section for each command and no other', () => {
    const sections = [...document.matchAll(/^## `((?:kubectl )?token-acquirer [\w ]+)`$/gm)].map(([, name]) => name);
    const groupOf = ({ parent }: Command): string => (parent?.parent ? `${parent.parent.name()} ` : '');
    expect(sections).toEqual(commands.map((one) => `${groupOf(one)}${one.parent?.name()} ${one.name()}`));
  });

  it('has each option of each command', () => {
    const sections = document.split('\n## ').slice(2);
    expect(sections.map((section) => column(section, 0).filter((name) => name.startsWith('-')))).toEqual(
      commands.map(({ options }) => options.map(({ flags }) => flags)),
    );
  });

  it('has each exit code and no other', () => {
    expect(column(part(document, 'exit-codes'), 0)).toEqual(Object.values(EXIT).map(String));
  });

  it('shows nothing that a browser takes for a tag', () => {
    expect(document.replaceAll(/```[^]*?```|<!--.*-->|`[^`]+`/g, '')).not.toMatch(/<\w/);
  });
});

describe('the reference of errors', () => {
  const document = reference('errors');
  const codes = Object.keys(TOKEN_ERRORS) as TokenErrorCode[];

  it('has a section, and so an anchor, for each code and no other', () => {
    expect([...document.matchAll(/^## `(\w+)`$/gm)].map(([, code]) => code)).toEqual(codes);
  });

  it.each(codes)('has the remedies of %s for a cluster and for a directory', (code) => {
    const section = document.split('\n## ').find((one) => one.startsWith(`\`${code}\``)) ?? '';
    expect(section).toContain(remedyOf(code, 'cluster'));
    expect(section).toContain(remedyOf(code, 'directory'));
    expect(section).toContain(ERROR_EXAMPLES[code]);
  });

  it.each(codes)('has no remedy of %s that needs something of the other place', (code) => {
    expect(remedyOf(code, 'cluster')).not.toMatch(/--state|folder|\bthis machine\b/);
    expect(remedyOf(code, 'directory')).not.toMatch(/\bSecret|RBAC|\bpod\b|chart|networkPolicy/);
  });

  const sent = (grant: 'client_credentials' | 'password') => ({
    name: 'corporate',
    host: 'login.example.com',
    sent: {
      clientAuthentication: 'client_secret_basic' as const,
      request: {
        protocol: 'oauth' as const,
        authorizationServer: 'corporate',
        grant,
        credential: {
          name: 'dynamics',
          values: Object.fromEntries(
            ['client_id', 'client_secret', 'username', 'password'].map((key) => [key, new Redacted('x1y2z3')]),
          ),
        },
      },
    },
  });

  it.each<[TokenErrorCode, number, 'client_credentials' | 'password']>([
    ['invalid_client', 401, 'client_credentials'],
    ['invalid_grant', 400, 'password'],
    ['invalid_request', 400, 'client_credentials'],
    ['invalid_scope', 400, 'client_credentials'],
    ['unauthorized_client', 400, 'client_credentials'],
    ['unsupported_grant_type', 400, 'password'],
    ['access_denied', 403, 'client_credentials'],
    ['server_error', 503, 'client_credentials'],
    ['rate_limited', 429, 'client_credentials'],
    ['proxy_denied', 407, 'client_credentials'],
  ])('has for %s the message that the program has', (code, status, grant) => {
    const context = { peer: sent(grant), now: 0, progress: 'answered' as const };
    const error = rejectionOf(
      new Response(null, { status }),
      { error: code },
      context as Parameters<typeof rejectionOf>[2],
    );
    expect(error?.message).toBe(ERROR_EXAMPLES[code]);
  });

  // A value in a message is `…` here.
  it.each<[TokenErrorCode, string, string]>([
    ['unreachable', 'adapters/oauth/failures.ts', 'The authorization server … gave no usable answer.'],
    ['unreachable', 'adapters/http/exchange.ts', 'could not be sent: no connection'],
    ['timeout', 'adapters/http/exchange.ts', 'had no complete answer after … s'],
    ['refused_address', 'adapters/http/outbound.ts', 'plain http is for loopback only; use https'],
    ['credential_unreadable', 'token-acquirer/cli/credential-place.ts', 'The credential "…" is empty.'],
    ['credential_unavailable', 'adapters/fs/value-file.ts', 'The file … cannot be read'],
    ['needs_credential', 'token-acquirer/token/refresh-chain.ts', 'sending it again could revoke the whole chain.'],
    ['chain_elsewhere', 'token-acquirer/token/refresh-chain.ts', 'and which has not given it up yet'],
    ['state_busy', 'token-acquirer/token/refresh-chain.ts', 'may be in a request of another process'],
    ['state_unavailable', 'token-acquirer/token/refresh-chain.ts', 'The refresh token could not be saved: …'],
    [
      'same_token',
      'token-acquirer/token/token-requests.ts',
      'The authorization server gave the token that is held already.',
    ],
  ])('has for %s words that are in %s', (code, path, words) => {
    const [shown, written] = ['.+', String.raw`\$\{[^}]+\}`].map(
      (value) => new RegExp(words.split('…').map(literal).join(value)),
    );
    expect(ERROR_EXAMPLES[code]).toMatch(shown ?? /$^/);
    expect(read(`src/${path}`)).toMatch(written ?? /$^/);
  });

  it('has for an unusable answer the message that the program has', () => {
    const what = 'gave an answer that is not a JSON object: check that this is its token endpoint';
    const error = peerFailure('invalid_response', sent('password') as Parameters<typeof peerFailure>[1], what, {
      progress: 'unknown',
    });
    expect(error.message).toBe(ERROR_EXAMPLES.invalid_response);
  });
});

describe('the reference of the token volume', () => {
  const FULL_FORM = {
    header: { name: 'X-Auth-Token', prefix: '' },
    copies: [{ key: 'credential', form: 'bearer' as const }],
  };

  it('has the fields of a token document and no other', () => {
    const fields =
      reference('token-volume')
        .split('\n## ')
        .find((section) => section.startsWith('Fields')) ?? '';
    expect(column(fields, 0).filter((name) => name !== '<key>.json')).toEqual(
      Object.keys(documentOf(buildToken(), FULL_FORM)),
    );
  });
});

describe('the reference of the reissue API', () => {
  const document = reference('reissue-api');

  it('has each code that the endpoint answers, and no other', () => {
    const source = ['reissue-route', 'rejection-route', 'admission', 'forwarding']
      .map((name) => read(`src/token-acquirer/endpoints/${name}.ts`))
      .join('');
    const ofEndpoint = [...source.matchAll(/\bcode: '(\w+)'/g)].map(([, code]) => code);
    const rows = [...document.matchAll(/^\| (\d{3}) \| `(\w+)`/gm)].map(([, , code]) => code);
    const ofReissues: ReissueResult[] = ['paused', 'rate_limited', 'stopping'];
    expect(new Set(rows)).toEqual(new Set([...ofEndpoint, ...ofReissues]));
  });

  it('has each status of a rejected call', () => {
    const statuses = new Set([...document.matchAll(/^\| (\d{3}) \|/gm)].map(([, status]) => status));
    const refusals = LABEL_VALUES.find(({ metric }) => metric === 'token_acquirer_refused_calls_total');
    for (const status of Object.keys(refusals?.values ?? {})) expect(statuses).toContain(status);
  });
});

describe('the reference of permissions', () => {
  const role = (resource: string): string =>
    `kind: Role\nmetadata: { namespace: billing }\nrules: [{ apiGroups: [""], resources: [${resource}], verbs: [get] }]`;

  it('has a row for each rule', () => {
    expect(rbacReference([role('pods')])).toContain('| `billing` | core | `pods` | all | `get` | Finds out');
  });

  it('is not made for a resource whose purpose is not written down', () => {
    expect(() => rbacReference([role('nodes')])).toThrow('has no purpose for nodes');
  });
});

describe('a generated part', () => {
  it('replaces what is between its markers', () => {
    const text = 'a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb';
    const renewed = 'a\n<!-- x:begin -->\n\nnew\n\n<!-- x:end -->\nb';
    expect(withGenerated(text, { x: 'new' })).toBe(renewed);
    expect(withGenerated(renewed, { x: 'new' })).toBe(renewed);
  });

  it('is an error if the document has no place for it', () => {
    expect(() => withGenerated('a', { x: 'new' })).toThrow('no place for x');
  });

  it('escapes bars in the cells of a table', () => {
    expect(table(['a', 'b'], [['1|2', '3']])).toBe('| a | b |\n| --- | --- |\n| 1\\|2 | 3 |');
  });
});
