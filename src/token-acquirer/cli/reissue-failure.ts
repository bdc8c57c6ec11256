import { formatDuration } from '../../core/duration.ts';
import { type ReissueError, referenceOf, remedyOf, TOKEN_ERRORS, type TokenErrorCode } from '../../core/errors.ts';
import { CommandFailed, EXIT } from './exit-codes.ts';

/** How the endpoint was called. */
interface Called {
  readonly url: string;
  readonly caFile?: string;
  readonly serverName?: string;
}

/** Returns the error that ends `token-acquirer reissue`: what happened, how long to wait, and what to do. */
export function reissueFailure(error: ReissueError, called: Called): CommandFailed {
  if (error.unsendable) return new CommandFailed(EXIT.usage, error.message);
  if (error.status === undefined) return new CommandFailed(EXIT.unreachable, `${error.message}${hintFor(called)}`);
  const sentences = [happened(error), wait(error), remedy(error, called)];
  return new CommandFailed(EXIT.failed, sentences.filter((sentence) => sentence !== '').join(' '));
}

function happened({ status, code, message }: ReissueError): string {
  if (status === 429 && code === 'paused') {
    return 'Reissue paused: the last new token was rejected soon after it was issued, so another one is unlikely to help.';
  }
  if (status === 429 && code === 'rate_limited') {
    return 'Reissue rejected: this caller has started too many token requests.';
  }
  return message;
}

function wait({ retryAfter }: ReissueError): string {
  return retryAfter === undefined ? '' : `Next attempt allowed in ${formatDuration(retryAfter)}.`;
}

function remedy({ status, code }: ReissueError, { url }: Called): string {
  if (status === 429 && code === 'paused') return "Check the gateway's log.";
  if (status !== 502) return '';
  const known = (Object.keys(TOKEN_ERRORS) as TokenErrorCode[]).find((one) => one === code);
  if (known === undefined) return '';
  // In a cluster the endpoint always has a certificate.
  const place = url.startsWith('https:') ? 'cluster' : 'directory';
  return `${TOKEN_ERRORS[known].meaning} ${remedyOf(known, place)} See ${referenceOf(known)}.`;
}

function hintFor({ url, caFile, serverName }: Called): string {
  const left = [
    ...(caFile === undefined ? ["--ca-file with the ca.crt of the token's Secret"] : []),
    ...(serverName === undefined ? ['--server-name with the name of its Service'] : []),
  ];
  return url.startsWith('https:') && left.length > 0 ? ` Through a port-forward, give ${left.join(' and ')}.` : '';
}
