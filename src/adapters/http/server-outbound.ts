import { type FileOrigin, faultAtOrigin, type OriginOf } from '../../core/file-origin.ts';
import type { EpochMs, Ms } from '../../core/token.ts';
import { CaFileError, inspectCaFile, openCaFile } from '../tls/ca-file.ts';
import type { Resolve } from './addresses.ts';
import { createOutbound, type OutboundFetch } from './outbound.ts';
import { OutboundError } from './outbound-error.ts';

export interface ServerOutboundOptions {
  /** For each HTTP exchange as a whole; default 10 s. */
  readonly timeout?: Ms;
  /** Hosts to reach without a configured proxy; default: those of the environment. */
  readonly noProxy?: string;
  readonly resolve?: Resolve;
  /** Returns the ConfigMap or Secret of which a file is a copy; by default there is none. */
  readonly originOf?: OriginOf;
  /** Whether a CA is named in `certificateAuthorities` of the chart. */
  readonly isFromChart?: boolean;
}

/** The settings of an authorization server that decide how it is reached, in every protocol. */
interface Connection {
  readonly caFile?: string;
  readonly proxy?: string;
}

/** Returns the way out to one authorization server, by its name in the configuration. */
export function createServerOutbound(
  name: string,
  { caFile, proxy }: Connection,
  options: ServerOutboundOptions,
): OutboundFetch {
  const {
    originOf = () => undefined,
    timeout,
    resolve,
    noProxy = process.env['no_proxy'] ?? process.env['NO_PROXY'],
  } = options;
  return createOutbound({
    ...(timeout === undefined ? {} : { timeout }),
    ...(resolve === undefined ? {} : { resolve }),
    ...(caFile === undefined ? {} : { ca: trustedBy(caFile, originOf(caFile)) }),
    caPlace: caPlaceOf(name, caFile, options),
    ...(proxy === undefined ? {} : { proxy }),
    ...(noProxy === undefined ? {} : { noProxy }),
  });
}

/** Names the place where a person keeps the CAs of a server, or may put them. */
function caPlaceOf(
  server: string,
  caFile: string | undefined,
  { originOf, isFromChart = false }: ServerOutboundOptions,
): string {
  if (caFile !== undefined) return originOf?.(caFile)?.text ?? `the CA file ${caFile}`;
  return isFromChart ? `a ConfigMap that the chart's value certificateAuthorities.${server} names` : 'caFile';
}

/** Reads the CA file. Without it no connection can be trusted, but it may still be mounted: `unreachable`. */
function trustedBy(path: string, origin: FileOrigin | undefined): () => string {
  const read = openCaFile(path);
  return () => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof CaFileError)) throw error;
      const message =
        origin === undefined ? `Its caFile ${path} ${error.message}.` : faultAtOrigin('Its CA', error, origin);
      throw new OutboundError('unreachable', message, 'not-sent');
    }
  };
}

const CA_MISSING =
  'Create it, or correct caFile. In a cluster, create the ConfigMap or Secret that certificateAuthorities names for this server.';

/**
 * Returns a function that looks for what keeps the CA file of a server from being used, and returns a sentence, or
 * `undefined` where nothing does or where it may pass.
 */
export function inspectServerCa(
  name: string,
  caFile: string | undefined,
  originOf?: OriginOf,
): (now: EpochMs) => string | undefined {
  if (caFile === undefined) return () => undefined;
  const inspect = inspectCaFile(caFile);
  return (now) => {
    const fault = inspect(now);
    if (fault === undefined || fault.mayPass) return undefined;
    const origin = originOf?.(caFile);
    if (origin !== undefined) return faultAtOrigin(`The CA of the authorization server ${name}`, fault, origin);
    const remedy = fault.isMissing ? CA_MISSING : 'Correct the file.';
    return `The CA file ${caFile} of the authorization server ${name} ${fault.message}. ${remedy}`;
  };
}
