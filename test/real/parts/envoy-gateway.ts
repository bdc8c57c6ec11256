import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from '../../support/free-port.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { ENVOY_VERSION } from '../install/envoy.ts';
import { run } from '../install/run.ts';
import { type Part, startPart } from './part.ts';

/** A resource of Kubernetes. */
export type Resource = Readonly<Record<string, unknown>> & {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
};

export interface EnvoyGateway {
  /** Of the listener of its Gateway. */
  readonly url: string;
  readonly part: Part;
  /** Makes a resource what it is from now on, as the API server would. */
  apply(resource: Resource): void;
  stop(): Promise<void>;
}

export interface EnvoyGatewayPrograms {
  readonly envoyGateway: string;
  readonly envoy: string;
}

const API = 'gateway.networking.k8s.io/v1';
const OWN_API = 'gateway.envoyproxy.io/v1alpha1';
const CONTROLLER = 'gateway.envoyproxy.io/gatewayclass-controller';

/** Starts Envoy Gateway on resources in files, with a Gateway of this name. It starts Envoy itself. */
export async function startEnvoyGateway(
  { envoyGateway, envoy }: EnvoyGatewayPrograms,
  gateway: { readonly name: string; readonly namespace: string },
  resources: readonly Resource[],
): Promise<EnvoyGateway> {
  const folder = temporaryDirectory();
  const at = (...names: string[]): string => join(folder.path, ...names);
  mkdirSync(at('resources'));
  // Where it would download this version to.
  mkdirSync(at('data/envoy-versions', ENVOY_VERSION, 'bin'), { recursive: true });
  symlinkSync(envoy, at('data/envoy-versions', ENVOY_VERSION, 'bin/envoy'));
  const apply = (resource: Resource): void => {
    const { kind, metadata } = resource;
    const file = `${kind}-${metadata.namespace ?? ''}-${metadata.name}.yaml`;
    writeFileSync(at(file), stringify(resource));
    renameSync(at(file), at('resources', file));
  };
  const port = await freePort();
  for (const resource of [...platform(gateway, port), ...resources]) apply(resource);
  writeFileSync(at('envoy-gateway.yaml'), stringify(configuration(folder.path)));
  const certificates = ['certgen', '--local', '--config-home', at('config')];
  await run({ label: 'envoy-gateway certgen', command: envoyGateway, args: certificates });
  const args = ['server', '--config-path', at('envoy-gateway.yaml')];
  const part = startPart({ label: 'Envoy Gateway', command: envoyGateway, args });
  const stop = async (): Promise<void> => {
    await part.stop();
    folder.remove();
  };
  return { url: `http://127.0.0.1:${port}`, part, apply, stop };
}

function configuration(folder: string): object {
  const host = {
    configHome: join(folder, 'config'),
    dataHome: join(folder, 'data'),
    stateHome: join(folder, 'state'),
    runtimeDir: join(folder, 'run'),
  };
  return {
    apiVersion: OWN_API,
    kind: 'EnvoyGateway',
    gateway: { controllerName: CONTROLLER },
    provider: {
      type: 'Custom',
      custom: {
        resource: { type: 'File', file: { paths: [join(folder, 'resources')] } },
        infrastructure: { type: 'Host', host },
      },
    },
    extensionApis: { enableBackend: true },
  };
}

/** What the platform has anyway. */
function platform(
  { name, namespace }: { readonly name: string; readonly namespace: string },
  port: number,
): Resource[] {
  const provider = { type: 'Host', host: { envoyVersion: ENVOY_VERSION } };
  const proxy = { group: 'gateway.envoyproxy.io', kind: 'EnvoyProxy', name: 'local' };
  const listener = { name: 'http', protocol: 'HTTP', port, allowedRoutes: { namespaces: { from: 'All' } } };
  return [
    { apiVersion: OWN_API, kind: 'EnvoyProxy', metadata: { name: 'local', namespace }, spec: { provider } },
    {
      apiVersion: API,
      kind: 'GatewayClass',
      metadata: { name: 'local' },
      spec: { controllerName: CONTROLLER, parametersRef: { ...proxy, namespace } },
    },
    {
      apiVersion: API,
      kind: 'Gateway',
      metadata: { name, namespace },
      spec: { gatewayClassName: 'local', listeners: [listener] },
    },
  ];
}
