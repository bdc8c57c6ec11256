import { formatDuration } from '../duration.ts';
import type { Ms } from '../token.ts';
import type { Check, Finding } from './finding.ts';
import type { Observed, ObservedServer, Reach, ServerFailure } from './observed.ts';

const TOLERATED_SKEW: Ms = 30_000;
const GROUP = 'Authorization servers';
const NO_TOKEN = 'Without a connection to it, no token of this authorization server is obtained or renewed.';

const REMEDIES: Readonly<Record<ServerFailure, (server: ObservedServer) => Pick<Finding, 'why' | 'fix'>>> = {
  name: ({ host }) => ({
    why: NO_TOKEN,
    fix: `Correct issuer or tokenEndpoint in the configuration. Try: nslookup ${host}.`,
  }),
  connection: ({ host, port }) => ({
    why: NO_TOKEN,
    fix: `Open the way to it in the firewall, name its proxy, or correct the port. Try: nc -vz ${host} ${port}.`,
  }),
  certificate: ({ name, host, port }) => ({
    why: 'No credential is sent to a server that cannot prove who it is.',
    fix: `Name the CA in authorizationServers.${name}.caFile (chart: certificateAuthorities.${name}), or have the certificate renewed. Try: openssl s_client -connect ${host}:${port}.`,
  }),
  address: ({ name }) => ({
    why: 'A credential is sent over https only, and never to a metadata service.',
    fix: `Write an https URL into authorizationServers.${name}.`,
  }),
  answer: ({ name }) => ({
    why: 'Token requests go where its metadata leads, and nowhere else.',
    fix: `Correct issuer in authorizationServers.${name}, or set tokenEndpoint.`,
  }),
};

function failed(failure: ServerFailure): Check['find'] {
  return each((server, reach) => {
    if (reach.kind !== 'failed' || reach.failure !== failure) return [];
    return [finding(server, { message: reach.message, ...REMEDIES[failure](server) })];
  });
}

const slow = each((server, reach) => {
  if (reach.kind !== 'answered' || Math.abs(reach.skew) <= TOLERATED_SKEW) return [];
  const side = reach.skew > 0 ? 'ahead of' : 'behind';
  return [
    finding(server, {
      message: `The clock of this machine is ${formatDuration(Math.abs(reach.skew))} ${side} that of the server.`,
      why: 'With a wrong clock, tokens look expired or live too long, and signed assertions are rejected.',
      fix: 'Compare both with another clock, and set the wrong one by NTP. Try: timedatectl status.',
    }),
  ];
});

const redirects = each((server, reach) => {
  if (reach.kind !== 'answered' || reach.redirect === undefined) return [];
  return [
    finding(server, {
      message: `It redirects to ${reach.redirect}.`,
      why: 'No redirect is followed, because a credential goes only where the configuration says.',
      fix: `Write the final URL into authorizationServers.${server.name}.`,
    }),
  ];
});

const noService = each((server, reach) => {
  if (reach.kind !== 'inside' || reach.found !== 'missing') return [];
  const { namespace, name } = reach.service;
  return [
    finding(server, {
      message: `It is the Service ${namespace}/${name}, which does not exist.`,
      why: NO_TOKEN,
      fix: `Correct the host in authorizationServers.${server.name}. Try: kubectl -n ${namespace} get services.`,
    }),
  ];
});

const noAuthority = each((server) => {
  if (server.authority?.found !== 'missing') return [];
  return [
    finding(server, {
      message: `Its CA, ${server.authority.place}, does not exist.`,
      why: 'Without its CA, the server cannot be trusted, and no token request is sent.',
      fix: `Create it, or correct the chart's value certificateAuthorities.${server.name}.`,
    }),
  ];
});

export const SERVER_CHECKS: readonly Check[] = [
  { name: 'server-name', group: GROUP, title: 'Their names resolve', when: 'both', find: failed('name') },
  {
    name: 'server-connection',
    group: GROUP,
    title: 'They can be connected to',
    when: 'both',
    find: failed('connection'),
  },
  {
    name: 'server-certificate',
    group: GROUP,
    title: 'Their certificates are trusted',
    when: 'both',
    find: failed('certificate'),
  },
  { name: 'server-address', group: GROUP, title: 'Their URLs may be called', when: 'both', find: failed('address') },
  { name: 'server-answer', group: GROUP, title: 'Their metadata is usable', when: 'both', find: failed('answer') },
  { name: 'server-redirect', group: GROUP, title: 'None redirects', when: 'both', find: redirects },
  { name: 'server-clock', group: GROUP, title: 'Their clocks agree with this one', when: 'both', find: slow },
  { name: 'server-service', group: GROUP, title: 'Their Services exist', when: 'both', find: noService },
  { name: 'server-ca', group: GROUP, title: 'Their CAs exist', when: 'after', find: noAuthority },
];

function each(find: (server: ObservedServer, reach: Reach) => readonly Finding[]): Check['find'] {
  return ({ servers }: Observed) => servers.flatMap((server) => find(server, server.reach));
}

function finding({ name }: ObservedServer, rest: Omit<Finding, 'severity' | 'subject'>): Finding {
  return { severity: 'error', subject: `authorization server ${name}`, ...rest };
}
