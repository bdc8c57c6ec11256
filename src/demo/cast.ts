import { randomBytes } from 'node:crypto';

/** A client app of the demo. Its name is also that of its OAuth client, its token Secret and its caller. */
export interface App {
  readonly name: string;
  readonly grant: 'password' | 'client_credentials';
}

/**
 * Both in one namespace, each with its own Secret, in which the tokens have the same name. The first one uses the grant
 * that new applications should have.
 */
export const BILLING: App = { name: 'billing-app', grant: 'client_credentials' };
export const REPORT: App = { name: 'report-app', grant: 'password' };
export const APPS: readonly App[] = [BILLING, REPORT];

export const NAMESPACE = 'billing';
export const TOKEN = 'dynamics';
export const GATEWAY_CLIENT = 'gateway';

/** Seconds: short enough to see tokens renewed and expire within a minute. */
export const TOKEN_LIFETIME = 20;

/** The secrets of one app. Only the token-acquirer has the credentials; the app has the caller token as well. */
export interface AppSecrets {
  readonly clientSecret: string;
  /** With the grant `password`. */
  readonly user: { readonly username: string; readonly password: string } | undefined;
  readonly callerToken: string;
}

export interface Secrets {
  readonly gateway: string;
  readonly of: (app: App) => AppSecrets;
}

/** Draws new secrets at each start. They are written only where their holders read them. */
export function drawSecrets(): Secrets {
  const apps = new Map(APPS.map((app) => [app.name, drawFor(app)]));
  return {
    gateway: drawSecret(),
    of: ({ name }) => {
      const found = apps.get(name);
      if (found === undefined) throw new Error(`There is no app ${name} in the demo.`);
      return found;
    },
  };
}

function drawFor({ name, grant }: App): AppSecrets {
  const user = grant === 'password' ? { username: `${name}-user`, password: drawSecret() } : undefined;
  return { clientSecret: drawSecret(), user, callerToken: drawSecret() };
}

export function drawSecret(): string {
  return randomBytes(24).toString('base64url');
}
