import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { EpochMs, Ms } from '../core/token.ts';
import { APPS, type App, drawSecret, TOKEN } from './cast.ts';
import type { Child } from './children.ts';
import { type AuthorizationServerState, type Deed, type GatewayState, hashPrefix } from './demo-event.ts';
import type { GatewayOrder, TokenEndpointOrder } from './messages.ts';
import { type Ingredients, type Parts, startApp } from './parts.ts';
import type { Stage } from './scenes/scene.ts';
import { replaceFile } from './workspace.ts';

const AUTHORIZATION_SERVER_ACTS: Readonly<Record<AuthorizationServerState, string>> = {
  normal: 'lets token requests through again',
  down: 'cuts off the authorization server from token requests',
  failing: 'has token requests answered with 500',
  rejecting: 'puts wrong client secrets into the credentials',
  slow: 'has the authorization server take 3 s for a token request',
};

/** The stage with real processes on it. */
export class LiveStage implements Stage {
  readonly ledger: Stage['ledger'];
  readonly #ingredients: Ingredients;
  readonly #parts: Parts;
  readonly #apps = new Map<string, Child>();
  #authorizationServer: AuthorizationServerState = 'normal';
  #gateway: GatewayState = 'normal';

  constructor(ingredients: Ingredients, parts: Parts) {
    this.ledger = ingredients.ledger;
    this.#ingredients = ingredients;
    this.#parts = parts;
  }

  now(): EpochMs {
    return this.#ingredients.clock.now();
  }

  pause(duration: Ms): Promise<void> {
    return this.#ingredients.clock.wait(duration);
  }

  runs(app: App): boolean {
    return this.#apps.has(app.name);
  }

  async revoke(app: App): Promise<void> {
    const { workspace, secrets } = this.#ingredients;
    const file = join(workspace.volumeOf(app), TOKEN);
    if (!existsSync(file)) throw new Error(`There is no token of ${app.name} to revoke.`);
    const token = readFileSync(file, 'utf8');
    const hash = hashPrefix(token);
    this.#act(`revokes the token of ${app.name}, ${hash}…`, { kind: 'revocation', app: app.name, hash });
    const basic = Buffer.from(`${app.name}:${secrets.of(app).clientSecret}`).toString('base64');
    const response = await fetch(`${this.#parts.addresses.issuer}/token/revocation`, {
      method: 'POST',
      headers: { authorization: `Basic ${basic}` },
      body: new URLSearchParams({ token }),
      signal: AbortSignal.timeout(5000),
    });
    if (!response.ok) throw new Error(`The authorization server answered ${response.status} to the revocation.`);
  }

  setInterval(app: App, interval: string | undefined): void {
    const file = this.#ingredients.workspace.intervalFileOf(app);
    this.#act(
      interval === undefined
        ? `removes the interval of ${app.name}`
        : `sets the interval of ${app.name} to ${interval}`,
      { kind: 'interval', app: app.name, interval },
    );
    if (interval === undefined) rmSync(file, { force: true });
    else replaceFile(file, interval);
  }

  async stopApp(app: App): Promise<void> {
    const child = this.#apps.get(app.name);
    if (child === undefined) return;
    this.#apps.delete(app.name);
    await child.stop();
    // It may have been started again in the meantime.
    if (!this.runs(app)) rmSync(this.#ingredients.workspace.pidFileOf(app), { force: true });
    this.ledger.enter({ kind: 'stopped', who: app.name });
  }

  startApp(app: App): void {
    if (this.runs(app)) return;
    const child = startApp(this.#ingredients, app, this.#parts.addresses);
    this.#apps.set(app.name, child);
    replaceFile(this.#ingredients.workspace.pidFileOf(app), String(child.pid));
    this.ledger.enter({ kind: 'started', who: app.name });
  }

  setAuthorizationServerDown(down: boolean): void {
    this.setAuthorizationServer(down ? 'down' : 'normal');
  }

  setAuthorizationServer(state: AuthorizationServerState): void {
    const before = this.#authorizationServer;
    if (state === before) return;
    this.#authorizationServer = state;
    this.#act(AUTHORIZATION_SERVER_ACTS[state], { kind: 'authorization-server', state });
    const order: TokenEndpointOrder = { state: state === 'rejecting' ? 'normal' : state };
    this.#parts.authorizationServer.send(order);
    // The authorization server itself rejects wrong secrets, and their correction is noticed immediately.
    if (state === 'rejecting') this.#writeClientSecrets(() => drawSecret());
    else if (before === 'rejecting') this.#writeClientSecrets((app) => this.#ingredients.secrets.of(app).clientSecret);
  }

  setGateway(state: GatewayState): void {
    if (state === this.#gateway) return;
    this.#gateway = state;
    const rejecting = state === 'rejecting';
    this.#act(rejecting ? 'has the gateway reject every token' : 'has the gateway judge tokens again', {
      kind: 'gateway',
      state,
    });
    const order: GatewayOrder = { rejectAll: rejecting };
    this.#parts.gateway.send(order);
  }

  #writeClientSecrets(secretOf: (app: App) => string): void {
    for (const app of APPS) replaceFile(this.#ingredients.workspace.clientSecretFileOf(app), secretOf(app));
  }

  #act(text: string, deed: Deed): void {
    this.ledger.enter({ kind: 'act', text, deed });
  }
}
