import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type App, TOKEN } from './cast.ts';
import type { Child } from './children.ts';
import { hashPrefix } from './demo-event.ts';
import type { OutageOrder } from './messages.ts';
import { type Ingredients, type Parts, startApp } from './parts.ts';
import type { Stage } from './scenes/scene.ts';
import { replaceFile } from './workspace.ts';

/** The stage with real processes on it. */
export class LiveStage implements Stage {
  readonly ledger: Stage['ledger'];
  readonly #ingredients: Ingredients;
  readonly #parts: Parts;
  readonly #apps = new Map<string, Child>();
  #down = false;

  constructor(ingredients: Ingredients, parts: Parts) {
    this.ledger = ingredients.ledger;
    this.#ingredients = ingredients;
    this.#parts = parts;
  }

  now(): number {
    return Date.now();
  }

  async pause(duration: number): Promise<void> {
    await pause(Math.max(0, duration));
  }

  runs(app: App): boolean {
    return this.#apps.has(app.name);
  }

  async revoke(app: App): Promise<void> {
    const { workspace, secrets } = this.#ingredients;
    const token = readFileSync(join(workspace.volumeOf(app), TOKEN), 'utf8');
    this.#act(`revokes the token of ${app.name}, ${hashPrefix(token)}…`);
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
    );
    if (interval === undefined) rmSync(file, { force: true });
    else replaceFile(file, interval);
  }

  async stopApp(app: App): Promise<void> {
    const child = this.#apps.get(app.name);
    if (child === undefined) return;
    this.#apps.delete(app.name);
    await child.stop();
    rmSync(this.#ingredients.workspace.pidFileOf(app), { force: true });
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
    if (down === this.#down) return;
    this.#down = down;
    this.#act(down ? 'cuts off the authorization server from token requests' : 'lets token requests through again');
    const order: OutageOrder = { down };
    this.#parts.authorizationServer.send(order);
  }

  #act(text: string): void {
    this.ledger.enter({ kind: 'act', text });
  }
}
