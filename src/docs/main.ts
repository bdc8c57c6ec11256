import { readFileSync, writeFileSync } from 'node:fs';
import { configurationReference } from './configuration-reference.ts';
import { withGenerated } from './generated.ts';

/** Writes the generated parts of the documents anew: `npm run docs`. A test fails where they are not up to date. */
const README = new URL('../../README.md', import.meta.url);

writeFileSync(README, withGenerated(readFileSync(README, 'utf8'), 'configuration', configurationReference()));
