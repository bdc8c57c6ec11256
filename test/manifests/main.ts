import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { helm, helmBinaries } from '../charts/helm.ts';
import { renderManifests } from './render/manifests.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Renders the manifests from the charts anew: `npm run manifests`. A test fails where they are not up to date. */
const [binary] = await helmBinaries();
if (binary === undefined) throw new Error('There is no helm.');
for (const { path, text } of await renderManifests((args) => helm(binary, args))) {
  const file = join(ROOT, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  process.stdout.write(`${path}\n`);
}
