/** One of vitest's projects; every test file is in exactly one of them. */
export interface Project {
  readonly name: 'fast' | 'local' | 'real' | 'charts' | 'cluster' | 'faults' | 'faults-slow';
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly setupFiles: readonly string[];
  readonly globalSetup: readonly string[];
  /** Whether each file has its own process; starting one takes longer than most files of the project `fast`. */
  readonly isolate?: boolean;
}

/** Files of folders of the project `fast` that start a process, or that replace a module in the whole process. */
const NOT_FAST = [
  'test/adapters/constant-time.test.ts',
  'test/adapters/log-output.test.ts',
  'test/adapters/system-clock.test.ts',
  'test/clouds/pages.test.ts',
  'test/contract/execution-state.test.ts',
  'test/demo/cluster/main.test.ts',
  'test/soak/short-soak.test.ts',
  'test/token-acquirer/quoted-arguments.test.ts',
];

/** Files of `test/integration` that start nothing outside their process. */
const FAST_INTEGRATION = [
  'bounded-call',
  'ca-files',
  'certificate-faults',
  'demo-gateway',
  'demo-page-server',
  'demo-parts',
  'doctor',
  'doctor-access-tokens',
  'doctor-in-pods',
  'github-app',
  'http-login',
  'https-reissuer',
  'kept-connections',
  'misbehaving-token-endpoint',
  'oauth-client-proof',
  'oauth-discovery',
  'oauth-obstacles',
  'oauth-request',
  'oauth-revocation',
  'oauth-token-endpoint',
  'refusal-messages',
  'replica-caller',
  'secret-authority-store',
  'secret-requests',
  'self-managed-certificate',
  'server-probe',
  'shared-credentials',
  'terminal-reads',
].map((name) => `test/integration/${name}.test.ts`);

/** Files of `test/charts` that install a chart. */
const INSTALLED_CHARTS = [
  'client-chart',
  'doctor',
  'existing-secrets',
  'fleet',
  'gitops',
  'health',
  'helm-test',
  'lifecycle',
  'network-policy',
  'plugin',
  'removals',
  'replicas',
  'shard-changes',
  'terminal',
  'valid',
].map((name) => `test/charts/${name}.test.ts`);

/** Other files that need Docker. */
const IN_DOCKER = ['test/release/images-in-docker.test.ts'];

/** Files next to the folders that start nothing. */
const FAST_FILES = 'test/{architecture,projects,sequencer}.test.ts';

/** Renders the chart. */
const RENDERED_MANIFESTS = 'test/manifests/rendered.test.ts';

export const CLUSTER_SETUP = 'test/cluster/global-setup.ts';
const ROWS_SETUP = 'test/faults/global-setup.ts';
const PLACE = 'test/support/place.ts';
const FAST_PLACE = 'test/support/fast-place.ts';

export const PROJECTS: readonly Project[] = [
  {
    name: 'fast',
    include: [
      'test/{adapters,bench,client,client-app,clouds,contract,core,demo,docs,fakes,fuzz,soak,token-acquirer}/**/*.test.ts',
      FAST_FILES,
      ...FAST_INTEGRATION,
    ],
    exclude: NOT_FAST,
    setupFiles: [FAST_PLACE, 'test/support/nothing-outside.ts'],
    globalSetup: [],
    isolate: false,
  },
  {
    name: 'local',
    include: [
      'test/{client-consumers,conformance,contract-versions,e2e,integration,manifests,release}/**/*.test.ts',
      'test/*.test.ts',
      ...NOT_FAST,
    ],
    exclude: [FAST_FILES, RENDERED_MANIFESTS, ...IN_DOCKER, ...FAST_INTEGRATION],
    setupFiles: [PLACE],
    globalSetup: [],
  },
  {
    name: 'real',
    include: ['test/real/**/*.test.ts'],
    exclude: [],
    setupFiles: [PLACE],
    globalSetup: [],
  },
  {
    name: 'charts',
    include: ['test/charts/**/*.test.ts', RENDERED_MANIFESTS],
    exclude: INSTALLED_CHARTS,
    setupFiles: [PLACE],
    globalSetup: [],
  },
  {
    name: 'cluster',
    include: ['test/{cluster,images}/**/*.test.ts', ...IN_DOCKER, ...INSTALLED_CHARTS],
    exclude: [],
    setupFiles: [],
    globalSetup: [CLUSTER_SETUP],
  },
  {
    name: 'faults',
    include: ['test/faults/*.test.ts', 'test/faults/fast/*.test.ts'],
    exclude: [],
    setupFiles: [PLACE],
    globalSetup: [ROWS_SETUP],
  },
  // Left out of `npm test`; `npm run test:faults` runs it.
  {
    name: 'faults-slow',
    include: ['test/faults/slow/*.test.ts'],
    exclude: [],
    setupFiles: [],
    globalSetup: [CLUSTER_SETUP, ROWS_SETUP],
  },
];
