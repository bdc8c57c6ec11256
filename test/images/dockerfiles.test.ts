import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NODE_FLAGS } from '../../src/build.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const { version, description } = JSON.parse(read('package.json')) as { version: string; description: string };

interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** Continued lines are one; comments are left out. */
function instructionsIn(file: string): Instruction[] {
  const text = read(file)
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n/g, ' ');
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => ({ name: line.split(' ', 1)[0] ?? '', rest: line.slice(line.indexOf(' ') + 1) }));
}

/** The instructions of each stage that is an image, by its name. */
function imagesIn(file: string): Map<string, Instruction[]> {
  const images = new Map<string, Instruction[]>();
  let stage: Instruction[] = [];
  for (const instruction of instructionsIn(file)) {
    if (instruction.name === 'FROM') {
      stage = [];
      const [, name] = /^scratch AS (\S+)$/.exec(instruction.rest) ?? [];
      if (name !== undefined) images.set(name, stage);
    } else stage.push(instruction);
  }
  return images;
}

const FILES = ['Dockerfile.token-acquirer', 'Dockerfile.client-app'] as const;
const images = FILES.flatMap((file) => [...imagesIn(file)].map(([name, stage]) => ({ file, name, stage })));

describe.each(FILES)('%s', (file) => {
  const text = read(file);

  it.each([
    ['heredocs', /<</],
    ['mounts', /--mount/],
    ['modes of copies', /--chmod|--link|--parents/],
    ['a platform, which the classic builder does not know', /PLATFORM|TARGETARCH/],
    ['names of processors', /amd64|arm64|x86_64|x64|aarch64/],
    ['downloads', /curl|wget|apt-get|\bADD\b/],
    ['a syntax that would have to be downloaded', /# syntax=/],
  ])('needs no %s', (_, pattern) => {
    expect(text.replaceAll(/^#(?! syntax).*$/gm, '')).not.toMatch(pattern);
  });

  it('takes Node from the stated image, by default from the public one', () => {
    expect(instructionsIn(file).slice(0, 2)).toEqual([
      { name: 'ARG', rest: 'NODE_IMAGE=node:24-bookworm-slim' },
      { name: 'FROM', rest: '${NODE_IMAGE} AS build' },
    ]);
  });

  it('passes on where Node is from to each list of contents', () => {
    const all = instructionsIn(file);
    const laidOut = all.flatMap(({ rest }, index) => (rest.startsWith('node src/build.ts --image') ? [index] : []));
    for (const index of laidOut) expect(all[index - 1]).toEqual({ name: 'ARG', rest: 'NODE_IMAGE' });
  });

  it('runs no script of a package', () => {
    expect(text.match(/npm .*/g)).toEqual(['npm ci --ignore-scripts', expect.stringMatching(/^npm and/)].toReversed());
  });

  it('ends with the image that it is named for', () => {
    expect([...imagesIn(file).keys()].at(-1)).toBe(file.replace('Dockerfile.', ''));
  });
});

describe.each(images)('the image $name', ({ name, stage }) => {
  const rests = (instruction: string): string[] =>
    stage.filter((one) => one.name === instruction).map(({ rest }) => rest);

  it('has one layer on nothing', () => {
    expect(rests('COPY')).toEqual([expect.stringMatching(/^--from=\S+ \/image\/ \/$/)]);
    expect(rests('RUN')).toEqual([]);
  });

  it('starts Node with the flags that the program is built for', () => {
    const [file] = /[a-z-]+\.[cm]js/.exec(rests('ENTRYPOINT')[0] ?? '') ?? [];
    expect(file).toContain(name);
    expect(JSON.parse(rests('ENTRYPOINT')[0] ?? '')).toEqual(['/usr/local/bin/node', ...NODE_FLAGS, `/app/${file}`]);
  });

  it('runs as a user of a number, not of a name', () => {
    expect(rests('USER')).toEqual(['65532:65532']);
  });

  it('says what it is', () => {
    expect(rests('ARG')).toEqual(['NODE_IMAGE', `VERSION=${version}`]);
    const [labels = ''] = rests('LABEL');
    for (const label of ['title', 'description', 'licenses', 'version']) {
      expect(labels).toContain(`org.opencontainers.image.${label}=`);
    }
    expect(labels).toContain('dev.token-acquirer.node-image="${NODE_IMAGE}"');
    if (name === 'token-acquirer') expect(labels).toContain(`"${description}"`);
  });
});

describe('what is sent to the builder', () => {
  it('is what the images are built from, and nothing else', () => {
    const lines = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines).toEqual(['*', '!package.json', '!package-lock.json', '!.npmrc', '!LICENSE', '!src']);
  });
});
