import type { ReissueOptions } from '../client/index.ts';
import { DURATION_FORM, parseDuration } from '../core/duration.ts';
import { UsageError } from '../core/errors.ts';
import { isLoopbackHost } from '../core/loopback.ts';
import { isLabel } from '../core/names.ts';
import type { Ms } from '../core/token.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ExampleConfig {
  readonly serviceUrl: URL;
  /** Whether the token may go to a service that is plain http off loopback. */
  readonly allowPlainHttp: boolean;
  readonly tokenName: string;
  /** `undefined`: the token is only kept in memory. */
  readonly tokenDirectory: string | undefined;
  readonly reissue: ReissueOptions | undefined;
  readonly callEvery: Ms;
  readonly listen: Address;
}

export const HELP = `Usage: client-app

Calls an external service again and again, with the access token of its volume.

Environment
  SERVICE_URL        URL to call with GET, such as https://api.example.com/incidents
  ALLOW_PLAIN_HTTP   true: SERVICE_URL may be plain http outside of loopback, where anyone on the network can read the token
  TOKEN_NAME         name of the token
  TOKEN_DIRECTORY    where the token volume is mounted; without it, REISSUE_URL returns the token, which stays in memory
  REISSUE_URL        URL of the token-acquirer, as https://host:port; without it, a rejected token is only read again
  REISSUE_NAMESPACE  namespace of the token Secret
  REISSUE_SECRET     name of the token Secret
  CALLER_TOKEN_FILE  file of the ServiceAccount token that is projected for the token-acquirer's audience
  CA_FILE            CA certificates that verify the token-acquirer, instead of the public CAs
  CALL_EVERY         how long to wait after a call: ${DURATION_FORM}; default 1s
  LISTEN             host:port of the status page, / and /healthz; default 127.0.0.1:0, any free port of loopback

Writes one line of JSON per call to standard output. SIGTERM ends the program with exit code 0.

To check every step from the token volume to the gateway once, see: client-app check --help
To print a token for a tool that runs a command to get one, see: client-app token --help
`;

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the environment. Throws UsageError with all errors, one per line. It quotes no value. */
export function readConfig(environment: Environment): ExampleConfig {
  const reader = new Reader(environment);
  const allowPlainHttp = reader.flag('ALLOW_PLAIN_HTTP');
  const config = {
    serviceUrl: reader.serviceUrl('SERVICE_URL', allowPlainHttp),
    allowPlainHttp,
    tokenName: reader.label('TOKEN_NAME'),
    tokenDirectory: reader.optional('TOKEN_DIRECTORY'),
    reissue: readReissue(reader),
    callEvery: reader.duration('CALL_EVERY', '1s'),
    listen: reader.address('LISTEN', '127.0.0.1:0'),
  };
  if (config.tokenDirectory === undefined && reader.optional('REISSUE_URL') === undefined) {
    reader.fault('Neither TOKEN_DIRECTORY nor REISSUE_URL is set: say where the token comes from.');
  }
  reader.finish();
  return config;
}

const REISSUE = ['REISSUE_NAMESPACE', 'REISSUE_SECRET', 'CALLER_TOKEN_FILE'] as const;

export function readReissue(reader: Reader): ReissueOptions | undefined {
  if (reader.optional('REISSUE_URL') === undefined) {
    const lost = [...REISSUE, 'CA_FILE' as const].filter((name) => reader.optional(name) !== undefined);
    if (lost.length > 0) reader.fault(`${lost.join(', ')} set, but not REISSUE_URL: set that too, or none.`);
    return undefined;
  }
  const url = reader.url('REISSUE_URL');
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) {
    reader.fault('REISSUE_URL is plain http, which is for loopback only: use https.');
  }
  return {
    url: url.href,
    namespace: reader.label('REISSUE_NAMESPACE'),
    secret: reader.label('REISSUE_SECRET'),
    callerTokenFile: reader.required('CALLER_TOKEN_FILE'),
    caFile: reader.optional('CA_FILE'),
  };
}

/** Where a value is faulty, a stand-in is returned: `finish` throws before anyone sees it. */
export class Reader {
  readonly #environment: Environment;
  readonly #faults: string[] = [];

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  fault(sentence: string): void {
    this.#faults.push(sentence);
  }

  finish(): void {
    if (this.#faults.length > 0) throw new UsageError(this.#faults.join('\n'));
  }

  /** A blank value is none: that is how manifests leave one out. */
  optional(name: string): string | undefined {
    const value = this.#environment[name]?.trim();
    return value === '' ? undefined : value;
  }

  required(name: string): string {
    const value = this.optional(name);
    if (value === undefined) this.fault(`${name} is not set.`);
    return value ?? '';
  }

  label(name: string): string {
    const value = this.required(name);
    if (value !== '' && !isLabel(value)) this.fault(`${name} is not a DNS label: a-z, 0-9 and - may be in it.`);
    return value;
  }

  url(name: string): URL {
    return this.urlIn(this.required(name), name);
  }

  /** `what` is its name in an error. */
  urlIn(text: string, what: string): URL {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return url;
    if (text !== '') this.fault(`${what} is not an http or https URL without user and password.`);
    return new URL('http://localhost');
  }

  /** Where a token is sent: over https, on loopback, or where plain http is allowed by name. */
  serviceUrl(name: string, allowPlainHttp: boolean): URL {
    return this.serviceUrlIn(this.required(name), name, allowPlainHttp);
  }

  serviceUrlIn(text: string, what: string, allowPlainHttp: boolean): URL {
    const url = this.urlIn(text, what);
    if (url.protocol === 'http:' && !isLoopbackHost(url.hostname) && !allowPlainHttp) {
      this.fault(
        `${what} is plain http, over which anyone on the network can read the token. Use https, or set ALLOW_PLAIN_HTTP=true.`,
      );
    }
    return url;
  }

  flag(name: string): boolean {
    const value = this.optional(name) ?? 'false';
    if (value !== 'true' && value !== 'false') this.fault(`${name} is neither true nor false.`);
    return value === 'true';
  }

  duration(name: string, standard: string): Ms {
    const duration = parseDuration(this.optional(name) ?? standard);
    if (duration === undefined) this.fault(`${name} is not ${DURATION_FORM}.`);
    return duration ?? 0;
  }

  /** The host is empty where the address is every one of this machine. */
  address(name: string, standard: string): Address {
    const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(this.optional(name) ?? standard);
    const port = Number(match?.[3]);
    if (match !== null && port <= 65_535) return { host: match[1] ?? match[2] ?? '', port };
    this.fault(`${name} is not host:port, such as 127.0.0.1:8080, or :8080 for every address.`);
    return { host: '', port: 0 };
  }
}
