import { levelOf } from '../../../core/event-levels.ts';
import type { ProcessEvent, TokenEvent } from '../../../core/events.ts';
import { identityText, type TokenIdentity } from '../../../core/token.ts';
import type { EventLine } from './page-message.ts';

/** Returns the line of a token's event, or `undefined` if it only follows from another one. */
export function tokenLine(identity: TokenIdentity, event: TokenEvent): EventLine | undefined {
  const text = tokenText(event);
  return text === undefined ? undefined : { token: identityText(identity), text, mood: moodOf(event.kind) };
}

/** Returns the line of another event. Calls that any number of clients may make have none: they would displace the others. */
export function processLine(event: ProcessEvent): EventLine | undefined {
  switch (event.kind) {
    case 'reissue':
    case 'evidence':
      return reportLine(event);
    case 'configuration-loaded':
      return plain(`The configuration was loaded. Tokens in it: ${event.tokens}.`);
    case 'configuration-refused':
    case 'process-unhealthy':
    case 'process-recovered':
    case 'authority-made':
    case 'warning':
    case 'stopping':
      return { token: undefined, text: event.message, mood: moodOf(event.kind) };
    case 'credential-checked':
    case 'listening':
    case 'token-read':
    case 'call-forwarded':
    case 'call-refused':
    case 'stopped':
      return undefined;
  }
}

function tokenText(event: TokenEvent): string | undefined {
  if (event.kind === 'token-request-failed') return `${event.code}: ${event.message}`;
  if (event.kind === 'token-issued') {
    return event.trigger === 'renewal' ? 'A new token was issued.' : 'A new token was issued by a reissue.';
  }
  if (event.kind === 'token-revoked') return 'The replaced token was revoked.';
  return 'message' in event ? event.message : undefined;
}

/** Only what led to a new token: any number of calls may have another result, and its cause has its own event. */
function reportLine(event: Extract<ProcessEvent, { kind: 'reissue' | 'evidence' }>): EventLine | undefined {
  const { kind, identity, result } = event;
  if (result !== 'reissued' || isTest(event)) return undefined;
  const who = kind === 'reissue' ? 'A client' : 'A log or a gateway';
  const text = `${who} reported that the token was rejected. A new token replaced it.`;
  return { token: identityText(identity), text, mood: 'good' };
}

function isTest(event: Extract<ProcessEvent, { kind: 'reissue' | 'evidence' }>): boolean {
  if (event.kind === 'reissue') return event.call.test === true;
  return event.source.by === 'gateway' && event.source.call.test === true;
}

function plain(text: string): EventLine {
  return { token: undefined, text, mood: 'plain' };
}

function moodOf(kind: TokenEvent['kind'] | ProcessEvent['kind']): EventLine['mood'] {
  return levelOf(kind) === 'info' ? 'plain' : 'bad';
}
