// Takes the pictures of the demo's page for the documents: `npm run screenshots`, a minute and a half.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DemoInBrowser } from '../e2e/demo-in-browser.ts';
import { installPictureTools } from '../real/install/chromium.ts';
import { until } from '../support/until.ts';

const LARGEST = 300_000;
/** Until the time line is full; the demo revokes two tokens by itself meanwhile. */
const HISTORY = 68_000;
/** Into the recovery, as it is shown: the new token is on its way. */
const MOMENT = 1450;
const APP = 'billing-app';

interface Picture {
  readonly file: string;
  readonly colorScheme: 'light' | 'dark';
  readonly width: number;
}

const WIDE: readonly Picture[] = [
  { file: 'docs/pictures/demo-light.png', colorScheme: 'light', width: 1280 },
  { file: 'docs/pictures/demo-dark.png', colorScheme: 'dark', width: 1280 },
];
const NARROW: readonly Picture[] = [{ file: 'docs/pictures/demo-narrow.png', colorScheme: 'light', width: 360 }];

const { pngquant } = await installPictureTools();

function write(file: string, picture: Buffer): void {
  const small = execFileSync(pngquant, ['--quality=85-100', '--speed=1', '--strip', '-'], { input: picture });
  writeFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), small);
  process.stdout.write(`${file}: ${Math.round(small.length / 1000)} kB\n`);
  if (small.length > LARGEST) throw new Error(`${file} is larger than ${LARGEST / 1000} kB.`);
}

/** Revokes a token and waits until its recovery is under way. */
async function revoke(opened: DemoInBrowser): Promise<void> {
  await opened.app(APP).betweenRenewals();
  await opened.button(`Revoke token of ${APP}`).click();
  await opened.page.mouse.move(0, 0);
  const recovered = async (): Promise<boolean> => (await opened.caption()).includes('asked for a reissue');
  await until('The recovery', recovered, 10_000);
  await pause(MOMENT);
}

async function take({ page }: DemoInBrowser, { file, colorScheme }: Picture): Promise<void> {
  await page.emulateMedia({ colorScheme });
  write(file, await page.screenshot({ fullPage: true, animations: 'disabled' }));
}

const opened = await DemoInBrowser.open({ deviceScaleFactor: 2 });
try {
  await pause(HISTORY);
  for (const pictures of [WIDE, NARROW]) {
    await opened.page.setViewportSize({ width: pictures[0]?.width ?? 0, height: 1000 });
    await revoke(opened);
    for (const picture of pictures) await take(opened, picture);
    // A token that is revoked right after its reissue is not replaced at once.
    await pause(11_000);
  }
} finally {
  await opened.stop();
}
