import { z } from 'zod';
import { CREDENTIAL_KEYS, type CredentialKey } from '../../core/credential.ts';
import { TokenRequestError } from '../../core/errors.ts';
import type { ExchangeContext } from '../../ports/http-protocol.ts';
import { section } from '../forms/value-forms.ts';

/** RFC 9110 section 5.6.2. */
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/;
/** Headers that the connection or the body decides. */
const OWN_HEADERS =
  /^(?:host|connection|content-(?:length|type|encoding)|transfer-encoding|te|trailer|upgrade|expect|proxy-.*)$/i;
/** Names of fields that hold a secret, which belongs in the credential. */
const SECRET_NAME = /(?:^|\/)(?:pass|pin)$|(?:password|passwd|passphrase|pwd|secret|api[-_]?key)\]?$/i;
/** Names of headers that do. */
const SECRET_HEADER = /^(?:authorization|cookie)$|(?:^|[-_])(?:key|token|pass)$/i;
/** RFC 9110 section 5.5, without obs-text. */
const HEADER_VALUE = /^[!-~]+(?:[ \t]+[!-~]+)*$/;

export const headerName = z
  .string()
  .regex(HEADER_NAME, 'must be the name of a header')
  .refine((name) => !OWN_HEADERS.test(name), 'is a header that the request sets itself');

const sentValue = z.union(
  [
    section({ credential: z.enum(CREDENTIAL_KEYS) }),
    section({ value: z.union([z.string(), z.number(), z.boolean()]) }),
  ],
  `must have credential, a key of the credential (${CREDENTIAL_KEYS.join(', ')}), or value, a text that is no secret`,
);

type SentValue = z.output<typeof sentValue>;
type SentValues = Readonly<Record<string, SentValue>>;

/** Values by the name of a field. */
export const sentFields = z.record(z.string().min(1), sentValue).superRefine((values, context) => {
  for (const name of literalsIn(values).filter((one) => SECRET_NAME.test(one))) {
    context.addIssue({ code: 'custom', path: [name], message: secretMessage('password') });
  }
});

/** Values by the name of a header. */
export const sentHeaders = z.record(headerName, sentValue).superRefine((values, context) => {
  const report = (name: string, message: string): void => context.addIssue({ code: 'custom', path: [name], message });
  for (const name of literalsIn(values)) {
    const value = values[name];
    if (SECRET_HEADER.test(name) || SECRET_NAME.test(name)) report(name, secretMessage('client_secret'));
    else if (value !== undefined && 'value' in value && !HEADER_VALUE.test(String(value.value)))
      report(name, 'must be visible ASCII characters in one line, because no header can carry anything else');
  }
  const names = Object.keys(values);
  for (const [index, name] of names.entries()) {
    const other = names.slice(0, index).find((one) => one.toLowerCase() === name.toLowerCase());
    if (other !== undefined) report(name, `is the same header as ${other}: remove one of them`);
  }
});

function literalsIn(values: SentValues): string[] {
  return Object.entries(values).flatMap(([name, value]) => ('value' in value ? [name] : []));
}

function secretMessage(key: CredentialKey): string {
  return `is a secret by its name: take it from the credential, as in { credential: ${key} }`;
}

/** Returns the key of the credential that is sent, if one is. */
export function keyOf(value: SentValue): CredentialKey[] {
  return 'credential' in value ? [value.credential] : [];
}

type Context = Pick<ExchangeContext<object>, 'credential' | 'value'>;

/** Returns what is sent. Throws TokenRequestError `credential_unreadable` where the credential lacks it. */
export function sent(value: SentValue, context: Context): string | number | boolean {
  return 'credential' in value ? context.value(value.credential) : value.value;
}

/** Returns the headers of a login. Throws TokenRequestError `credential_unreadable` for what no header can carry. */
export function headersOf(
  { headers, basicAuthentication }: { readonly headers: SentValues; readonly basicAuthentication: boolean },
  context: Context,
): Record<string, string> {
  const own = Object.entries(headers).map(([name, value]) => [name, headerValue(name, value, context)] as const);
  return { ...(basicAuthentication && { Authorization: basic(context) }), ...Object.fromEntries(own) };
}

/** RFC 7617 section 2: a server takes what follows the first colon as the password. */
function basic({ value, credential }: Context): string {
  const username = value('username');
  if (!username.includes(':'))
    return `Basic ${Buffer.from(`${username}:${value('password')}`, 'utf8').toString('base64')}`;
  const message = `The username of the credential ${credential} contains a colon, which HTTP Basic cannot send.`;
  throw new TokenRequestError('credential_unreadable', message, { progress: 'not-sent' });
}

function headerValue(name: string, value: SentValue, context: Context): string {
  const text = String(sent(value, context));
  if (HEADER_VALUE.test(text)) return text;
  const message = `The credential ${context.credential} has a value for the header ${name} that no header can carry: it must be visible ASCII characters in one line.`;
  throw new TokenRequestError('credential_unreadable', message, { progress: 'not-sent' });
}
