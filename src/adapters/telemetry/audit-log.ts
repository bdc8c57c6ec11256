import type { Logger } from 'pino';
import type { AuditEvent, CallFacts, ProcessEvent } from '../../core/events.ts';
import { hashPrefix, identityText, type Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import { traceFields } from './trace-fields.ts';

const WINDOW: Ms = 60_000;
/** Lines for calls that are alike, in each window. The calls after them become a count. */
const LINES_EACH = 10;
/** Lines for all callers together that are not known, so that no flood of theirs rotates the log away. */
const LINES_OF_STRANGERS = 300;
/** How many groups of calls are distinguished in a window; the calls of further groups are counted as one. */
const GROUPS_OF_STRANGERS = 200;
const GROUPS_OF_CALLERS = 10_000;

/** Fields of a line that say what a call has in common with others like it. */
type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

interface Group {
  readonly common: Fields;
  lines: number;
  more: number;
}

export interface AuditLog {
  write(event: AuditEvent): void;
  /** Writes the counts of the window so far, and ends it. */
  flush(): void;
}

export function isAudited(event: ProcessEvent): event is AuditEvent {
  return (
    event.kind === 'reissue' ||
    event.kind === 'evidence' ||
    event.kind === 'token-read' ||
    event.kind === 'call-forwarded' ||
    event.kind === 'call-refused'
  );
}

/**
 * The audit: a line for each token that is given out and for each call that is rejected, with `"audit":true`, whatever
 * the log level is. Many calls that are alike become ten lines and a count in a minute, so that no flood of calls is a
 * flood of lines.
 */
export function createAuditLog(logger: Logger, clock: Pick<Clock, 'wait'>): AuditLog {
  const audit = logger.child({ audit: true }, { level: 'info' });
  const strangers = new Groups(GROUPS_OF_STRANGERS, LINES_OF_STRANGERS);
  const callers = new Groups(GROUPS_OF_CALLERS, Infinity);
  let open = false;
  const flush = (): void => {
    open = false;
    for (const { common, more } of [...strangers.close(), ...callers.close()]) {
      audit.warn({ ...common, calls: more, within_s: WINDOW / 1000 }, 'calls-repeated');
    }
  };
  return {
    write(event) {
      if (!open) {
        open = true;
        void clock.wait(WINDOW).then(flush);
      }
      const { common, own } = fieldsOf(event);
      const groups = callOf(event)?.caller === undefined && event.kind !== 'evidence' ? strangers : callers;
      if (!groups.admits({ of: event.kind, ...common })) return;
      audit[event.kind === 'call-refused' ? 'warn' : 'info']({ ...common, ...own }, event.kind);
    },
    flush,
  };
}

/** Calls of one window, in groups that are alike. */
class Groups {
  readonly #most: number;
  readonly #mostLines: number;
  readonly #groups = new Map<string, Group>();
  #lines = 0;

  constructor(most: number, mostLines: number) {
    this.#most = most;
    this.#mostLines = mostLines;
  }

  /** Returns whether the call gets its own line. If not, it is counted. */
  admits(common: Fields): boolean {
    const group = this.#groupOf(common);
    if (group.lines < LINES_EACH && this.#lines < this.#mostLines) {
      group.lines += 1;
      this.#lines += 1;
      return true;
    }
    group.more += 1;
    return false;
  }

  /** The groups with calls that had no line. Begins afresh. */
  close(): readonly Group[] {
    const counted = [...this.#groups.values()].filter(({ more }) => more > 0);
    this.#groups.clear();
    this.#lines = 0;
    return counted;
  }

  #groupOf(common: Fields): Group {
    const key = JSON.stringify(common);
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    if (this.#groups.size < this.#most) return this.#begin(key, common);
    const { of: kind, status, result } = common;
    const others = { of: kind, status, result, others: true };
    return this.#groups.get(JSON.stringify(others)) ?? this.#begin(JSON.stringify(others), others);
  }

  #begin(key: string, common: Fields): Group {
    const group: Group = { common, lines: 0, more: 0 };
    this.#groups.set(key, group);
    return group;
  }
}

/** `undefined` where no call led to it. */
function callOf(event: AuditEvent): CallFacts | undefined {
  if (event.kind !== 'evidence') return event.call;
  return event.source.by === 'gateway' ? event.source.call : undefined;
}

function whoCalled({ caller, pod, remote, test }: CallFacts): Fields {
  return { caller, pod_uid: pod, remote, ...(test && { test: true }) };
}

/** Differs between calls that are alike: the caller may write any name of a pod into its own header. */
function idOf({ id, forwardedBy, trace }: CallFacts): Fields {
  return { request_id: id, ...(forwardedBy !== undefined && { forwarded_by: forwardedBy }), ...traceFields(trace) };
}

/** Only what is named here is written, so nothing else of a call can get into the audit. */
function fieldsOf(event: AuditEvent): { readonly common: Fields; readonly own: Fields } {
  const call = callOf(event);
  const by = call && whoCalled(call);
  const id = call && idOf(call);
  switch (event.kind) {
    case 'evidence': {
      const { identity, result, source, rejected, took } = event;
      const { by: reporter, ...place } = source.by === 'log' ? source : { by: source.by };
      return {
        common: { token: identityText(identity), result, source: reporter, ...place, ...by },
        own: { ...id, rejected: hashPrefix(rejected), took_ms: Math.round(took) },
      };
    }
    case 'reissue': {
      const { identity, result, given, rejected, took } = event;
      return {
        common: { token: identityText(identity), result, token_given: given, ...by },
        own: { ...id, rejected: hashPrefix(rejected), took_ms: Math.round(took) },
      };
    }
    case 'token-read':
      return {
        common: { token: identityText(event.identity), result: event.result, ...by },
        own: { ...id },
      };
    case 'call-forwarded':
      return {
        common: {
          token: identityText(event.identity),
          to: event.to,
          result: event.result,
          status: event.status,
          ...by,
        },
        own: { ...id },
      };
    case 'call-refused':
      // The path is the caller's choice, so calls with other paths are alike.
      return { common: { status: event.status, ...by }, own: { ...id, path: event.path.slice(0, 300) } };
  }
}
