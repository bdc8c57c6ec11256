import { existsSync } from 'node:fs';
import { needPackages } from './debian.ts';

const PROGRAM = '/usr/bin/chromium';

/** Chromium of Debian's package. Throws NotAvailable. */
export async function installChromium(): Promise<string> {
  await needPackages({
    part: 'Chromium',
    missing: 'Chromium',
    packages: ['chromium'],
    present: () => existsSync(PROGRAM),
  });
  return PROGRAM;
}

const INTER = '/usr/share/fonts/opentype/inter';
const PNGQUANT = '/usr/bin/pngquant';

/** For pictures: a typeface like those of a desktop, and what makes the files small. Throws NotAvailable. */
export async function installPictureTools(): Promise<{ readonly pngquant: string }> {
  await needPackages({
    part: 'Pictures of the page',
    missing: 'the typeface Inter or pngquant',
    packages: ['fonts-inter', 'pngquant'],
    present: () => existsSync(INTER) && existsSync(PNGQUANT),
  });
  return { pngquant: PNGQUANT };
}
