import { describe, expect, it } from 'vitest';
import { type Build, builderOf, provenanceOf } from '../../src/release/provenance.ts';
import { statementSchema } from './statement-schema.ts';

const SHA256 = 'a'.repeat(64);
const COMMIT = 'b'.repeat(40);

const build: Build = {
  artifacts: [{ name: 'chart.tgz', sha256: SHA256 }],
  images: new Map([['image.oci.tar', `sha256:${'c'.repeat(64)}`]]),
  source: {
    commit: COMMIT,
    committedAt: 1_700_000_000,
    hasUncommittedChanges: false,
    tag: 'v0.1.0',
    previousTag: undefined,
    repository: 'https://example.com/team/project',
  },
  builder: { id: 'https://example.com/builder', invocation: 'https://example.com/runs/1' },
  parameters: { version: '0.1.0' },
  lockFileSha256: SHA256,
  startedAt: 1_700_000_000_000,
  finishedAt: 1_700_000_060_000,
};

describe('the provenance statement', () => {
  it('is one of in-toto with the predicate of SLSA', () => {
    expect(statementSchema.parse(provenanceOf(build))).toMatchObject({
      subject: [
        { name: 'chart.tgz', digest: { sha256: SHA256 } },
        { name: 'image.oci.tar, manifest', digest: { sha256: 'c'.repeat(64) } },
      ],
      predicate: {
        buildDefinition: {
          externalParameters: {
            source: 'git+https://example.com/team/project@refs/tags/v0.1.0',
            version: '0.1.0',
          },
          internalParameters: { hasUncommittedChanges: false, node: process.version },
          resolvedDependencies: [
            { uri: 'git+https://example.com/team/project@refs/tags/v0.1.0', digest: { gitCommit: COMMIT } },
            { name: 'package-lock.json', digest: { sha256: SHA256 } },
          ],
        },
        runDetails: {
          builder: { id: 'https://example.com/builder' },
          metadata: {
            invocationId: 'https://example.com/runs/1',
            startedOn: '2023-11-14T22:13:20.000Z',
            finishedOn: '2023-11-14T22:14:20.000Z',
          },
        },
      },
    });
  });

  it('names the commit where there is neither a tag nor a public address', () => {
    const source = { ...build.source, tag: undefined, repository: undefined };
    const builder = { id: 'urn:example:by-hand', invocation: undefined };
    const { buildDefinition, runDetails } = statementSchema.parse(
      provenanceOf({ ...build, source, builder }),
    ).predicate;
    expect(buildDefinition.externalParameters['source']).toBe(`git:${COMMIT}`);
    expect(buildDefinition.resolvedDependencies?.[0]).toEqual({ name: 'source', digest: { gitCommit: COMMIT } });
    expect(runDetails.metadata).not.toHaveProperty('invocationId');
  });
});

describe('the builder', () => {
  const GITHUB = {
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_REPOSITORY: 'team/project',
    GITHUB_WORKFLOW_REF: 'team/project/.github/workflows/release.yml@refs/tags/v0.1.0',
    GITHUB_RUN_ID: '7',
    GITHUB_RUN_ATTEMPT: '2',
  };

  it('is the workflow where one runs', () => {
    expect(builderOf(GITHUB)).toEqual({
      id: 'https://github.com/team/project/.github/workflows/release.yml@refs/tags/v0.1.0',
      invocation: 'https://github.com/team/project/actions/runs/7/attempts/2',
    });
  });

  it.each(['GITHUB_SERVER_URL', 'GITHUB_REPOSITORY', 'GITHUB_WORKFLOW_REF', 'GITHUB_RUN_ID'])(
    'is a person without %s',
    (variable) => {
      expect(builderOf({ ...GITHUB, [variable]: undefined })).toEqual({
        id: 'urn:token-acquirer:builder:by-hand',
        invocation: undefined,
      });
    },
  );
});
