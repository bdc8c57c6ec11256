import type { Artifact } from './checksums.ts';
import type { Source } from './source.ts';

/** Documented in docs/project/releasing.md. */
const BUILD_TYPE = 'urn:token-acquirer:release:v1';

/** Who built the release. */
export interface Builder {
  /** A URI. */
  readonly id: string;
  /** A URI of this run, where the builder has one. */
  readonly invocation: string | undefined;
}

export interface Build {
  readonly artifacts: readonly Artifact[];
  /** Digests of images, `sha256:…`, by the name of their archive. */
  readonly images: ReadonlyMap<string, string>;
  readonly source: Source;
  readonly builder: Builder;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly lockFileSha256: string;
  /** Milliseconds since the Unix epoch. */
  readonly startedAt: number;
  readonly finishedAt: number;
}

/** Returns an in-toto statement v1 with the predicate SLSA provenance v1. */
export function provenanceOf(build: Build): object {
  const { source, builder, parameters } = build;
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [
      ...build.artifacts.map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
      ...[...build.images].map(([name, digest]) => ({
        name: `${name}, manifest`,
        digest: { sha256: digest.replace('sha256:', '') },
      })),
    ],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: BUILD_TYPE,
        externalParameters: { source: sourceAddress(source), ...parameters },
        internalParameters: {
          hasUncommittedChanges: source.hasUncommittedChanges,
          node: process.version,
          platform: `${process.platform}/${process.arch}`,
        },
        resolvedDependencies: [
          {
            name: 'source',
            ...(source.repository !== undefined && { uri: sourceAddress(source) }),
            digest: { gitCommit: source.commit },
          },
          { name: 'package-lock.json', digest: { sha256: build.lockFileSha256 } },
        ],
      },
      runDetails: {
        builder: { id: builder.id },
        metadata: {
          ...(builder.invocation !== undefined && { invocationId: builder.invocation }),
          startedOn: timeText(build.startedAt),
          finishedOn: timeText(build.finishedAt),
        },
      },
    },
  };
}

/** Returns the builder of a GitHub workflow by its environment; anywhere else, one that nobody vouches for. */
export function builderOf(environment: Readonly<Record<string, string | undefined>>): Builder {
  const { GITHUB_SERVER_URL: server, GITHUB_WORKFLOW_REF: workflow } = environment;
  const { GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: run, GITHUB_RUN_ATTEMPT: attempt = '1' } = environment;
  if (server === undefined || workflow === undefined || repository === undefined || run === undefined) {
    return { id: 'urn:token-acquirer:builder:by-hand', invocation: undefined };
  }
  return {
    id: `${server}/${workflow}`,
    invocation: `${server}/${repository}/actions/runs/${run}/attempts/${attempt}`,
  };
}

function sourceAddress({ repository, tag, commit }: Source): string {
  const at = tag === undefined ? commit : `refs/tags/${tag}`;
  return repository === undefined ? `git:${at}` : `git+${repository}@${at}`;
}

function timeText(time: number): string {
  return new Date(time).toISOString();
}
