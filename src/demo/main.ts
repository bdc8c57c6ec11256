import { createSystemClock } from '../adapters/node/system-clock.ts';
import { APPS, drawSecrets } from './cast.ts';
import { Children } from './children.ts';
import { MARK } from './commands.ts';
import { startControl } from './control.ts';
import { type Ending, endingOf, ORPHANED, signalled } from './ending.ts';
import { Ledger } from './ledger.ts';
import { LiveStage } from './live-stage.ts';
import { HELP, parseOptions } from './options.ts';
import { Feed } from './page/feed.ts';
import { sample } from './page/sample.ts';
import { startPage } from './page/server.ts';
import { parentGone, STARTED_BY } from './parent.ts';
import { type Ingredients, startParts } from './parts.ts';
import { formatPlayed, playAll, revokeNowAndThen } from './play.ts';
import { formatLine, wantsColor } from './print.ts';
import { Storyteller } from './story.ts';
import { welcome } from './welcome.ts';
import { createWorkspace, removeFolders } from './workspace.ts';

function print(...lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}

async function play(ingredients: Ingredients, feed: Feed, once: boolean): Promise<Ending> {
  const { clock, workspace } = ingredients;
  const byHand = new AbortController();
  const page = await startPage({ feed, clock, acted: () => byHand.abort() });
  print('', `See it live: ${page.url}`, '');
  if (once) feed.setButtons('off');
  const parts = await startParts(ingredients);
  const stage = new LiveStage(ingredients, parts);
  for (const app of APPS) stage.startApp(app);
  if (!once) {
    const { url: control } = await startControl(stage);
    page.open(stage);
    print(...welcome({ addresses: parts.addresses, workspace, control, page: page.url }));
    return revokeNowAndThen(stage, byHand.signal);
  }
  const played = await playAll(stage);
  return { exitCode: played.every(({ verdict }) => verdict.held) ? 0 : 1, report: formatPlayed(played) };
}

/** Runs the demo to its end, whichever comes first; leaves neither processes nor files. */
async function run(once: boolean): Promise<Ending> {
  // Before there are files, so that none are left.
  const interrupted = signalled(once);
  const clock = createSystemClock();
  const look = { color: wantsColor(process.stdout.isTTY, process.env['NO_COLOR']), start: clock.now() };
  const secrets = drawSecrets();
  const workspace = createWorkspace(secrets);
  process.on('exit', () => removeFolders(workspace.folders));
  const storyteller = new Storyteller();
  const feed = new Feed(() => APPS.map((app) => sample(workspace, app)));
  const ledger = new Ledger(clock, (event) => {
    const line = storyteller.tell(event);
    if (line !== undefined) print(formatLine(line, look));
    feed.enter(event);
  });
  const early = Promise.withResolvers<Ending>();
  const children = new Children((death) => early.resolve(endingOf(death)));
  process.stdout.on('error', () => early.resolve({ exitCode: 1 }));
  const mark = process.env[MARK] ?? `demo-${process.pid}`;
  const orphaned = parentGone(Number(process.env[STARTED_BY] ?? process.ppid)).then(() => ORPHANED);
  const played = play({ clock, children, ledger, workspace, secrets, mark }, feed, once).catch(
    (error: unknown): Ending => ({ exitCode: 1, message: error instanceof Error ? error.message : String(error) }),
  );
  const ending = await Promise.race([early.promise, interrupted, orphaned, played]);
  ledger.close(new Error('The demo is ending.'));
  await children.stopAll();
  return ending;
}

const options = parseOptions(process.argv.slice(2));
if (options.kind === 'help') print(HELP.trimEnd());
else if (options.kind === 'error') {
  process.stderr.write(`${options.message}\n`);
  process.exitCode = 2;
} else {
  const { exitCode, message, report = [] } = await run(options.once);
  print(...report);
  if (message !== undefined) process.stderr.write(`${message}\n`);
  process.exit(exitCode);
}
