import { DURATION_FORM } from '../../core/duration.ts';
import { isLabel } from '../../core/names.ts';
import type { Ms } from '../../core/token.ts';
import { type Environment, Reader, readReissue } from '../config.ts';
import type { EndpointSettings } from './endpoint.ts';

export interface CheckedToken {
  readonly name: string;
  /** Behind the gateway; `undefined`: no call is tried. */
  readonly serviceUrl: URL | undefined;
}

export interface CheckConfig {
  /** `waiter`: nothing is checked, it is only waited for the tokens. */
  readonly as: 'client' | 'stranger' | 'waiter';
  readonly tokens: readonly CheckedToken[];
  /** `undefined`: the tokens are kept in memory. */
  readonly tokenDirectory: string | undefined;
  readonly endpoint: EndpointSettings;
  readonly serviceCaFile: string | undefined;
  readonly patience: Ms;
  /** Paths, and names of files. */
  readonly forbiddenFiles: readonly string[];
  readonly apiServer: {
    readonly url: URL | undefined;
    readonly caFile: string | undefined;
    /** `namespace/name`. */
    readonly secrets: readonly string[];
  };
}

export const CHECK_HELP = `Usage: client-app check [--as stranger|waiter] TOKEN[=URL]…

Checks every step from the token volume to the gateway once, from a pod of the client. Prints one line per check, with the
problem and what to do.

For each token, it checks that the volume holds a valid one, that a reissue returns a newer one, that the gateway accepts it
for a GET of the URL, and that the selector of the client app matches its pods. Then it checks that this pod can read neither
a credential nor a Secret of the token-acquirer.

  --as stranger  for a pod whose ServiceAccount is no client: checks that the token-acquirer rejects it
  --as waiter    for init containers: only waits for the tokens, and exits with 0. The kubelet updates the volume after each
                 init container, and otherwise within 90 s. Without a token volume, it waits until the token-acquirer's
                 certificate can be verified.

Environment
  SERVICE_URL          URL for tokens without their own, such as https://api.example.com/incidents; without it, no call is made
  ALLOW_PLAIN_HTTP     true: such a URL may be plain http outside of loopback, where anyone on the network can read the token
  SERVICE_CA_FILE      CA certificates that verify the gateway, instead of the public CAs
  TOKEN_DIRECTORY      where the token volume is mounted; without it, the token-acquirer returns tokens (delivery: endpoint)
  REISSUE_URL          URL of the token-acquirer, as https://host:port
  REISSUE_NAMESPACE    namespace of the token Secret
  REISSUE_SECRET       name of the token Secret
  CALLER_TOKEN_FILE    file of the ServiceAccount token that is projected for the token-acquirer's audience
  CA_FILE              CA certificates that verify the token-acquirer; if the file is missing, the public CAs do
  PATIENCE             how long to wait for the first token: ${DURATION_FORM}; default 100s, because the kubelet may need 90s
  FORBIDDEN_FILES      files that must not be readable here, separated by commas: absolute paths, and names of files anywhere
  API_SERVER           URL of the API server, such as https://10.0.0.1; without it, the API server is not checked
  ACQUIRER_SECRETS     Secrets of the token-acquirer that must not be readable, as namespace/name, separated by commas
  API_CA_FILE          CA certificates of the API server

Exit codes: 0 success; 1 a check failed; 2 invalid arguments or environment.
`;

/** Reads arguments and environment. Throws UsageError with all errors, one per line. It quotes no value. */
export function readCheckConfig(args: readonly string[], environment: Environment): CheckConfig {
  const reader = new Reader(environment);
  const { as, names } = readArguments(args, reader);
  const allowPlainHttp = reader.flag('ALLOW_PLAIN_HTTP');
  const serviceUrl =
    reader.optional('SERVICE_URL') === undefined ? undefined : reader.serviceUrl('SERVICE_URL', allowPlainHttp);
  const endpoint = readReissue(reader);
  if (endpoint === undefined) reader.fault('REISSUE_URL is not set.');
  const config = {
    as,
    tokens: names.map((text) => readToken(text, { serviceUrl, allowPlainHttp }, reader)),
    tokenDirectory: reader.optional('TOKEN_DIRECTORY'),
    endpoint: { url: '', namespace: '', secret: '', callerTokenFile: '', ...endpoint, caFile: endpoint?.caFile },
    serviceCaFile: reader.optional('SERVICE_CA_FILE'),
    patience: reader.duration('PATIENCE', '100s'),
    apiServer: {
      url: reader.optional('API_SERVER') === undefined ? undefined : reader.url('API_SERVER'),
      caFile: reader.optional('API_CA_FILE'),
      secrets: readSecrets(reader),
    },
    forbiddenFiles: listIn(reader, 'FORBIDDEN_FILES'),
  };
  reader.finish();
  return config;
}

function readArguments(args: readonly string[], reader: Reader): Pick<CheckConfig, 'as'> & { names: string[] } {
  let as: CheckConfig['as'] = 'client';
  const names: string[] = [];
  for (let at = 0; at < args.length; at += 1) {
    const argument = args[at] ?? '';
    if (argument === '--as' || argument.startsWith('--as=')) {
      const given = argument === '--as' ? args[(at += 1)] : argument.slice('--as='.length);
      if (given === 'client' || given === 'stranger' || given === 'waiter') as = given;
      else reader.fault('--as takes client, stranger or waiter.');
    } else if (argument.startsWith('-'))
      reader.fault('Only --as and --help are options: the rest are names of tokens.');
    else names.push(argument);
  }
  if (names.length === 0) reader.fault('No token is named: name each that is to be checked, as NAME or NAME=URL.');
  return { as, names };
}

interface ServiceDefaults {
  readonly serviceUrl: URL | undefined;
  readonly allowPlainHttp: boolean;
}

function readToken(text: string, { serviceUrl, allowPlainHttp }: ServiceDefaults, reader: Reader): CheckedToken {
  const [, name = '', url] = /^([^=]*)(?:=(.*))?$/s.exec(text) ?? [];
  if (!isLabel(name)) {
    reader.fault('A name of a token is not a DNS label: a-z, 0-9 and - may be in it.');
    return { name, serviceUrl };
  }
  // With nothing behind the sign there is no call to be tried.
  if (url === undefined || url === '') return { name, serviceUrl: url === undefined ? serviceUrl : undefined };
  return { name, serviceUrl: reader.serviceUrlIn(url, `The URL of ${name}`, allowPlainHttp) };
}

function readSecrets(reader: Reader): string[] {
  const secrets = listIn(reader, 'ACQUIRER_SECRETS');
  const named = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?\/[a-z0-9](?:[-.a-z0-9]*[a-z0-9])?$/;
  if (!secrets.every((text) => named.test(text)))
    reader.fault('ACQUIRER_SECRETS is not a list of namespace/name, apart by commas.');
  return secrets;
}

function listIn(reader: Reader, name: string): string[] {
  const texts = (reader.optional(name) ?? '').split(',').map((text) => text.trim());
  return texts.filter((text) => text !== '');
}
