import { CLIENT_AUTHENTICATION_NAMES, CLIENT_AUTHENTICATIONS, GRANT_NAMES, GRANTS } from '../core/credential-needs.ts';
import { PROTOCOLS } from '../token-acquirer/configuration/protocols.ts';
import { code, codes, table } from './markdown.ts';

/** Returns the keys that a credential needs for each grant, as a table. */
export function grantReference(): string {
  const rows = GRANT_NAMES.map((name) => {
    const { needs, rotates, warning } = GRANTS[name];
    const remarks = [
      rotates ? 'The refresh token is replaced whenever the server rotates it.' : '',
      warning === undefined ? '' : 'Logs a warning, because RFC 9700 section 2.4 forbids this grant.',
    ];
    return [code(name), codes(needs) || 'none', remarks.join('')];
  });
  return table(['`grant`', 'keys of the credential', 'remarks'], rows);
}

/** Returns the keys that a credential needs for each client authentication, as a table. */
export function clientAuthenticationReference(): string {
  const rows = CLIENT_AUTHENTICATION_NAMES.map((name) => {
    const { needs, takes, settings } = CLIENT_AUTHENTICATIONS[name];
    return [code(name), codes(['client_id', ...needs]), codes(takes), codes(settings)];
  });
  return table(['`clientAuthentication`', 'keys of the credential', 'optional keys', 'its own settings'], rows);
}

/** Returns what each protocol is for, and the keys that a credential needs for it, as a table. */
export function protocolReference(): string {
  const rows = PROTOCOLS.map(({ name, credential, summary }) => [code(name), credential, summary]);
  return table(['`protocol`', 'keys of the credential', 'for'], rows);
}
