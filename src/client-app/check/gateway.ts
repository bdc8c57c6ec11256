import { type Challenge, parseChallenges } from '../../core/bearer.ts';
import type { Redacted } from '../../core/redacted.ts';
import type { TokenHeader } from '../../core/token-header.ts';
import type { Answered, MakeCall, Unreached } from '../../ports/http-call.ts';
import type { Finding } from './finding.ts';
import { certificateFault } from './sentences.ts';

export interface GatewayCheck {
  readonly name: string;
  /** Behind the gateway. */
  readonly url: URL | undefined;
  /** CA of the gateway in PEM, instead of the public CAs. */
  readonly ca: string | undefined;
  readonly accessToken: Redacted | undefined;
  /** The header that carries it; `Authorization: Bearer` by default. */
  readonly tokenHeader: TokenHeader | undefined;
  readonly makeCall: MakeCall;
}

/** One GET through the gateway, with the token. */
export async function checkThroughGateway(check: GatewayCheck): Promise<Finding> {
  const { name, url, ca, accessToken, tokenHeader, makeCall } = check;
  const subject = `call with ${name}`;
  if (url === undefined) {
    return { result: 'not-tried', subject, sentence: 'not tried: no URL behind the gateway is given (SERVICE_URL).' };
  }
  if (accessToken === undefined) return { result: 'not-tried', subject, sentence: 'not tried: there is no token.' };
  const result = await makeCall({ method: 'GET', url, bearer: accessToken, tokenHeader, ca });
  const sentence = result.kind === 'unreached' ? whyUnreached(result, url, ca !== undefined) : whyRefused(result, url);
  if (sentence !== undefined) return { result: 'failed', subject, sentence };
  return { result: 'passed', subject, sentence: `${url.origin} let it through.` };
}

function whyUnreached(unreached: Unreached, { host }: URL, privateAuthority: boolean): string {
  const { why, code } = unreached;
  if (why === 'down') return `The gateway is down: nothing listens at ${host} (${code}). Start it, or correct the URL.`;
  if (why === 'no-such-name')
    return `The gateway's name ${host} is not known (${code}): correct the URL, or check DNS.`;
  if (why === 'timeout') {
    return `The gateway gave no answer (${host}, ${code}): it is down, or a firewall or NetworkPolicy is in the way.`;
  }
  if (why === 'broken') return `The gateway closed the connection (${host}, ${code}): see its log.`;
  const fault = certificateFault(unreached);
  if (fault !== undefined) return `The gateway is not trusted (${host}, ${code}). ${fault}`;
  return privateAuthority
    ? `The given CA does not trust the gateway's certificate (${host}, ${code}): set the CA that issued it.`
    : `The gateway's certificate is not trusted (${host}, ${code}): set its CA (SERVICE_CA_FILE; for helm test: test.certificateAuthority), for the client app as well.`;
}

/** Returns `undefined` if nothing is wrong. */
function whyRefused({ status, headers }: Answered, url: URL): string | undefined {
  if (status < 300) return undefined;
  const challenge = challengeOf(headers['www-authenticate']);
  const says = challenge === undefined ? String(status) : `${status}, ${challenge}`;
  if (status === 401) {
    return `The gateway rejects the token (${says}): compare issuer, audience and scope of the token with the gateway's requirements.`;
  }
  if (status === 403) {
    return `The gateway knows the token but forbids the call (${says}): have the scope or role for ${url.pathname} granted.`;
  }
  if (status === 404) return `Behind the gateway there is nothing at ${url.pathname} (404): correct the URL.`;
  if (status === 429) return 'The gateway limits calls (429): run the test again later.';
  if (status >= 500) {
    return `The gateway answered ${status}: it, or the service behind it, failed. Check whether the service runs.`;
  }
  if (status < 400)
    return `The gateway redirects (${status}), for example to a login page: set a URL that answers directly.`;
  return `The gateway answered ${says}: set a URL for which a plain GET succeeds.`;
}

/** The error code of RFC 6750 section 3.1, which is no secret. */
function challengeOf(header: string | undefined): string | undefined {
  const errors = parseChallenges(header ?? '').map(({ parameters }: Challenge) => parameters.get('error'));
  return errors.find((error) => error !== undefined && /^[a-z_]{1,40}$/.test(error));
}
