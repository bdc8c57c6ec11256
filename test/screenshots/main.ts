// Takes the pictures of the pages for the documents: `npm run screenshots`, two minutes. With `-- status`, only those of the
// status page.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DemoInBrowser } from '../e2e/demo-in-browser.ts';
import { installPictureTools } from '../real/install/chromium.ts';
import { until } from '../support/until.ts';
import { takeStatusPictures } from './status-page.ts';

const LARGEST = 300_000;
/** Of the height to the width: at the 838 px of GitHub's column, 600 px high. */
const TALLEST = 0.72;
const MARGIN = 14;
/** Until the time line is full; in the meantime the demo revokes two tokens. */
const HISTORY = 68_000;
/** Into the recovery, as it is shown: the new token is on its way. */
const MOMENT = 1450;
const APP = 'billing-app';

interface Picture {
  readonly file: string;
  readonly colorScheme: 'light' | 'dark';
  readonly width: number;
}

const WIDTH = 1280;
const PICTURES: readonly Picture[] = [
  { file: 'docs/pictures/demo-light.png', colorScheme: 'light', width: WIDTH },
  { file: 'docs/pictures/demo-dark.png', colorScheme: 'dark', width: WIDTH },
];

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

/** Of the page: what just happened, the parts, and the time line; neither its head nor the list of events. */
async function frameOf({ page }: DemoInBrowser, width: number) {
  const [caption, timeline] = await Promise.all(
    ['.caption', '.timeline'].map((part) => page.locator(part).boundingBox()),
  );
  if (!caption || !timeline) throw new Error('The page lacks its caption or its time line.');
  const y = caption.y - MARGIN;
  const height = timeline.y + timeline.height + MARGIN - y;
  if (height / width > TALLEST) throw new Error(`The picture is ${Math.round(height)} px high for ${width} px.`);
  return { x: 0, y, width, height };
}

async function take(opened: DemoInBrowser, { file, colorScheme, width }: Picture): Promise<void> {
  await opened.page.emulateMedia({ colorScheme });
  const clip = await frameOf(opened, width);
  write(file, await opened.page.screenshot({ fullPage: true, clip, animations: 'disabled' }));
}

async function takeDemo(): Promise<void> {
  const opened = await DemoInBrowser.open({ deviceScaleFactor: 2 });
  try {
    await pause(HISTORY);
    await opened.page.setViewportSize({ width: WIDTH, height: 1000 });
    await revoke(opened);
    for (const picture of PICTURES) await take(opened, picture);
  } finally {
    await opened.stop();
  }
}

for (const { colorScheme, picture } of await takeStatusPictures()) {
  write(`docs/pictures/status-${colorScheme}.png`, picture);
}
if (process.argv[2] !== 'status') await takeDemo();
