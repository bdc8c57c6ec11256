import type { TokenResponse } from '../../ports/token-endpoint.ts';
import type { TokenSpecification } from './specification.ts';
import type { TokenStatus } from './token-status.ts';

/** Reports where the authorization server accepted only the second secret of the credential, so that somebody moves it. */
export function reportSecretInUse(
  { nextSecret }: TokenResponse,
  { credential, authorizationServer }: TokenSpecification,
  status: TokenStatus,
): void {
  if (nextSecret === undefined) {
    // Most credentials have one secret: nothing is said of what was never wrong.
    if (status.get('SecretCurrent') !== undefined) status.set('SecretCurrent', true, 'FirstSecretInUse', '');
    return;
  }
  const message = `The authorization server ${authorizationServer} rejected client_secret of the credential ${credential} and accepted client_secret_next, which is in use now. Put the value of client_secret_next into client_secret before the next rotation.`;
  if (status.set('SecretCurrent', false, 'NextSecretInUse', message)) {
    status.emit({ kind: 'next-secret-in-use', message });
  }
}
