import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { installEnvoy } from '../../real/install/envoy.ts';
import { installNginx } from '../../real/install/nginx.ts';
import { answerOf, startPart } from '../../real/parts/part.ts';
import { startSidecar } from '../../real/sidecar/sidecar.ts';
import { createCertificateAuthority } from '../../support/certificates.ts';
import { freePort } from '../../support/free-port.ts';
import { secret } from '../../support/secrets.ts';
import type { Scope } from '../benchmark.ts';
import { volumeRoot } from './place.ts';

/** A proxy before the service, in one process. */
export interface Proxy {
  readonly pid: number;
  /** Of the service, through the proxy. */
  readonly url: string;
}

export interface ProxiedPlace {
  /** Of the service. */
  readonly service: string;
  /** With the files of the token volume. */
  readonly tokenDirectory: string;
}

const START_WITHIN = 30_000;
const FILTERS = 'type.googleapis.com/envoy.extensions.filters';
/** As many as there are callers. */
const KEPT_CONNECTIONS = 16;

/** Envoy with the configuration that the client's library chart renders. Throws NotAvailable. */
export async function startOurSidecar(scope: Scope, { service, tokenDirectory }: ProxiedPlace): Promise<Proxy> {
  const callerTokenDirectory = makeFolder(scope);
  writeFileSync(join(callerTokenDirectory, 'token'), secret('caller-token'));
  const authority = createCertificateAuthority();
  copyFileSync(authority.caFile, join(callerTokenDirectory, 'ca.crt'));
  authority.remove();
  const sidecar = await startSidecar({
    program: await installEnvoy(),
    tokenDirectory,
    callerTokenDirectory,
    // Nobody listens there, because no request is rejected.
    reissuePort: await freePort(),
    ownCa: true,
    routes: [{ name: 'service', upstream: service }],
  });
  scope.add(() => sidecar.stop());
  return { pid: sidecar.pid, url: `${sidecar.url}/service` };
}

/** Envoy that only passes requests on. Throws NotAvailable. */
export async function startBareEnvoy(scope: Scope, { service }: ProxiedPlace): Promise<Proxy> {
  const program = await installEnvoy();
  const port = await freePort();
  const file = join(makeFolder(scope), 'envoy.yaml');
  writeFileSync(file, stringify(bareConfiguration(port, Number(new URL(service).port))));
  const args = ['-c', file, '--concurrency', '1', '--disable-hot-restart', '--log-level', 'error'];
  return start(scope, { label: 'Envoy without filters', command: program, args }, port);
}

function bareConfiguration(port: number, servicePort: number): object {
  const address = (number: number): object => ({ socket_address: { address: '127.0.0.1', port_value: number } });
  const route = { match: { prefix: '/service/' }, route: { cluster: 'service', prefix_rewrite: '/' } };
  const manager = {
    '@type': `${FILTERS}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'bare',
    route_config: { virtual_hosts: [{ name: 'service', domains: ['*'], routes: [route] }] },
    http_filters: [{ name: 'router', typed_config: { '@type': `${FILTERS}.http.router.v3.Router` } }],
  };
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: address(servicePort) } }] }];
  return {
    static_resources: {
      listeners: [
        {
          name: 'bare',
          address: address(port),
          filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
        },
      ],
      clusters: [{ name: 'service', load_assignment: { cluster_name: 'service', endpoints } }],
    },
  };
}

/** Debian's nginx, whose njs reads the token file for each request. Throws NotAvailable. */
export async function startNginx(scope: Scope, { service, tokenDirectory }: ProxiedPlace): Promise<Proxy> {
  const { program, module } = await installNginx();
  const port = await freePort();
  const folder = makeFolder(scope);
  writeFileSync(join(folder, 'token.js'), njsFor(tokenDirectory));
  writeFileSync(join(folder, 'nginx.conf'), nginxConfiguration({ module, folder, port, service }));
  const args = ['-p', folder, '-c', join(folder, 'nginx.conf')];
  return start(scope, { label: 'nginx', command: program, args }, port);
}

function njsFor(tokenDirectory: string): string {
  return `import fs from 'fs';
const authorization = () => 'Bearer ' + fs.readFileSync('${tokenDirectory}/dynamics', 'utf8');
export default { authorization };
`;
}

interface NginxSettings {
  readonly module: string;
  readonly folder: string;
  readonly port: number;
  readonly service: string;
}

function nginxConfiguration({ module, folder, port, service }: NginxSettings): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `load_module ${module};
daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  js_path ${folder};
  js_import token from token.js;
  js_set $token token.authorization;
  upstream service { server ${new URL(service).host}; keepalive ${KEPT_CONNECTIONS}; }
  server {
    listen 127.0.0.1:${port};
    location /service/ {
      proxy_pass http://service/;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization $token;
    }
  }
}
`;
}

interface Command {
  readonly label: string;
  readonly command: string;
  readonly args: readonly string[];
}

async function start(scope: Scope, command: Command, port: number): Promise<Proxy> {
  const part = startPart(command);
  scope.add(() => part.stop());
  const url = `http://127.0.0.1:${port}/service`;
  await part.until('the start', () => answerOf(`${url}/`), START_WITHIN);
  return { pid: part.pid, url };
}

function makeFolder(scope: Scope): string {
  const folder = mkdtempSync(join(volumeRoot(), 'token-acquirer-bench-'));
  scope.add(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
