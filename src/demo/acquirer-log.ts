import type { EpochMs } from '../core/token.ts';
import { NAMESPACE, TOKEN } from './cast.ts';
import type { DemoToken, Happening } from './demo-event.ts';
import { parseLogLine } from './log-line.ts';

/** Returns a field of a JSON log line, if it exists with the expected type. */
function text(fields: Record<string, unknown>, name: string): string | undefined {
  const value = fields[name];
  return typeof value === 'string' ? value : undefined;
}

/** Returns the event of a line of token-acquirer's log, or `undefined` for one of no interest here. */
export function readAcquirerLine(line: string): Happening | undefined {
  const fields = parseLogLine(line);
  if (fields === undefined) return undefined;
  const kind = text(fields, 'event');
  const message = text(fields, 'message') ?? '';
  if (kind === 'listening') {
    return { kind, who: 'token-acquirer', what: text(fields, 'endpoint') ?? '', url: text(fields, 'url') ?? '' };
  }
  if (kind === 'warning' || kind === 'configuration-refused') return { kind: 'notice', who: 'token-acquirer', message };
  const app = appOf(text(fields, 'token'));
  return app === undefined || kind === undefined ? undefined : tokenHappening(kind, app, fields);
}

function tokenHappening(kind: string, app: string, fields: Record<string, unknown>): Happening | undefined {
  const message = text(fields, 'message') ?? '';
  switch (kind) {
    case 'token-issued':
      return withToken(fields, (token) => {
        const trigger = fields['trigger'] === 'reissue' ? 'reissue' : 'renewal';
        return { kind: 'issued', app, token, trigger };
      });
    case 'token-stored':
      return withToken(fields, (token) => ({ kind: 'stored', app, token }));
    case 'token-rescheduled':
      return withToken(fields, (token) => ({ kind: 'rescheduled', app, token }));
    case 'token-request-failed':
      return { kind: 'request-failed', app, message, retryIn: Number(fields['retry_in_ms']) };
    case 'suspended':
    case 'resumed':
      return { kind, app };
    case 'reissue':
      return { kind, app, result: text(fields, 'result') ?? '' };
    default:
      return message === '' ? undefined : { kind: 'notice', who: 'token-acquirer', message: `${app}: ${message}` };
  }
}

/** `billing/report-app/dynamics` → `report-app`: the Secret is named for its app. */
function appOf(identity: string | undefined): string | undefined {
  const [namespace, secret, name] = identity?.split('/') ?? [];
  return namespace === NAMESPACE && name === TOKEN ? secret : undefined;
}

function withToken(fields: Record<string, unknown>, make: (token: DemoToken) => Happening): Happening | undefined {
  const hash = text(fields, 'sha256');
  const generation = fields['generation'];
  const [issuedAt, expiresAt, renewAt] = ['issued_at', 'expires_at', 'renew_at'].map((name) => timeIn(fields, name));
  if (hash === undefined || typeof generation !== 'number') return undefined;
  if (issuedAt === undefined || expiresAt === undefined || renewAt === undefined) return undefined;
  return make({ hash, generation, issuedAt, expiresAt, renewAt });
}

function timeIn(fields: Record<string, unknown>, name: string): EpochMs | undefined {
  const time = Date.parse(text(fields, name) ?? '');
  return Number.isNaN(time) ? undefined : time;
}
