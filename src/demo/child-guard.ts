// Preloaded into a program that was not written for the demo: ends it when the demo has ended.
import { exitWithParent } from './child.ts';

exitWithParent();
// The program ends as it would without the demo: the channel does not keep it alive.
process.channel?.unref();
