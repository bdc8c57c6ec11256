import type { Logger } from 'pino';
import { levelOf } from '../../core/event-levels.ts';
import type { AuditEvent, ProcessEvent, TokenEvent, TokenFacts } from '../../core/events.ts';
import { hashPrefix, identityText } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import { createAuditLog, isAudited } from './audit-log.ts';
import { traceFields } from './trace-fields.ts';

/** What a log line says of a token. */
function told({ generation, sha256, issuedAt, expiresAt, renewAt }: TokenFacts): object {
  return {
    generation,
    sha256: hashPrefix(sha256),
    issued_at: new Date(issuedAt).toISOString(),
    expires_at: new Date(expiresAt).toISOString(),
    renew_at: new Date(renewAt).toISOString(),
  };
}

/** One JSON line an event. Only what is named here is written, so nothing else of an event can get into a log. */
export function createLog(logger: Logger, clock: Pick<Clock, 'wait'>): Telemetry {
  const audit = createAuditLog(logger, clock);
  const write = (event: { kind: TokenEvent['kind'] | ProcessEvent['kind'] }, fields: object): void => {
    logger[levelOf(event.kind)](fields, event.kind);
  };
  return {
    token(identity, event) {
      const { kind } = event;
      write(event, {
        token: identityText(identity),
        ...('token' in event && told(event.token)),
        ...('trigger' in event && { trigger: event.trigger }),
        ...('server' in event && { authorization_server: event.server }),
        ...('took' in event && { took_ms: Math.round(event.took) }),
        ...('message' in event && { message: event.message }),
        ...(kind === 'volume-seen' && { generation: event.generation, lag_ms: Math.round(event.lag) }),
        ...(kind === 'caller-unknown' && { calls: event.calls }),
        ...(kind === 'revocation-failed' && { result: event.result }),
        ...(kind === 'token-issued' && { reason: event.reason }),
        ...(kind === 'token-request-failed' && { code: event.code, retry_in_ms: Math.round(event.retryIn) }),
        ...('trace' in event && traceFields(event.trace)),
      });
    },
    process(event) {
      if (isAudited(event)) return audit.write(event);
      if (event.kind === 'stopped') audit.flush();
      write(event, processFields(event));
    },
    forget() {
      // A log keeps nothing of a token.
    },
  };
}

function processFields(event: Exclude<ProcessEvent, AuditEvent>): object {
  switch (event.kind) {
    case 'configuration-loaded':
      return { tokens: event.tokens, file: event.file };
    case 'listening':
      return { endpoint: event.endpoint, url: event.url };
    case 'credential-checked':
      return { credential: event.credential, token: event.token, result: event.result, message: event.message };
    case 'stopped':
      return {};
    case 'process-unhealthy':
    case 'process-recovered':
      return { condition: event.condition, reason: event.reason, message: event.message };
    case 'configuration-refused':
    case 'warning':
    case 'authority-made':
    case 'stopping':
      return { message: event.message };
  }
}
