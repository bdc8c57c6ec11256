/**
 * Access tokens for an application that holds no credentials: read from the mounted token volume, or got from the
 * token-acquirer, and put into requests. No dependency; Node 20 or later.
 *
 * @module
 */
import { mountedTokenVolume } from '../adapters/fs/mounted-token-volume.ts';
import { subPathMounts } from '../adapters/fs/sub-path-mounts.ts';
import { createHttpsReissuer } from '../adapters/http/https-reissuer.ts';
import { createSystemClock } from '../adapters/node/system-clock.ts';
import { createSystemRandom } from '../adapters/node/system-random.ts';
import { UsageError } from '../core/errors.ts';
import { isFileName, isLabel } from '../core/names.ts';
import type { EpochMs, Ms } from '../core/token.ts';
import { documentKey } from '../core/token-volume.ts';
import { openEndpointTokenSource } from './endpoint-token-source.ts';
import { openFileTokenSource } from './file-token-source.ts';
import type { TokenSource } from './token-source.ts';

export { ReissueError, UsageError } from '../core/errors.ts';
export { Redacted } from '../core/redacted.ts';
export type { EpochMs, Ms, Sha256 } from '../core/token.ts';
export type { TokenHeader } from '../core/token-header.ts';
export { type AuthorizedFetchOptions, authorizedFetch, type Fetch } from './authorized-fetch.ts';
export type { RetryBudgetOptions } from './retry-budget.ts';
export type { TokenErrorRule } from './token-errors.ts';
export {
  type ClientToken as Token,
  type ReplaceOptions,
  TokenNotYetAvailable,
  type TokenSource,
  type WaitOptions,
} from './token-source.ts';

/** The way to the token-acquirer's reissue endpoint. */
export interface ReissueOptions {
  /** `https://host:port`; plain http on loopback only. */
  readonly url: string;
  /** Namespace and name of the token Secret. */
  readonly namespace: string;
  readonly secret: string;
  /** File of the ServiceAccount token that is projected for the token-acquirer's audience; read for each call. */
  readonly callerTokenFile: string;
  /**
   * File of the CA certificates in PEM to check the endpoint's with, instead of the public ones; read for each call. A
   * file that holds anything else than readable certificates is rejected as a whole. An intermediate CA is enough on
   * Node 20.18 or later; earlier versions need its root.
   */
  readonly caFile?: string | undefined;
  /**
   * Returns the `traceparent` (W3C Trace Context) to send with a reissue call, so that the log of the token-acquirer can show the
   * trace. Called in the asynchronous context of the request whose token was rejected; of the first one, where several share the
   * call. A text of another form is not sent, and an error that this function throws is ignored. By default none is sent.
   */
  readonly traceparent?: (() => string | undefined) | undefined;
}

export interface CommonOptions {
  /**
   * How long `replace()` re-reads the volume if nothing else is possible, in milliseconds. The default is 10,000. That is the case if
   * no reissue endpoint is set, if it cannot be reached, or if it answered that the volume will have the token. It applies once for
   * each rejected token. After that, calls fail immediately. The kubelet updates the volume after 40 s on average and 90 s at most,
   * which is longer than most callers wait. Set 90,000 if yours do.
   */
  readonly rereadFor?: Ms | undefined;
  /**
   * Called once for each problem of a file, a mount or a reissue call, with a sentence that contains no secret. By default nothing
   * is reported. The last valid token stays in use until it expires. An error that this function throws is ignored.
   */
  readonly onFault?: ((fault: Error) => void) | undefined;
  /** The time, milliseconds since the Unix epoch, that `expiresAt` is compared with; the machine's by default. */
  readonly now?: (() => EpochMs) | undefined;
}

export interface MountedTokensOptions extends CommonOptions {
  /** Where the token volume is mounted: as a whole, as the kubelet never updates files mounted with `subPath`. */
  readonly directory: string;
  /** Without it, a rejected token is only replaced by re-reading the volume. */
  readonly reissue?: ReissueOptions | undefined;
  /** How often to look at the volume where watching it does not work, in milliseconds; 1,000 by default. */
  readonly pollInterval?: Ms | undefined;
}

export interface EndpointTokensOptions extends CommonOptions {
  readonly reissue: ReissueOptions;
}

