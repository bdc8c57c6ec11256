import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Fetch, TokenSource } from '../../src/client/index.ts';
import type { TokenDocument } from '../../src/core/token-volume.ts';
import type { TokenReport } from '../../src/token-acquirer/endpoints/status-report.ts';
import type { AcquirerProcess, ProcessOptions } from '../e2e/acquirer-process.ts';
import { type Stage, type StageOptions, stages } from '../e2e/stage.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { bundledProgram } from './program.ts';
import { SteadyCalls, type SteadyOptions } from './steady-calls.ts';
import { startTokenEndpointFront, type TokenEndpointFront } from './token-endpoint-front.ts';
import { VolumeLog } from './volume-log.ts';

/** Of waits, on a busy machine. */
const PATIENCE = 60_000;

export interface WorldOptions extends StageOptions {
  /** Milliseconds between two calls. */
  readonly every?: number;
  /** Whether a valid token is one that the gateway accepts; false where the gateway itself is at fault. */
  readonly judgesTokens?: boolean;
  readonly process?: ProcessOptions;
  readonly arguments?: readonly string[];
  /** Returns the reissue endpoint of the client, instead of the token-acquirer's own. */
  readonly reissueBy?: (url: string) => Promise<string>;
  /** Returns the client's CA file for the reissue endpoint. Its argument is the root of the workplace. */
  readonly caFile?: (root: string) => string;
  /** Called before the token-acquirer starts. */
  readonly prepare?: (world: World) => Promise<void> | void;
}

/**
 * A token-acquirer in its own process with a real authorization server, a real gateway and a service; between it and the
 * token endpoint two proxies that misbehave; and the client library, which calls through the gateway all the time.
 */
export class World {
  readonly stage: Stage;
  /** Before the front, for faults of connections. */
  readonly proxy: TcpProxy;
  /** Before the token endpoint, for faults of answers. */
  readonly front: TokenEndpointFront;
  readonly acquirers: AcquirerProcess[] = [];
  readonly options: WorldOptions;
  #calls: SteadyCalls | undefined;
  #volume: VolumeLog | undefined;
  #source: TokenSource | undefined;

  private constructor(stage: Stage, parts: { proxy: TcpProxy; front: TokenEndpointFront }, options: WorldOptions) {
    this.stage = stage;
    this.proxy = parts.proxy;
    this.front = parts.front;
    this.options = options;
  }

  /** Opens one whose token-acquirer has its first token, and whose client calls. */
  static async open(options: WorldOptions, opened: (world: World) => void): Promise<World> {
    const { open } = stages();
    const stage = await open(options);
    const front = await startTokenEndpointFront(`${stage.server.issuer}/token`);
    const proxy = await startTcpProxy(front.port);
    const world = new World(stage, { proxy, front }, options);
    opened(world);
    world.configure();
    await options.prepare?.(world);
    await world.begin();
    return world;
  }

  /** Writes the configuration, whose token requests go through the proxies. */
  configure(more: StageOptions = {}): void {
    const reachedBy = { tokenEndpoint: `${this.proxy.url}/token` };
    this.stage.workplace.configure(this.stage.configuration({ reachedBy, ...more }));
  }

  get tokens(): number {
    return this.options.secrets?.length ?? 1;
  }

  /** The one that was started last. */
  get acquirer(): AcquirerProcess {
    return there(this.acquirers.at(-1), 'token-acquirer');
  }

  get calls(): SteadyCalls {
    return there(this.#calls, 'calls');
  }

  /** Those that were begun. */
  get callsSoFar(): readonly SteadyCalls[] {
    return this.#calls === undefined ? [] : [this.#calls];
  }

  get volume(): VolumeLog {
    return there(this.#volume, 'volume');
  }

  get source(): TokenSource {
    return there(this.#source, 'source');
  }

  get document(): TokenDocument {
    return there(this.volume.current, 'token in the volume');
  }

  /** Starts a token-acquirer in the same workplace. */
  start(): AcquirerProcess {
    const acquirer = this.stage.acquirer(this.options.arguments, bundledProgram(this.options.process));
    this.acquirers.push(acquirer);
    return acquirer;
  }

  async begin(): Promise<void> {
    const acquirer = this.start();
    await acquirer.logged('listening', 1, 2 * PATIENCE);
    const url = await acquirer.url('reissue');
    const { source, call } = await this.stage.source(acquirer, undefined, {
      url: (await this.options.reissueBy?.(url)) ?? url,
      caFile: this.options.caFile?.(this.stage.workplace.root),
    });
    this.#source = source;
    this.#volume = new VolumeLog(this.stage.workplace.volume(), (token) => this.stage.isActive(token));
    this.#calls = new SteadyCalls(this.#steady(() => this.get(call)));
    await this.#calls.succeed(3, PATIENCE);
  }

  #steady(call: () => Promise<number>): SteadyOptions {
    const { every, judgesTokens = true } = this.options;
    const validity = judgesTokens ? () => this.volume.validity() : undefined;
    return { call, ...(every !== undefined && { every }), ...(validity && { validity }) };
  }

  /** One call through the gateway. */
  async get(call: Fetch): Promise<number> {
    const answer = await call(`${this.stage.gateway.url}/incidents`);
    await answer.body?.cancel();
    return answer.status;
  }

  async report(): Promise<TokenReport> {
    return there((await this.acquirer.status()).tokens[0], 'token in the status');
  }

  async condition(type: string): Promise<TokenReport['conditions'][number] | undefined> {
    return (await this.report()).conditions.find((condition) => condition.type === type);
  }

  async isReady(): Promise<boolean> {
    return (await fetch(new URL('/readyz', await this.acquirer.url('status')))).ok;
  }

  /** Lets the calls go on for a while. */
  async goOn(milliseconds: number): Promise<void> {
    await pause(milliseconds);
  }

  /** Asks for a reissue as the client would. */
  async reissue(rejected: string): Promise<Response> {
    const { workplace } = this.stage;
    const path = '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics/reissue';
    return fetch(`${await this.acquirer.url('reissue')}${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${readFileSync(workplace.callerToken, 'utf8').trim()}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ rejected_sha256: rejected }),
    });
  }

  /** Resolves once the volume holds another token than this one. */
  async renewed(sha256: string, within = PATIENCE): Promise<void> {
    await until(
      'A new token',
      () => this.volume.current !== undefined && this.volume.current.sha256 !== sha256,
      within,
    );
  }

  async close(): Promise<void> {
    await this.#calls?.stop();
    await this.#volume?.stop();
    await Promise.all([this.proxy.stop(), this.front.stop(), this.stage.close()]);
  }
}

function there<T>(thing: T | undefined, name: string): T {
  if (thing === undefined) throw new Error(`There is no ${name}.`);
  return thing;
}
