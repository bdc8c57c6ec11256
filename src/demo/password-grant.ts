import { createHash, timingSafeEqual } from 'node:crypto';
import { errors, type Provider } from 'oidc-provider';

export interface User {
  readonly username: string;
  readonly password: string;
}

function same(left: string, right: string): boolean {
  const [a, b] = [left, right].map((text) => createHash('sha256').update(text).digest());
  return a !== undefined && b !== undefined && timingSafeEqual(a, b);
}

interface PasswordParameters {
  readonly username?: string;
  readonly password?: string;
  readonly scope?: string;
}

/**
 * Adds the resource owner password credentials grant (RFC 6749 section 4.3). With a refresh token where the client
 * may use the grant `refresh_token`.
 */
export function registerPasswordGrant(provider: Provider, users: readonly User[]): void {
  provider.registerGrantType<PasswordParameters>(
    'password',
    async (ctx) => {
      const { client, params } = ctx.oidc;
      const user = users.find(({ username }) => username === params.username);
      if (user === undefined || !same(user.password, params.password ?? '')) {
        throw new errors.InvalidGrant('the user name or the password is wrong');
      }
      const scope = params.scope ?? '';
      const grant = new provider.Grant({ clientId: client.clientId, accountId: user.username });
      if (scope !== '') grant.addOIDCScope(scope);
      const grantId = await grant.save();
      const issue = { client, accountId: user.username, grantId, gty: 'password', scope };
      const accessToken = new provider.AccessToken(issue);
      ctx.body = {
        access_token: await accessToken.save(),
        token_type: 'Bearer',
        expires_in: accessToken.expiration,
        ...(scope === '' ? {} : { scope }),
        ...(client.grantTypeAllowed('refresh_token')
          ? { refresh_token: await new provider.RefreshToken(issue).save() }
          : {}),
      };
    },
    ['username', 'password', 'scope'],
  );
}
