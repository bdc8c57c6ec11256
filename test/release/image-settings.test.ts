import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NODE_FLAGS } from '../../src/build.ts';
import { settingsOf } from '../../src/release/image-settings.ts';

const read = (file: string): string => readFileSync(resolve(import.meta.dirname, '../..', file), 'utf8');

const DOCKERFILE = `# A comment.
ARG BASE=somewhere
FROM \${BASE} AS build
ENV IN_BUILD=1

FROM scratch AS one
ARG VERSION=0.1.0
ARG BASE
LABEL title="One \${VERSION}" \\
      base="\${BASE}"
# Another comment.
ENV PATH=/bin \\
    A="b c"
USER 1:2
ENTRYPOINT ["/bin/one", "--flag"]

FROM scratch AS other
USER 3:4
`;

describe('the settings of an image', () => {
  it('are those of its stage, with arguments filled in', () => {
    expect(settingsOf(DOCKERFILE, 'one', { BASE: 'node:24' })).toEqual({
      User: '1:2',
      Env: ['PATH=/bin', 'A=b c'],
      Entrypoint: ['/bin/one', '--flag'],
      Labels: { title: 'One 0.1.0', base: 'node:24' },
    });
  });

  it('lack a label whose argument nobody gave', () => {
    expect(settingsOf(DOCKERFILE, 'one', { VERSION: '0.2.0' }).Labels).toEqual({ title: 'One 0.2.0' });
  });

  it('end where the next stage begins', () => {
    expect(settingsOf(DOCKERFILE, 'other', {})).toEqual({ User: '3:4', Env: [], Entrypoint: [], Labels: {} });
  });

  it('are missing for a stage that the file lacks', () => {
    expect(() => settingsOf(DOCKERFILE, 'build', {})).toThrow('has no stage FROM scratch AS build');
  });

  it.each([
    ['Dockerfile.token-acquirer', 'token-acquirer', 'token-acquirer.cjs'],
    ['Dockerfile.token-acquirer', 'example-services', 'example-services.mjs'],
    ['Dockerfile.client-app', 'client-app', 'client-app.mjs'],
  ])('of %s start %s as its container would', (file, stage, program) => {
    const settings = settingsOf(read(file), stage, {});
    expect(settings.Entrypoint).toEqual(['/usr/local/bin/node', ...NODE_FLAGS, `/app/${program}`]);
    expect(settings.User).toBe('65532:65532');
    expect(settings.Env).toContain('PATH=/usr/local/bin');
    expect(settings.Labels).toMatchObject({ 'org.opencontainers.image.title': stage });
    expect(settings.Labels).not.toHaveProperty('dev.token-acquirer.node-image');
  });
});