/** The tokens of one volume, or of one endpoint. */
export interface Tokens {
  /**
   * The source of the token of this name; the same one each time. `key`: where the volume has it under another key.
   * Throws UsageError for what cannot be a name (a DNS label) or a key.
   */
  source(name: string, options?: { readonly key?: string | undefined }): TokenSource;
  /** Closes all sources. */
  close(): void;
}

const POLL_INTERVAL: Ms = 1000;
const REREAD_FOR: Ms = 10_000;

/**
 * Reads the tokens of a mounted volume, each from its `<key>.json`, immediately and after every change of the volume. Between
 * volume and memory, the higher `generation` wins. Throws UsageError for an unusable reissue URL.
 *
 * @example
 * const tokens = mountedTokens({
 *   directory: '/var/run/tokens',
 *   reissue: {
 *     url: 'https://token-acquirer.token-acquirer.svc:8443',
 *     namespace: 'billing',
 *     secret: 'billing-tokens',
 *     callerTokenFile: '/var/run/secrets/token-acquirer/token',
 *     caFile: '/var/run/tokens/ca.crt',
 *   },
 *   onFault: (error) => console.error(error.message),
 * });
 * const dynamics = tokens.source('dynamics');
 * await dynamics.ready();
 * console.log(dynamics.current().expiresAt, String(dynamics.current().accessToken)); // …, [redacted]
 */
export function mountedTokens(options: MountedTokensOptions): Tokens {
  const { directory, reissue, pollInterval: poll = POLL_INTERVAL } = options;
  const volume = mountedTokenVolume(directory, { poll });
  const reissuer = reissue && createHttpsReissuer(reissue);
  const common = commonParts(options);
  return collect((name, key) => {
    for (const file of subPathMounts(directory, [key, documentKey(key)])) {
      common.onFault(
        new Error(
          `The file ${file} in ${directory} is mounted with subPath and will never be updated: mount the whole volume.`,
        ),
      );
    }
    return openFileTokenSource({ ...common, name, key, volume, reissuer });
  });
}

/**
 * Keeps tokens only in memory, for a token with `delivery: endpoint` in the configuration. It gets them from the token-acquirer
 * immediately, and again after their `renew_at`. Throws UsageError for an unusable reissue URL.
 *
 * @example
 * const tokens = endpointTokens({
 *   reissue: {
 *     url: 'https://token-acquirer.token-acquirer.svc:8443',
 *     namespace: 'billing',
 *     secret: 'billing-tokens',
 *     callerTokenFile: '/var/run/secrets/token-acquirer/token',
 *   },
 * });
 * const call = authorizedFetch(tokens.source('dynamics'), { origins: ['https://org.crm.example.com'] });
 */
export function endpointTokens(options: EndpointTokensOptions): Tokens {
  const reissuer = createHttpsReissuer(options.reissue);
  const common = commonParts(options);
  return collect((name) => openEndpointTokenSource({ ...common, name, reissuer }));
}

function commonParts({ rereadFor = REREAD_FOR, onFault = () => {}, now }: CommonOptions) {
  const system = createSystemClock();
  const clock = now === undefined ? system : { ...system, now };
  return { clock, random: createSystemRandom(), rereadFor, onFault: reportSafely(onFault) };
}

/**
 * An `onFault` that fails ends neither the process, as an unhandled rejection would, nor the use of tokens. Its error is
 * not printed, because it may quote anything.
 */
function reportSafely(onFault: (fault: Error) => unknown): (fault: Error) => void {
  let warned = false;
  const failed = (): void => {
    if (warned) return;
    warned = true;
    process.emitWarning('onFault failed, and its error was ignored. Catch errors in it.', 'TokenAcquirerClientWarning');
  };
  return (fault) => {
    try {
      Promise.resolve(onFault(fault)).catch(failed);
    } catch {
      failed();
    }
  };
}

function collect(open: (name: string, key: string) => TokenSource): Tokens {
  const sources = new Map<string, TokenSource>();
  return {
    source(name, { key = name } = {}) {
      if (!isLabel(name))
        throw new UsageError(`A token is named by a DNS label (a-z, 0-9 and -), and ${JSON.stringify(name)} is none.`);
      if (!isFileName(key))
        throw new UsageError(
          `${JSON.stringify(key)} cannot be a key of a token volume: letters, digits, "-", "_" and "." may be in it.`,
        );
      const id = `${name} ${key}`;
      const source = sources.get(id) ?? open(name, key);
      sources.set(id, source);
      return source;
    },
    close() {
      for (const source of sources.values()) source.close();
    },
  };
}
