import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');

/** A component of a CycloneDX bill, with the fields that are written here. */
export interface Component {
  readonly type: 'library' | 'platform' | 'file';
  readonly name: string;
  readonly version?: string;
  readonly 'bom-ref': string;
  readonly purl?: string;
  readonly cpe?: string;
  readonly hashes?: readonly { readonly alg: 'SHA-256'; readonly content: string }[];
  readonly evidence?: { readonly occurrences: readonly { readonly location: string }[] };
}

/** How scanners know the libraries in Node (NVD's vendor and product), by their names in `process.versions`. */
const COMPILED_IN: Readonly<Record<string, { readonly name: string; readonly cpe?: string; readonly npm?: true }>> = {
  acorn: { name: 'acorn', npm: true },
  ada: { name: 'ada' },
  amaro: { name: 'amaro', npm: true },
  ares: { name: 'c-ares', cpe: 'c-ares:c-ares' },
  brotli: { name: 'brotli', cpe: 'google:brotli' },
  icu: { name: 'icu', cpe: 'icu-project:international_components_for_unicode' },
  llhttp: { name: 'llhttp', npm: true, cpe: 'llhttp:llhttp' },
  nghttp2: { name: 'nghttp2', cpe: 'nghttp2:nghttp2' },
  nghttp3: { name: 'nghttp3' },
  ngtcp2: { name: 'ngtcp2' },
  openssl: { name: 'openssl', cpe: 'openssl:openssl' },
  simdjson: { name: 'simdjson' },
  simdutf: { name: 'simdutf' },
  sqlite: { name: 'sqlite', cpe: 'sqlite:sqlite' },
  undici: { name: 'undici', npm: true, cpe: 'nodejs:undici' },
  uv: { name: 'libuv', cpe: 'libuv:libuv' },
  uvwasi: { name: 'uvwasi' },
  v8: { name: 'v8', cpe: 'google:v8' },
  zlib: { name: 'zlib', cpe: 'zlib:zlib' },
  zstd: { name: 'zstd', cpe: 'facebook:zstandard' },
};

/** Returns Node, and the libraries that are compiled into it. */
export function nodeComponents(versions: Readonly<Record<string, string | undefined>>): readonly Component[] {
  const { node = '' } = versions;
  const compiledIn = Object.entries(COMPILED_IN).flatMap(([key, { name, cpe, npm }]): Component[] => {
    const whole = versions[key];
    if (whole === undefined || whole === '') return [];
    // Node adds a suffix to some versions, as in 3.5.8+quic and 13.6.233.17-node.53.
    const version = whole.replace(/[-+].*$/, '');
    const purl = `pkg:${npm === true ? 'npm' : 'generic'}/${name}@${version}`;
    const common = { type: 'library', name, version, 'bom-ref': `node:${name}@${version}`, purl } as const;
    return [cpe === undefined ? common : { ...common, cpe: cpeOf(cpe, version) }];
  });
  const runtime = { type: 'platform', name: 'node', version: node, 'bom-ref': `node@${node}` } as const;
  return [...compiledIn, { ...runtime, purl: `pkg:generic/node@${node}`, cpe: cpeOf('nodejs:node.js', node) }];
}

function cpeOf(product: string, version: string): string {
  return `cpe:2.3:a:${product}:${version}:*:*:*:*:*:*:*`;
}

/**
 * Returns the Debian packages that files were copied from, each once with its files. A file that belongs to none, for
 * example because the build stage is not Debian, is listed by its hash.
 */
export function libraryComponents(files: readonly string[]): readonly Component[] {
  const packages = new Map<string, Component>();
  for (const file of files) {
    const found = debianPackageOf(file) ?? fileComponent(file);
    const before = packages.get(found['bom-ref'])?.evidence?.occurrences ?? [];
    packages.set(found['bom-ref'], { ...found, evidence: { occurrences: [...before, { location: file }] } });
  }
  return [...packages.values()];
}

