import { homedir } from 'node:os';
import { createDirectoryCredentialSource } from '../adapters/fs/directory-credential-source.ts';
import { readable } from '../adapters/fs/folders.ts';
import { apiFailure, statusOf } from '../adapters/kubernetes/api/api-failure.ts';
import { type ApiServer, kubeconfigApiServer } from '../adapters/kubernetes/api/api-server.ts';
import { oldVersionWarning } from '../adapters/kubernetes/api/api-version.ts';
import { kubeconfigFiles } from '../adapters/kubernetes/api/kubeconfig.ts';
import { observeCluster } from '../adapters/kubernetes/doctor/cluster-observation.ts';
import { readAccessTokens } from '../adapters/kubernetes/doctor/observed-access-tokens.ts';
import { Readings } from '../adapters/kubernetes/doctor/readings.ts';
import { type Release, readRelease } from '../adapters/kubernetes/doctor/release.ts';
import { createSystemClock } from '../adapters/node/system-clock.ts';
import { readStandardInput } from '../adapters/node/terminal.ts';
import type { Observed } from '../core/doctor/observed.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import { isLabel } from '../core/names.ts';
import { configurationIn } from './cli/configuration-text.ts';
import { type DoctorArguments, doctorCommand } from './cli/doctor-command.ts';
import { CommandFailed, EXIT } from './cli/exit-codes.ts';
import { judgedAccessTokens } from './cli/expected-access-tokens.ts';
import { expectedServers, expectedTokens } from './cli/expected-tokens.ts';
import type { CommandOutput } from './cli/terminal-output.ts';
import { credentialFaults } from './cli/validate-command.ts';
import { parseConfiguration } from './configuration/parse.ts';
import { ConfigurationError } from './configuration/problems.ts';
import type { Configuration } from './configuration/resolve.ts';
import { configurationText } from './configuration-in-force.ts';
import { observeWithPods } from './doctor-pods-main.ts';
import { observeServer } from './doctor-servers-main.ts';

const PATIENCE = 10_000;

/** `token-acquirer doctor` */
export async function doctor(options: DoctorArguments, output: CommandOutput): Promise<void> {
  await doctorCommand(options, { observe: () => observe(options), output });
}

async function observe(options: DoctorArguments): Promise<Observed> {
  const { kubeconfig, context, namespace } = options;
  if (!isLabel(namespace)) throw new UsageError('--namespace must be a namespace: lower-case letters, digits and "-".');
  if (options.pre === true && options.config === undefined) {
    throw new UsageError('Name the configuration that you are about to install: --config FILE.');
  }
  if (options.pre === true && (options.inPods === true || options.requestToken === true)) {
    throw new UsageError('--in-pods and --request-token need a running installation: leave out --pre.');
  }
  const api = kubeconfigApiServer(kubeconfigFiles(kubeconfig, process.env, homedir()), { context });
  try {
    const [seen, versionFault] = await Promise.all([
      observeWith(api, options),
      oldVersionWarning(api, AbortSignal.timeout(PATIENCE)),
    ]);
    return { ...seen, cluster: { ...seen.cluster, versionFault } };
  } catch (error) {
    throw unreached(error, api.baseUrl);
  } finally {
    await api.close();
  }
}

async function observeWith(api: ApiServer, options: DoctorArguments): Promise<Observed> {
  const readings = new Readings(api);
  const { namespace, pre = false } = options;
  const release = await readRelease(readings, namespace, { release: options.release, isPlanned: pre });
  const { configuration, ...found } = await configurationFor(options, release);
  const clock = createSystemClock();
  const now = clock.now();
  const { services } = configuration ?? {};
  const serviceNamespaces = services?.namespaces ?? [];
  const needs = services?.examples() ?? [];
  const { versions, version, items } = await readAccessTokens(readings, serviceNamespaces);
  const asked = judgedAccessTokens(items, services, now);
  const tokens = configuration === undefined ? [] : [...expectedTokens(configuration), ...asked.tokens];
  const { service = '', callers } = configuration?.cluster ?? {};
  const lookout = { namespace, tokens, needs, serviceNamespaces, service, reviewsCallers: callers === 'token-review' };
  const servers = configuration === undefined ? [] : expectedServers(configuration);
  const [cluster, observed, faults, { secrets, ...withPods }] = await Promise.all([
    observeCluster(readings, release, { ...lookout, when: pre ? 'before' : 'after' }),
    Promise.all(servers.map((server) => observeServer(server, { readings, release, namespace, clock }))),
    folderFaults(options, configuration),
    configuration === undefined
      ? { secrets: {} }
      : observeWithPods(options, { api, readings, release, configuration, tokens }),
  ]);
  // A folder is checked instead of the Secrets.
  const credentials = faults === undefined ? cluster.credentials : {};
  return {
    now,
    namespace,
    configuration: found,
    tokens,
    needs,
    accessTokens: { versions, version, namespaces: serviceNamespaces, items: asked.items },
    servers: observed,
    service,
    credentialFaults: faults ?? [],
    cluster: { ...cluster, credentials, secrets: { ...cluster.secrets, ...secrets }, unread: readings.unread },
    ...withPods,
  };
}

type FoundConfiguration = Observed['configuration'] & { readonly configuration?: Configuration };

async function configurationFor({ config }: DoctorArguments, release: Release): Promise<FoundConfiguration> {
  const { configuration: installed, deployments } = release;
  if (config === '-') return judged('standard input', configurationIn(await readStandardInput()));
  if (config !== undefined) return judged(config, configurationIn(await configurationText(config)));
  if (installed !== undefined) return judged(installed.place, installed.text, installed.file);
  // Without an installation there is nothing to be wrong with, which is the finding.
  if (typeof deployments === 'string') return { place: 'configuration' };
  return {
    place: 'configuration',
    fault: 'The ConfigMap that the Deployment reads it from is missing, or you may not read it.',
  };
}

function judged(place: string, text: string, file = place): FoundConfiguration {
  try {
    return { place, configuration: parseConfiguration(text, file) };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { place, fault: messageOf(error) };
  }
}

/** `undefined` where no folder is named. */
async function folderFaults(
  { credentials }: DoctorArguments,
  configuration: Configuration | undefined,
): Promise<readonly string[] | undefined> {
  if (credentials === undefined) return undefined;
  const source = createDirectoryCredentialSource(readable(credentials, '--credentials'));
  const faults = (configuration?.tokens ?? []).map((token) => credentialFaults(token, source));
  return (await Promise.all(faults)).flat();
}

/** An API server that does not answer, or does not know the user, is no finding. */
function unreached(error: unknown, baseUrl: string): unknown {
  if (error instanceof UsageError || error instanceof CommandFailed) return error;
  const status = statusOf(error);
  if (status === 401) {
    return new CommandFailed(
      EXIT.unreachable,
      'The API server does not know the user of the kubeconfig (401). Log in again, as for kubectl.',
    );
  }
  const { message } = apiFailure(`Nothing could be checked at ${baseUrl}`, error);
  return new CommandFailed(
    EXIT.unreachable,
    `${message} Check that the kubeconfig names the cluster you mean. Try: kubectl version.`,
  );
}
