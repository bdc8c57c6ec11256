import { UsageError } from '../../core/errors.ts';
import type { CredentialSecret } from './credential-place.ts';

/** `dynamics=crm,client_id=appId`: a credential, its Secret, and keys that have another name there. */
const FORM = /^(?<credential>[^=,]+)=(?<name>[^=,]+)(?<keys>(?:,[^=,]+=[^=,]+)*)$/;

/** Adds what one `--credential-secret` names. Throws UsageError. */
export function withCredentialSecret(
  text: string,
  before: ReadonlyMap<string, CredentialSecret>,
): ReadonlyMap<string, CredentialSecret> {
  const { credential, name, keys = '' } = FORM.exec(text)?.groups ?? {};
  if (credential === undefined || name === undefined) {
    throw new UsageError('--credential-secret must be CREDENTIAL=SECRET or CREDENTIAL=SECRET,KEY=KEY-IN-SECRET.');
  }
  const pairs = keys.split(',').flatMap((pair) => {
    const [key, inSecret] = pair.split('=');
    return key === undefined || inSecret === undefined || key === inSecret ? [] : [[key, inSecret] as const];
  });
  return new Map([...before, [credential, { name, keys: new Map(pairs) }]]);
}
