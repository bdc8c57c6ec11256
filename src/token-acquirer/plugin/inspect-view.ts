import type { AccessToken } from '../../core/access-token.ts';
import { printableLine } from '../../core/printable.ts';
import { errorLinks } from '../cli/error-links.ts';
import { distance } from '../cli/status-table.ts';
import { textTable } from '../cli/text-table.ts';
import type { SecretEvent } from './cluster-view.ts';
import type { Consumer } from './consumers.ts';
import type { MergedToken } from './merged-status.ts';
import { placeText } from './status-view.ts';

/** One token in full, without the token itself. */
export interface Inspection {
  readonly token: MergedToken;
  /** The AccessToken that asks for it. */
  readonly access_token?: AskedBy;
  readonly consumers: readonly Consumer[];
  readonly events: readonly SecretEvent[];
  /** What could not be read, in sentences. */
  readonly not_shown: readonly string[];
}

/** An AccessToken, as far as its token is concerned. */
export interface AskedBy {
  readonly name: string;
  readonly service: string;
  readonly conditions: NonNullable<AccessToken['status']['conditions']>;
  readonly last_reissue?: AccessToken['status']['lastReissue'];
}

export function askedBy({ namespace, name, spec, status }: AccessToken): AskedBy {
  const { conditions = [], lastReissue } = status;
  const last = lastReissue === undefined ? {} : { last_reissue: lastReissue };
  return { name: `${namespace}/${name}`, service: spec.service, conditions, ...last };
}

/** Returns one token in full for people. */
export function inspectView(
  { token, access_token: asked, consumers, events, not_shown: notShown }: Inspection,
  now: string,
): string {
  const at = Date.parse(now);
  const missing = notShown.map((message) => `\nNot shown: ${printableLine(message)}\n`);
  return [
    textTable([...facts(token, at), ...askedRows(asked, at)]),
    section('CONDITIONS', conditionRows(token, at)),
    section(
      'ACCESSTOKEN',
      (asked?.conditions ?? []).map((one) => resourceRow(one, at)),
    ),
    section('CONSUMERS', consumers.map(consumerRow)),
    section(
      'EVENTS',
      events.map((event) => eventRow(event, at)),
    ),
    ...missing,
    errorLinks([token]),
  ].join('');
}

function facts(token: MergedToken, at: number): string[][] {
  const { last_error: error, evidence } = token;
  const rows: [string, string | undefined][] = [
    ['Token', token.token],
    // Followed by a blank, as in the table of all tokens.
    ['State', `${token.state} (${token.healthy ? 'healthy' : 'unhealthy'}, ${token.stored ? 'stored' : 'not stored'})`],
    ['Acquirer', placeText(token.acquirer)],
    ['Generation', token.generation === undefined ? undefined : String(token.generation)],
    ['SHA-256', token.sha256 === undefined ? undefined : `${token.sha256}…`],
    ['Issued', when(token.issued_at, at)],
    ['Renews', when(token.renew_at, at)],
    ['Expires', when(token.expires_at, at)],
    ['Last looked at', when(token.last_pass, at)],
    ['Last error', error && `${error.code}: ${error.message} (${when(error.at, at)})`],
    [
      'Last report',
      evidence?.last && `${evidence.last.result} by ${evidence.last.source} (${when(evidence.last.at, at)})`,
    ],
  ];
  return rows.flatMap(([name, value]) => (value === undefined ? [] : [[`${name}:`, value]]));
}

/** `2026-01-01T00:00:00.000Z, 5m ago`. */
function when(time: string | undefined, at: number): string | undefined {
  if (time === undefined) return undefined;
  const far = distance(time, at);
  return `${time}, ${far.endsWith('ago') ? far : `in ${far}`}`;
}

function section(heading: string, rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? '' : `\n${heading}\n${textTable(rows)}`;
}

function conditionRows({ conditions }: MergedToken, at: number): string[][] {
  return conditions.map(({ type, status, reason, message, last_transition_time: since }) => [
    `${type}=${status}`,
    reason,
    distance(since, at),
    message,
  ]);
}

function askedRows(asked: AskedBy | undefined, at: number): string[][] {
  if (asked === undefined) return [];
  const { name, service, last_reissue: last } = asked;
  const reissue = last && [['Asked reissue:', `${last.result}: ${last.message} (${when(last.at, at)})`]];
  return [['Asked by:', `AccessToken ${name}, for the service ${service}`], ...(reissue ?? [])];
}

function resourceRow({ type, status, reason, message, lastTransitionTime }: AskedBy['conditions'][number], at: number) {
  return [`${type}=${status}`, reason, distance(lastTransitionTime, at), message];
}

const WAYS: Readonly<Record<Consumer['way'], string>> = {
  volume: 'a volume',
  subPath: 'subPath',
  environment: 'environment variables',
};

function consumerRow({ pod, phase, way, container, follows }: Consumer): string[] {
  const where = container === undefined ? '' : ` of the container ${container}`;
  return [pod, phase, `${WAYS[way]}${where}`, follows ? 'sees new tokens' : 'never sees new tokens'];
}

function eventRow({ type, reason, message, at: time, count }: SecretEvent, at: number): string[] {
  return [distance(time, at), type, count > 1 ? `${reason} (${count} times)` : reason, message];
}