function debianPackageOf(file: string): Component | undefined {
  const real = realpathSync(file);
  // Debian lists files where their package put them. Since the merge of /usr, that may be another path.
  const paths = new Set([file, real, real.replace(/^\/usr/, ''), `/usr${file}`]);
  for (const path of paths) {
    const owner = output('dpkg-query', ['--search', path])?.split(': ')[0];
    if (owner === undefined) continue;
    const shown = output('dpkg-query', ['--show', '--showformat=${Package}\t${Version}\t${Architecture}', owner]);
    const [name = '', version = '', architecture = ''] = shown?.split('\t') ?? [];
    if (version === '') continue;
    const { id, release } = distribution();
    const purl = `pkg:deb/${id}/${name}@${encodeURIComponent(version)}?arch=${architecture}&distro=${id}-${release}`;
    return { type: 'library', name, version, 'bom-ref': purl, purl };
  }
  return undefined;
}

function fileComponent(file: string): Component {
  const content = createHash('sha256').update(readFileSync(file)).digest('hex');
  return { type: 'file', name: file, 'bom-ref': `file:${file}`, hashes: [{ alg: 'SHA-256', content }] };
}

function distribution(): { readonly id: string; readonly release: string } {
  const text = readFileSync('/etc/os-release', 'utf8');
  const value = (key: string): string => new RegExp(`^${key}="?([^"\n]*)`, 'm').exec(text)?.[1] ?? '';
  return { id: value('ID') || 'debian', release: value('VERSION_ID') || 'unknown' };
}

/** Returns `undefined` if the program is missing or fails. */
function output(program: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return undefined;
  }
}

/** Returns the image that Node was taken from, and whether its name holds a digest: only a digest fixes the image. */
export function nodeImageProperties(image: string | undefined): readonly { name: string; value: string }[] {
  if (image === undefined || image === '') return [];
  const isPinned = /@sha256:[0-9a-f]{64}$/.test(image);
  return [
    { name: 'token-acquirer:node-image', value: image },
    { name: 'token-acquirer:node-image-pinned', value: String(isPinned) },
  ];
}

interface Bill {
  readonly metadata: { readonly component: object; readonly properties?: readonly object[] };
  readonly components: readonly { readonly 'bom-ref': string }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/**
 * Returns a CycloneDX bill, as `npm sbom` makes it, of the packages in the bundle, the libraries that were copied next to
 * Node, those compiled into Node, and Node. `inputs`: the files that went into the bundle, relative to the project's folder.
 * Without `libraries`, Node is not part of what is delivered.
 */
export function billOfMaterials(program: string, inputs: readonly string[], libraries?: readonly string[]): object {
  const all = execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const bill = JSON.parse(all) as Bill;
  const inside = new Set(inputs.flatMap((input) => packageOf(input) ?? []));
  const runtime = libraries === undefined ? [] : [...libraryComponents(libraries), ...nodeComponents(process.versions)];
  const refs = runtime.map((component) => component['bom-ref']);
  const properties = [...(bill.metadata.properties ?? []), ...nodeImageProperties(process.env['NODE_IMAGE'])];
  return {
    ...bill,
    metadata: { ...bill.metadata, component: { ...bill.metadata.component, name: program }, properties },
    components: [...bill.components.filter((component) => inside.has(component['bom-ref'])), ...runtime],
    dependencies: [
      ...bill.dependencies
        .filter(({ ref }) => inside.has(ref))
        .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((name) => inside.has(name)) })),
      ...refs.slice(-1).map((ref) => ({ ref, dependsOn: refs.slice(0, -1) })),
    ],
  };
}

/** `node_modules/a/node_modules/@b/c/index.js` → `@b/c@1.2.3`; `undefined` for a file of this project. */
function packageOf(input: string): string | undefined {
  const [folder] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? [];
  if (folder === undefined) return undefined;
  const { name, version } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
  };
  return `${name}@${version}`;
}
