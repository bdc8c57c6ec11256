import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { registerSecret, secret } from '../../support/secrets.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { QUICK_JAVA } from '../install/keycloak.ts';
import type { Realm } from './keycloak-realm.ts';
import { answerOf, startPart } from './part.ts';

export interface Keycloak {
  /** Of the imported realm. */
  readonly issuer: string;
  /** A call of the Admin REST API, under `/admin/realms/<realm>`. Throws where it is not answered with success. */
  admin(method: string, path: string, body?: object): Promise<unknown>;
  stop(): Promise<void>;
}

const START_WITHIN = 240_000;

/** Starts Keycloak with one realm, on a free port of loopback, with everything else in memory. */
export async function startKeycloak(installation: string, realm: Realm): Promise<Keycloak> {
  const home = temporaryDirectory();
  prepareHome(installation, home.path, realm);
  const password = secret('keycloak-admin-password');
  const part = startPart({
    label: 'Keycloak',
    command: join(installation, 'bin/kc.sh'),
    args: [
      'start',
      '--optimized',
      '--import-realm',
      `-Dkc.home.dir=${home.path}`,
      '--cache=local',
      '--http-enabled=true',
      '--http-host=127.0.0.1',
      '--http-port=0',
      '--hostname-strict=false',
    ],
    env: { ...QUICK_JAVA, KC_BOOTSTRAP_ADMIN_USERNAME: 'admin', KC_BOOTSTRAP_ADMIN_PASSWORD: password },
  });
  const stop = async (): Promise<void> => {
    await part.stop();
    home.remove();
  };
  try {
    const address = async () => /Listening on: (http:\/\/127\.0\.0\.1:\d+)/.exec(part.said())?.[1];
    const url = await part.until('the start of Keycloak', address, START_WITHIN);
    const issuer = `${url}/realms/${realm.realm}`;
    await part.until(
      'the discovery of the realm',
      () => answerOf(`${issuer}/.well-known/openid-configuration`),
      10_000,
    );
    return { issuer, stop, admin: administration(url, realm.realm, password) };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The installation serves every run and is not written to: data and imports are the run's own. */
function prepareHome(installation: string, home: string, realm: Realm): void {
  for (const folder of ['lib', 'conf', 'providers', 'themes']) {
    symlinkSync(join(installation, folder), join(home, folder));
  }
  mkdirSync(join(home, 'data/import'), { recursive: true });
  writeFileSync(join(home, `data/import/${realm.realm}-realm.json`), JSON.stringify(realm), { mode: 0o600 });
}

function administration(url: string, realm: string, password: string): Keycloak['admin'] {
  return async (method, path, body) => {
    const login = new URLSearchParams({ grant_type: 'password', client_id: 'admin-cli', username: 'admin', password });
    const token = await fetch(`${url}/realms/master/protocol/openid-connect/token`, { method: 'POST', body: login });
    const { access_token: accessToken } = (await token.json()) as { access_token: string };
    const response = await fetch(`${url}/admin/realms/${realm}${path}`, {
      method,
      headers: { authorization: `Bearer ${registerSecret(accessToken)}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Keycloak answered ${response.status} to ${method} ${path}: ${text}`);
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  };
}
