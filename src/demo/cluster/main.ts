// The services that the example in a cluster calls, each in its own pod: one program, which its argument chooses.
import { createSystemClock } from '../../adapters/node/system-clock.ts';
import { messageOf } from '../../core/errors.ts';
import { clusterApi } from './cluster-api.ts';
import { type Running, runAuthorizationServer, runGateway, runIncidentDesk, type Surroundings } from './parts.ts';
import { prepareExample } from './preparation.ts';
import { askForRevocation } from './revocation.ts';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

const clock = createSystemClock();
const surroundings: Surroundings = {
  environment: process.env,
  clock,
  log(event, fields = {}) {
    process.stdout.write(`${JSON.stringify({ time: new Date(clock.now()).toISOString(), event, ...fields })}\n`);
  },
};

const PARTS: Readonly<Record<string, (surroundings: Surroundings) => Promise<Running>>> = {
  'authorization-server': runAuthorizationServer,
  gateway: runGateway,
  'incident-desk': runIncidentDesk,
};

const ACTS: Readonly<Record<string, () => Promise<unknown>>> = {
  async prepare() {
    const drawn = await prepareExample(clusterApi(process.env, SERVICE_ACCOUNT), clock.now());
    surroundings.log(drawn ? 'prepared' : 'prepared-before');
  },
  async revoke() {
    process.stdout.write(`${await askForRevocation()}\n`);
  },
};

const stopped = new Promise((resolve) => {
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, resolve);
});

async function run(name: string): Promise<void> {
  const [part, act] = [PARTS[name], ACTS[name]];
  if (act !== undefined) await act();
  else if (part === undefined)
    throw new Error(`Name one of ${[...Object.keys(PARTS), ...Object.keys(ACTS)].join(', ')}.`);
  else {
    const running = await part(surroundings);
    await stopped;
    await running.stop();
    surroundings.log('stopped');
  }
}

try {
  await run(process.argv[2] ?? '');
  process.exit();
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
}
