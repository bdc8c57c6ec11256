import type { FastifyInstance } from 'fastify';
import type { Telemetry } from '../../ports/telemetry.ts';
import { Connections } from './connections.ts';
import { type Address, createListener, listen, parseAddress, refuseForeignPages } from './listener.ts';
import { closeInTime, type Server } from './server.ts';
import type { LastEvents } from './status-page/last-events.ts';
import { PageFeed } from './status-page/page-feed.ts';
import { pageLook } from './status-page/page-look.ts';
import { addPageRoutes } from './status-page/page-routes.ts';
import { addProbeRoutes, addStatusRoutes, type StatusRoutesDependencies } from './status-routes.ts';

export interface StatusAddresses {
  readonly statusListen: string;
  /** Another address for the probes, so that no flood at the others can fail them. */
  readonly probeListen?: string | undefined;
}

export interface StatusEndpointDependencies extends StatusRoutesDependencies {
  readonly telemetry: Pick<Telemetry, 'process'>;
  readonly lastEvents: LastEvents;
  /** Whether the configuration has the status page. */
  readonly isPageOn: () => boolean;
}

/** These listeners answer only short questions. Next to the reissue endpoint they must take little memory. */
const FEW_CONNECTIONS = { most: 200, share: 20 } as const;

/** The servers for status, metrics and probes. */
export class StatusEndpoint {
  readonly #dependencies: StatusEndpointDependencies;
  readonly #address: Address;
  readonly #probeAddress: Address | undefined;
  readonly #servers: Server[] = [];
  readonly #feed: PageFeed;

  /** Throws UsageError for an address that is not valid. */
  constructor({ statusListen, probeListen }: StatusAddresses, dependencies: StatusEndpointDependencies) {
    this.#dependencies = dependencies;
    this.#address = parseAddress(statusListen, '--status-listen');
    this.#probeAddress = probeListen === undefined ? undefined : parseAddress(probeListen, '--probe-listen');
    const { clock, lastEvents: events, isPageOn: isOn } = dependencies;
    this.#feed = new PageFeed({ clock, events, isOn, look: pageLook(dependencies) });
  }

  /** Resolves when both listen. Throws UsageError where an address is unavailable. */
  async open(): Promise<void> {
    if (this.#probeAddress !== undefined) {
      const probes = createListener(undefined);
      addProbeRoutes(probes, this.#dependencies);
      await this.#listen('probe', probes, this.#probeAddress);
    }
    const status = createListener(undefined);
    refuseForeignPages(status);
    addStatusRoutes(status, this.#dependencies);
    addPageRoutes(status, { isOn: this.#dependencies.isPageOn, feed: this.#feed });
    await this.#listen('status', status, this.#address);
  }

  /** Ends the streams of pages, answers the calls that have come, then closes. */
  async close(): Promise<void> {
    this.#feed.end();
    await Promise.all(this.#servers.map(closeInTime));
  }

  /** Ends all connections. */
  cut(): void {
    for (const { connections } of this.#servers) connections.cut();
  }

  async #listen(endpoint: 'status' | 'probe', app: FastifyInstance, address: Address): Promise<void> {
    this.#servers.push({ app, connections: new Connections(app.server, FEW_CONNECTIONS) });
    const url = await listen(app, address, `--${endpoint}-listen`);
    this.#dependencies.telemetry.process({ kind: 'listening', endpoint, url });
  }
}
