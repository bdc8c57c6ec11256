/**
 * Explains the numbers that Microsoft Entra ID adds to its errors as `error_codes`, where they explain more than the
 * OAuth error does. They are only for people. No decision depends on them, because they may change
 * (https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
 */
export const ENTRA_ERRORS: ReadonlyMap<number, string> = new Map([
  [7000215, 'does not accept the client secret: check that it is the value of the secret, not its ID'],
  [7000222, 'reports that the client secret has expired: create a new one and put it into the credential'],
  [700016, 'does not know the client in this tenant: check client_id and the tenant in the URL'],
  [700027, 'does not know the certificate that the assertion is signed with: register it, or correct the credential'],
  [700211, 'trusts no federated credential with the issuer of the assertion: compare it with that of the cluster'],
  [700212, 'trusts no federated credential with the audience of the assertion: compare the two'],
  [700213, 'trusts no federated credential with the subject of the assertion: compare it with the ServiceAccount'],
  [70021, 'trusts no federated credential that matches the assertion: compare issuer, subject and audience'],
  [700023, 'requires another audience in the assertion: set assertionAudience to token_endpoint'],
  [700024, 'reports that the assertion has expired or is not yet valid: check the clock and the projected token'],
  [7000218, 'requires the client to authenticate itself: set clientAuthentication'],
  [500011, 'does not know the resource of this scope in this tenant: check the scope, and its consent'],
  [65001, 'requires admin consent for the client: let an administrator grant it'],
  [50105, 'requires that the client is assigned to a role of the resource: assign it'],
  [501051, 'requires that the client is assigned to a role of the resource: assign it'],
  [50126, 'does not accept the user name or password: correct username and password in the credential'],
  [50076, 'requires a second factor of this user: use another grant, or exclude the account from the policy'],
  [50079, 'requires a second factor of this user: use another grant, or exclude the account from the policy'],
  [50053, 'has locked the user after too many attempts'],
  [50055, 'reports that the password has expired: set a new one and put it into the credential'],
  [50196, 'detected a request loop: renew less often'],
  [53003, 'blocks the request by a Conditional Access policy'],
  [90002, 'does not know the tenant: check the URL'],
]);

/** Returns the first of `error_codes`, if it is a number of a plausible size. */
export function entraCodeOf(body: Readonly<Record<string, unknown>> | undefined): number | undefined {
  const codes = body !== undefined && Object.hasOwn(body, 'error_codes') ? body['error_codes'] : undefined;
  const first: unknown = Array.isArray(codes) ? codes[0] : undefined;
  return typeof first === 'number' && Number.isSafeInteger(first) && first > 0 && first < 100_000_000
    ? first
    : undefined;
}
