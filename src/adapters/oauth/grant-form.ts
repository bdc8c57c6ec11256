import type { ProtocolRequest } from '../../ports/token-endpoint.ts';
import { missingValue, requiredValue } from './credential-values.ts';

/** Makes the form of a grant (RFC 6749 sections 4.3.2, 4.4.2 and 6). Configured parameters cannot replace a credential. */
export function grantForm({ grant, parameters, credential, refreshToken }: ProtocolRequest<'oauth'>): URLSearchParams {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of typeof value === 'string' ? [value] : value) form.append(name, one);
  }
  if (grant === 'password') {
    form.set('username', requiredValue(credential, 'username', 'the grant password'));
    form.set('password', requiredValue(credential, 'password', 'the grant password'));
  }
  if (grant === 'refresh_token') {
    if (refreshToken === undefined) throw missingValue(credential.name, 'refresh_token', 'the grant refresh_token');
    form.set('refresh_token', refreshToken.reveal());
  }
  form.set('grant_type', grant);
  return form;
}
