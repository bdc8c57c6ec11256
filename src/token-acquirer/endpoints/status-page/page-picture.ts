import { hashPrefix } from '../../../core/token.ts';
import { TOKEN_STATES } from '../../../core/token-states.ts';
import { lastErrorOf, leaderLines, processProblems } from '../report-sentences.ts';
import { type StatusReport, type TokenReport, unhealthyIn } from '../status-report.ts';
import { urgencyOf } from '../urgency.ts';
import type { PageChanges, PagePicture, PageProcess, PageToken } from './page-message.ts';

/** The longest sentence of a row, in characters. Errors can quote a server. */
const LONGEST_NOTE = 300;

export function pageToken(report: TokenReport): PageToken {
  const urgency = urgencyOf(report);
  const note = noteOf(report, urgency !== undefined);
  return {
    id: report.token,
    state: report.state,
    ...timesOf(report),
    ...(urgency !== undefined && { urgency }),
    ...(note !== undefined && { note: shortened(note) }),
  };
}

function timesOf({ state, issued_at: issued, expires_at: expires, renew_at: renews }: TokenReport) {
  return {
    ...(issued !== undefined && { issued: Date.parse(issued) }),
    ...(expires !== undefined && { expires: Date.parse(expires) }),
    ...(renews !== undefined && state !== 'Suspended' && { renews: Date.parse(renews) }),
  };
}

function noteOf(report: TokenReport, isUrgent: boolean): string | undefined {
  if (!isUrgent) {
    const suspended = report.state === 'Suspended' && report.conditions.find(({ type }) => type === 'Suspended');
    return suspended === false ? undefined : suspended?.message;
  }
  const error = lastErrorOf(report);
  if (error !== undefined) return error;
  const unhealthy = unhealthyIn(report.conditions);
  // `Ready` only follows from the others.
  const cause = unhealthy.find(({ type }) => type !== 'Ready') ?? unhealthy[0];
  return cause?.message || TOKEN_STATES[report.state].meaning;
}

function shortened(text: string): string {
  return text.length <= LONGEST_NOTE ? text : `${text.slice(0, LONGEST_NOTE - 1)}…`;
}

export function pageProcess(report: Omit<StatusReport, 'tokens'>): PageProcess {
  const { configuration, shards, replica } = report;
  return {
    problems: processProblems(report),
    leader: leaderLines(replica),
    ...(configuration !== undefined && {
      configuration: { sha256: hashPrefix(configuration.sha256), loaded: Date.parse(configuration.loaded_at) },
    }),
    ...(shards !== undefined && { shards }),
    ...(shards !== undefined && replica !== undefined && { shard: replica.shard }),
  };
}

export function pictureOf(report: StatusReport): PagePicture {
  return { of: Date.parse(report.now), process: pageProcess(report), tokens: report.tokens.map(pageToken) };
}

/** Returns what a page needs to know that has the picture `before`. */
export function changesBetween(before: PagePicture, after: PagePicture): PageChanges {
  const left = new Map(before.tokens.map((token) => [token.id, token]));
  const tokens = after.tokens.filter((token) => {
    const known = left.get(token.id);
    left.delete(token.id);
    return known === undefined || !isSameToken(known, token);
  });
  const isSameProcess = JSON.stringify(before.process) === JSON.stringify(after.process);
  return {
    of: after.of,
    ...(!isSameProcess && { process: after.process }),
    ...(tokens.length > 0 && { tokens }),
    ...(left.size > 0 && { gone: [...left.keys()] }),
  };
}

function isSameToken(one: PageToken, other: PageToken): boolean {
  return (
    one === other ||
    (one.state === other.state &&
      one.issued === other.issued &&
      one.expires === other.expires &&
      one.renews === other.renews &&
      one.urgency === other.urgency &&
      one.note === other.note)
  );
}
